//! The promises, told once more and independently of the core: by naive recomputation over the modelled world.

use std::collections::BTreeSet;

use bluestage::release::{Green, OnSkew, RunOutcome, ServiceName, Stage, State, Version, VersionRef};

use super::scenario::Scenario;
use super::task::{Step, of};
use super::world::World;

/// Everything that somebody may call, by going round until nothing is added any more.
pub(super) fn reachable(stage: &Stage) -> BTreeSet<VersionRef> {
    let mut reached = BTreeSet::new();
    for (name, service) in &stage.services {
        reached.extend(service.live.iter().chain(&service.previous).map(|id| of(name, id)));
    }
    for (it, version) in stage.all_versions() {
        if is_on_its_way(version) {
            reached.extend(version.view.iter().map(|(service, id)| of(service, id)));
            reached.insert(it);
        }
    }
    follow_wiring(stage, reached)
}

fn follow_wiring(stage: &Stage, mut reached: BTreeSet<VersionRef>) -> BTreeSet<VersionRef> {
    loop {
        let versions = reached.iter().filter_map(|it| stage.version(it));
        let wired: BTreeSet<VersionRef> = versions
            .flat_map(|version| version.wiring.iter().map(|(service, wire)| of(service, &wire.version)))
            .collect();
        let before = reached.len();
        reached.extend(wired);
        if reached.len() == before {
            return reached;
        }
    }
}

fn is_on_its_way(version: &Version) -> bool {
    matches!(version.state, State::Creating | State::Blue | State::Tested | State::Promoting)
}

/// P1, P3, P8: whatever somebody may call is there.
pub(super) fn whatever_is_reachable_is_there(world: &World) -> bool {
    let stage = world.stage();
    reachable(stage).iter().all(|it| match stage.version(it) {
        None => false,
        Some(version) => match &version.stack.id {
            Some(_) => world.stack_of(it).is_some(),
            None => matches!(version.state, State::Creating),
        },
    })
}

/// P1: a version is wired to what is in its view.
pub(super) fn wiring_is_part_of_the_view(world: &World) -> bool {
    world.stage().all_versions().all(|(_, version)| {
        version.wiring.iter().all(|(service, wire)| version.view.get(service) == Some(&wire.version))
    })
}

/// P2: what is in somebody else's view or wiring was live.
pub(super) fn nobody_sees_what_was_never_live(world: &World) -> bool {
    world.stage().all_versions().all(|(it, version)| {
        let wired = version.wiring.iter().map(|(service, wire)| of(service, &wire.version));
        let viewed = version.view.iter().map(|(service, id)| of(service, id));
        wired.chain(viewed).all(|other| other == it || world.promoted.contains(&other))
    })
}

/// P14: at most one stack of a service has `GreenDeployment` on, and at most one version says it may have.
pub(super) fn one_version_gets_the_events(world: &World) -> bool {
    let may_be_on = |green: Option<Green>| green.is_some_and(|green| green != Green::Off);
    world.stage().services.iter().all(|(name, service)| {
        let on = world.stacks.values().filter(|stack| stack.exists && stack.is_green && stack.of.service == *name);
        on.count() <= 1 && service.versions.values().filter(|version| may_be_on(version.green)).count() <= 1
    })
}

/// P3: our own change of a live stack disturbs no blue but the one that is being promoted.
pub(super) fn check_update(world: &mut World, by: &VersionRef, changed: &VersionRef) {
    let stage = world.stage();
    let others = stage.all_versions().filter(|(it, version)| it != by && it != changed && is_on_its_way(version));
    let mut reached = others.map(|(_, version)| {
        let view = version.view.iter().map(|(service, id)| of(service, id)).collect();
        follow_wiring(stage, view)
    });
    let is_disturbed = reached.any(|reached| reached.contains(changed));
    drop(reached);
    if is_disturbed {
        world.broke("P3: no stack that a blue reaches is changed");
    }
}

