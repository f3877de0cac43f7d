//! Takes one unreachable version away: mark, delete, forget.

use super::removal::{Removed, remove};
use super::stop::Stop;
use super::{Hold, seconds, update};
use crate::ports::{Deletion, Ports};
use crate::release::{Refusal, StageName, VersionRef};

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
