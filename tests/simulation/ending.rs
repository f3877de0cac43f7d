//! The end of a seed: the weather is fine, every execution has ended, and nothing may be left behind.

use std::collections::BTreeSet;

use super::reach::reached;
use super::time::{MINUTE, Millis, SECOND};
use super::world::World;

/// An orphan is taken away when it is an hour old by clocks that are ten minutes off, and looked for every ten minutes; by
/// then the grace for what failed and the deletion of stacks are long over.
const LONGEST: Millis = 90 * MINUTE;

/// P10, P11: waits until nothing is left behind, and not for ever.
pub(crate) async fn nothing_is_left(world: &World) {
    let until = world.sky.time.now() + LONGEST;
    loop {
        let left = left_behind(world);
        if left.is_empty() {
            return;
        }
        if world.sky.time.now() >= until {
            world.sky.trace.breaks(format!("P11: left behind: {}", left.join("; ")));
            return;
        }
        world.sky.time.pass(10 * SECOND).await;
    }
}

/// Everything that nobody needs.
fn left_behind(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    let stage = world.memory.stage();
    let reached = reached(&stage);
    let needed: BTreeSet<&str> =
        reached.iter().filter_map(|of| stage.version(of)).map(|version| version.stack.name.as_str()).collect();
    // One that is being deleted goes by itself; here it does so only where somebody looks.
    let stacks = world.memory.stacks.there();
    let unneeded = stacks.iter().filter(|stack| !needed.contains(stack.name.as_str()));
    left.extend(unneeded.map(|stack| format!("stack {}", stack.name)));
    let versions = stage.all_versions().filter(|(of, version)| version.state.is_on_its_way() || !reached.contains(of));
    left.extend(versions.map(|(of, version)| format!("version {of}, {:?}", version.state)));
    let runs: usize = world.hosts.iter().map(|host| host.runs()).sum();
    left.extend((runs > 0).then(|| format!("{runs} test runs")));
    let pages = world.memory.journal.now();
    left.extend(pages.iter().map(|page| format!("the page of {} with {:?}", page.worker, page.jobs)));
    let held = world.memory.jobs.held();
    left.extend((held > 0).then(|| format!("{held} jobs that are held")));
    left
}
