//! Takes one unreachable version away: mark, delete, forget.

use super::removal::{Removed, remove};
use super::stop::Stop;
use super::{Hold, built_tests, seconds, update};
use crate::ports::{Deletion, Ports};
use crate::release::{Refusal, RunOutcome, StageName, Version, VersionRef};

/// Marks the version, deletes its stack and, when that is gone within the hold, forgets the version. Called again, it
/// goes on where it stopped. A stack with a fixed name stays: its name and its data are its owner's.
pub(super) async fn retire(
    (ports, stage): (&Ports, &StageName),
    of: &VersionRef,
    most: Deletion,
    hold: &Hold,
) -> Result<Removed, Stop> {
    let now = || seconds(ports.clock.now());
    let at = now();
    let after = match update::update_within(hold, (ports, stage), |stage| stage.retire(of, at)).await {
        Ok((after, ())) => after,
        // Another sweep was faster.
        Err(Stop::Refused(Refusal::NothingDeployed { .. })) => return Ok(Removed::Gone),
        Err(stop) => return Err(stop),
    };
    let Some(version) = after.version(of) else {
        return Ok(Removed::Gone);
    };
    end_build(ports, stage, version).await?;
    let removed = if version.stack.name == of.stack_name(stage) {
        remove(ports, &version.stack, most, hold).await?
    } else {
        tracing::info!(stack = %version.stack.name, %of, "the version is forgotten; its stack has a fixed name and stays");
        Removed::Gone
    };
    if matches!(removed, Removed::Gone | Removed::Forced(_)) {
        let at = now();
        update::update_within(hold, (ports, stage), |stage| stage.forget(of, at)).await?;
    }
    Ok(removed)
}

/// Ends the build that tests the version, if one does: nobody waits for it any more. A run on a machine is ended there.
async fn end_build(ports: &Ports, stage: &StageName, version: &Version) -> Result<(), Stop> {
    match &version.run {
        Some(run) if run.outcome == RunOutcome::Running => match built_tests::stop(ports, stage, &run.id).await {
            // Its stack goes all the same, and then it ends by itself.
            Err(stop) if !stop.is_passing() => {
                tracing::warn!(?stop, run = %run.id, "could not stop the build");
                Ok(())
            }
            other => other,
        },
        Some(_) | None => Ok(()),
    }
}
