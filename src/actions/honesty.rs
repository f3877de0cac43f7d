//! Honest tests: a run during which something outside changed a stack that it can reach does not count.
//!
//! As a run begins, every stack in reach is looked at, and again as it ends; the two must be the same stacks, unchanged.
//! A run is never red for somebody else's change, and never green by it either.
//!
//! Of many stacks a listing tells, which may be behind. Nobody loses a run to that: a stack that seems older than is known
//! as a run begins, or changed as it ends, is asked for by itself before anything follows from it.

use std::collections::BTreeSet;

use super::Turn;
use super::stop::Stop;
use crate::ports::Glance;
use crate::release::{SeenStacks, StackRef, Stage, VersionRef};

/// Stands for the last change of a stack that is not there, or not ready.
const NOT_READY: &str = "not ready";

/// Every stack that the tests of this version can reach, as it is now.
pub(super) async fn look(turn: &Turn<'_>, stage: &Stage, of: &VersionRef) -> Result<SeenStacks, Stop> {
    let mut reached: BTreeSet<VersionRef> = stage.closure_of(of);
    reached.insert(of.clone());
    let versions = reached.iter().filter_map(|of| stage.version(of));
    let stacks: Vec<StackRef> = versions.map(|version| version.stack.clone()).collect();
    // Such times sort as texts, but for two in the same second, in which nobody changes a stack twice.
    let glances = turn.ports.glances.at(&*turn.ports.stacks, &stacks, |known, shown| shown >= known).await?;
    Ok(stacks
        .into_iter()
        .map(|stack| stack.id.unwrap_or(stack.name))
        .zip(glances.into_iter().map(changed_at))
        .collect())
}

/// The stacks that are not as they were seen, each with how they are now.
pub(super) async fn changes(turn: &Turn<'_>, seen: &SeenStacks) -> Result<Vec<String>, Stop> {
    let as_seen = |(id, at): (&String, &Option<String>)| StackRef {
        name: id.clone(),
        id: Some(id.clone()),
        changed_at: at.clone(),
    };
    let stacks: Vec<StackRef> = seen.iter().map(as_seen).collect();
    let glances = turn.ports.glances.at(&*turn.ports.stacks, &stacks, |known, shown| shown == known).await?;
    let now = stacks.into_iter().zip(glances.into_iter().map(changed_at));
    let changed = now.filter(|(before, now)| *now != before.changed_at);
    let told = |at: Option<String>| at.unwrap_or_else(|| "at an unknown time".to_owned());
    let as_told = |(before, now): (StackRef, Option<String>)| {
        format!("{} (last changed {}, before the tests {})", before.name, told(now), told(before.changed_at))
    };
    Ok(changed.map(as_told).collect())
}

fn changed_at(glance: Glance) -> Option<String> {
    match glance {
        Glance::Ready(at) => at,
        Glance::NotReady => Some(NOT_READY.to_owned()),
    }
}
