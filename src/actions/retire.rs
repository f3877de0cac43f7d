//! Takes one unreachable version away: mark, delete, forget.

use std::time::Duration;

use super::stop::Stop;
use super::{Hold, seconds, update};
use crate::ports::{Ports, StackState};
use crate::release::{Refusal, StageName, VersionRef};

/// The first pause between two looks at a stack that is being deleted or made.
pub(super) const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The longest pause between two looks. CloudFormation answers about five `DescribeStacks` a second for a whole
/// account, so fifty stacks watched at this pace use it up.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(10);

/// CloudFormation's word for a stack that has a change set and no resources yet: nothing will happen to it by itself.
pub(super) const NOTHING_MADE_YET: &str = "REVIEW_IN_PROGRESS";

/// How far the removal of a version has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Retired {
    /// Its stack is gone and the stage has forgotten it.
    Gone,
    /// Its stack is still being deleted.
    Going,
    /// Its stack could not be deleted, in CloudFormation's words.
    Stuck(String),
}

/// Marks the version, deletes its stack and, when that is gone within the hold, forgets the version. Called again, it
/// goes on where it stopped.
pub(super) async fn retire(ports: &Ports, stage: &StageName, of: &VersionRef, hold: &Hold) -> Result<Retired, Stop> {
    let now = || seconds(ports.clock.now());
    let at = now();
    let after = match update::update_within(hold, (ports, stage), |stage| stage.retire(of, at)).await {
        Ok((after, ())) => after,
        // Another sweep was faster.
        Err(Stop::Refused(Refusal::NothingDeployed { .. })) => return Ok(Retired::Gone),
        Err(stop) => return Err(stop),
    };
    let Some(version) = after.version(of) else {
        return Ok(Retired::Gone);
    };
    let mut pause = FIRST_LOOK;
    let mut asked = false;
    loop {
        match ports.stacks.read(&version.stack).await? {
            StackState::Absent => break,
            // Deleting a stack while it is being made is risky; its making ends by itself.
            StackState::InProgress { doing, .. } if doing != NOTHING_MADE_YET => {}
            StackState::Failed { because, .. } if asked => {
                return Ok(Retired::Stuck(format!("{}: {}", because.resource, because.reason)));
            }
            StackState::InProgress { .. } | StackState::Ready(_) | StackState::Failed { .. } => {
                ports.stacks.delete(&version.stack).await?;
                asked = true;
                if ports.stacks.read(&version.stack).await? == StackState::Absent {
                    break;
                }
            }
        }
        if !hold.pause(ports.dice.jittered(pause)).await {
            return Ok(Retired::Going);
        }
        pause = (pause * 2).min(LONGEST_LOOK);
    }
    let at = now();
    update::update_within(hold, (ports, stage), |stage| stage.forget(of, at)).await?;
    Ok(Retired::Gone)
}
