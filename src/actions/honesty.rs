//! Honest tests: a run during which something outside changed a stack that it can reach does not count.
//!
//! As a run begins, every stack in reach is looked at, and again as it ends; the two must be the same stacks, unchanged.
//! A run is never red for somebody else's change, and never green by it either.

use std::collections::BTreeSet;

use super::Turn;
use super::stop::Stop;
use crate::ports::StackState;
use crate::release::{SeenStacks, StackRef, Stage, VersionRef};

/// Stands for the last change of a stack that is not there, or not ready.
const NOT_READY: &str = "not ready";

/// Every stack that the tests of this version can reach, as it is now.
pub(super) async fn look(turn: &Turn<'_>, stage: &Stage, of: &VersionRef) -> Result<SeenStacks, Stop> {
    let mut reached: BTreeSet<VersionRef> = stage.closure_of(of);
    reached.insert(of.clone());
    let mut seen = SeenStacks::new();
    for stack in reached.iter().filter_map(|of| stage.version(of)).map(|version| &version.stack) {
        seen.insert(named(stack), changed_at(turn, stack).await?);
    }
    Ok(seen)
}

/// The stacks that are not as they were seen, each with how they are now.
pub(super) async fn changes(turn: &Turn<'_>, seen: &SeenStacks) -> Result<Vec<String>, Stop> {
    let mut changes = Vec::new();
    for (id, before) in seen {
        let stack = StackRef { name: id.clone(), id: Some(id.clone()), changed_at: None };
        let now = changed_at(turn, &stack).await?;
        if now != *before {
            let told = |at: &Option<String>| at.clone().unwrap_or_else(|| "at an unknown time".to_owned());
            changes.push(format!("{id} (last changed {}, before the tests {})", told(&now), told(before)));
        }
    }
    Ok(changes)
}

async fn changed_at(turn: &Turn<'_>, stack: &StackRef) -> Result<Option<String>, Stop> {
    Ok(match turn.ports.stacks.read(stack).await? {
        StackState::Ready(ready) => ready.changed_at,
        StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => Some(NOT_READY.to_owned()),
    })
}

fn named(stack: &StackRef) -> String {
    stack.id.clone().unwrap_or_else(|| stack.name.clone())
}
