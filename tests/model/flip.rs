//! Events are handed over: which stack is changed next, and how CloudFormation changes it.

use bluestage::release::{Stage, VersionRef};

use super::task::{Flip, Step, Then};
use super::world::{Stack, World};

/// The next stack to change so that this version, and no other of its service, has the parameter set.
pub(super) fn next_flip(stage: &Stage, to: &VersionRef) -> Option<Flip> {
    stage.next_turn(to).map(|(of, on)| Flip { of, on, made_at: 0, changed_before: None })
}

pub(super) fn after_flip(stage: &Stage, by: Option<VersionRef>) -> Then {
    let Some(of) = by else { return Then::Later };
    Then::Next(match next_flip(stage, &of) {
        Some(flip) => Step::Prepare(Some(of), flip),
        None => Step::FinishPromotion(of),
    })
}

/// CloudFormation updates the stack, unless it was updated since the change set was made.
pub(super) fn change_stack(world: &mut World, (by, flip): (Option<VersionRef>, Flip), fences: bool) -> Then {
    let Some((id, stack)) = world.stack_of(&flip.of).map(|(id, stack)| (id.clone(), stack.clone())) else {
        return Then::Later;
    };
    if stack.is_green == flip.on {
        return Then::Next(Step::Settle(by, Flip { made_at: stack.updates, ..flip }));
    }
    if fences && stack.updates != flip.made_at {
        return Then::Later;
    }
    if let Some(by) = &by {
        super::rules::check_update(world, by, &flip.of);
    }
    let made_at = stack.updates + 1;
    world.stacks.insert(id, Stack { is_green: flip.on, updates: made_at, ..stack });
    Then::Next(Step::Settle(by, Flip { made_at, ..flip }))
}
