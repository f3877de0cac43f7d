//! Takes one stack away, in whatever state it is, and sees it through as long as the hold lasts.

use std::time::Duration;

use super::stop::Stop;
use super::{Hold, messages};
use crate::ports::{Deleting, Deletion, Ports, StackState};
use crate::release::StackRef;

/// The first pause between two looks at a stack that is being deleted or made.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The longest pause between two looks. CloudFormation answers about five `DescribeStacks` a second for a whole
/// account, so fifty stacks of as many workers, each watched at this pace, use it up; many of one worker share a listing.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// CloudFormation's word for a stack that has a change set and no resources yet: nothing will happen to it by itself.
pub(super) const NOTHING_MADE_YET: &str = "REVIEW_IN_PROGRESS";

/// How far the removal of a stack has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It is gone.
    Gone,
    /// It is gone, and resources that could not be deleted stay behind: the first of them, with CloudFormation's reason.
    Forced(String),
    /// It is still being deleted, or made.
    Going,
    /// It could not be deleted, and why.
    Stuck(String),
}

/// Deletes the stack. Called again, it goes on where it stopped. A stack whose deletion fails is deleted by force only
/// where the caller says so: CloudFormation takes that only after a deletion as usual has failed.
pub(super) async fn remove(ports: &Ports, stack: &StackRef, most: Deletion, hold: &Hold) -> Result<Removed, Stop> {
    let wait = ports.glances.wait();
    let mut pause = FIRST_LOOK;
    let mut asked = None;
    let mut left_behind = None;
    loop {
        let state = wait.look(ports, stack).await?;
        let next = match (state, asked) {
            (StackState::Absent, _) => break,
            // Deleting a stack while it is being made is risky; its making ends by itself.
            (StackState::InProgress { doing, .. }, _) if doing != NOTHING_MADE_YET => None,
            (StackState::Failed { because, .. }, Some(before)) => {
                let why = format!("{}: {}", because.resource, because.reason);
                if before == most {
                    return Ok(Removed::Stuck(why));
                }
                left_behind = Some(why);
                Some(Deletion::Forced)
            }
            _ => Some(asked.unwrap_or(Deletion::Whole)),
        };
        if let Some(how) = next {
            if ports.stacks.delete(stack, how).await? == Deleting::Protected {
                return Ok(Removed::Stuck(messages::protected_against_deletion(&stack.name)));
            }
            asked = Some(how);
            if ports.stacks.read(stack).await? == StackState::Absent {
                break;
            }
        }
        if !hold.pause(ports.dice.jittered(pause)).await {
            return Ok(Removed::Going);
        }
        pause = (pause * 2).min(LONGEST_LOOK);
    }
    Ok(left_behind.map_or(Removed::Gone, Removed::Forced))
}