/// What every write must keep: the step from one document to the next.
pub(super) fn check_write(world: &mut World, scenario: &Scenario, (after, step): (&Stage, &Step)) {
    let before = world.document.stage.clone();
    let mut broken = Vec::new();
    if after.seq != before.seq + 1 {
        broken.push("P4: every write is one more");
    }
    let changed: Vec<ServiceName> =
        after.services.keys().filter(|name| live(&before, name) != live(after, name)).cloned().collect();
    if changed.len() > 1 {
        broken.push("P4: one promotion at a time");
    }
    for service in changed {
        if !matches!(step, Step::SwitchBack(..)) {
            broken.extend(wrong_promotion(world, scenario, (after, &service)));
        }
    }
    for (it, version) in before.all_versions() {
        broken.extend(wrong_step(&before, (&it, version), after.version(&it)));
    }
    if let Some(first) = broken.first() {
        world.broke(first);
    }
}

fn live(stage: &Stage, service: &ServiceName) -> Option<VersionRef> {
    stage.live(service).map(|live| of(service, &live.id))
}

/// P5, P6, P7.
fn wrong_promotion(
    world: &World,
    scenario: &Scenario,
    (after, service): (&Stage, &ServiceName),
) -> Option<&'static str> {
    let before = world.stage();
    let Some(it) = live(after, service) else {
        return Some("P4: what is live is replaced, never taken away");
    };
    let Some(version) = before.version(&it) else {
        return Some("P5: only what was there goes live");
    };
    if before.live(service).is_some_and(|old| old.ordinal > version.ordinal) {
        return Some("P6: an older version replaces no newer one");
    }
    let view = version.view.iter().filter(|(other, _)| *other != service);
    let is_skewed = view.map(|(other, id)| of(other, id)).any(|other| live(before, &other.service) != Some(other));
    if is_skewed && scenario.on_skew(&it) == OnSkew::Block {
        return Some("P7: nothing goes live that was tested with what is live no longer");
    }
    let passed = version.run.as_ref().is_some_and(|run| run.outcome == RunOutcome::Passed);
    let is_tested = version.tested.as_ref().is_some_and(|tested| {
        let stack = world.stack_of(&it);
        stack.is_some_and(|(id, stack)| {
            *id == tested.stack_id && tested.stack_changed_at == Some(stack.updates.to_string())
        })
    });
    (!passed || !is_tested).then_some("P5: what goes live is what passed")
}

/// P2, P5, P8, P9: what may become of a version, and that what it is bound to stays.
fn wrong_step(before: &Stage, (it, version): (&VersionRef, &Version), after: Option<&Version>) -> Option<&'static str> {
    use State::{Abandoned, Blue, Creating, Live, Previous, Promoting, Retiring, Tested};
    let Some(after) = after else {
        return (version.state != Retiring).then_some("P8: only what is being retired is forgotten");
    };
    let is_allowed = match (version.state, after.state) {
        (from, to) if from == to => true,
        (Creating, to) => matches!(to, Blue | Abandoned),
        (Blue, to) => matches!(to, Tested | Abandoned),
        (Tested, to) => matches!(to, Blue | Promoting | Abandoned),
        (Promoting, to) => matches!(to, Live | Abandoned),
        (Live, to) => to == Previous,
        (Previous, to) => matches!(to, Live | Retiring),
        (Abandoned, to) => to == Retiring,
        (Retiring, _) => false,
    };
    if !is_allowed {
        return Some("P9: what was given up stays given up, and nothing skips a step");
    }
    if after.state == Retiring && version.state != Retiring && reachable(before).contains(it) {
        return Some("P8: only what nobody can reach is marked");
    }
    if (Some(Green::Off), Some(Green::TurningOn)) == (version.green, after.green)
        && !matches!(version.state, Promoting | Live)
    {
        return Some("P9: what was given up gets no events");
    }
    let is_bound = version.view == after.view && version.wiring == after.wiring && version.ordinal == after.ordinal;
    let same_stack = version.stack.id.is_none() || version.stack.id == after.stack.id;
    (!is_bound || !same_stack).then_some("P1: a view and a wiring never change")
}
