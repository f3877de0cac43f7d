//! Before a version that shares events with others goes live: the barrier, the drain, the hand-over; and all of it back.

use std::time::Duration;

use super::events::{HandOver, Switchboard};
use super::properties::Promote;
use super::stop::Stop;
use super::{Turn, messages};
use crate::ports::ExecutionStatus;
use crate::release::{Stage, VersionRef};

/// How often the blues that use the live version are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long the barrier holds beyond the drain: time to update two stacks. It is void after that, so a promotion that
/// died keeps nobody out for ever.
const TIME_FOR_UPDATES: Duration = Duration::from_secs(30 * 60);

/// Hands the events to the version: for how long nobody got any, or what it waits for.
pub(super) async fn to(
    turn: &Turn<'_>,
    properties: &Promote,
    of: &VersionRef,
) -> Result<Result<Duration, String>, Stop> {
    if let Some(waits_for) = drain(turn, properties, of).await? {
        return Ok(Err(waits_for));
    }
    match switchboard(turn, properties).hand_to(of, of).await? {
        HandOver::Done(gap) => Ok(Ok(gap)),
        HandOver::Going => Ok(Err(messages::events_are_handed_over(of))),
    }
}

/// Raises the barrier and waits until no blue reaches what is live. Tells whom it still waits for.
pub(super) async fn drain(turn: &Turn<'_>, properties: &Promote, of: &VersionRef) -> Result<Option<String>, Stop> {
    let at = turn.now();
    let until = at + (properties.drain + TIME_FOR_UPDATES).as_secs();
    let (mut stage, ()) = turn.update(&properties.stage, |stage| stage.raise_barrier(of, until, at)).await?;
    loop {
        let holders = stage.holders(of);
        if holders.is_empty() {
            return Ok(None);
        }
        let barrier = stage.barrier(&of.service, turn.now());
        let give_up_at = barrier.map_or(0, |barrier| barrier.until.saturating_sub(TIME_FOR_UPDATES.as_secs()));
        if turn.now() >= give_up_at {
            let (failed, going) = split_by_failure(turn, &stage, holders).await;
            return Err(Stop::NotDrained { going, failed });
        }
        if !turn.hold.pause(turn.ports.dice.jittered(LOOK)).await {
            return Ok(Some(messages::waits_for_blues(of, &holders)));
        }
        stage = turn.read(&properties.stage).await?;
    }
}

/// Gives the events back to what is live and lowers the barrier. What takes longer than the job may be held, the sweep
/// sees through.
pub(super) async fn undo(turn: &Turn<'_>, properties: &Promote, of: &VersionRef) -> Result<(), Stop> {
    let stage = turn.read(&properties.stage).await?;
    let raised = stage.services.get(&of.service).and_then(|service| service.barrier.as_ref());
    if raised.is_none_or(|barrier| barrier.by != *of) {
        return Ok(());
    }
    if let Some(live) = stage.live(&of.service) {
        let live = VersionRef { service: of.service.clone(), version: live.id.clone() };
        if switchboard(turn, properties).hand_to(&live, of).await? == HandOver::Going {
            return Ok(());
        }
    }
    let at = turn.now();
    turn.update(&properties.stage, |stage| stage.lower_barrier(of, at)).await?;
    Ok(())
}

/// Those whose pipeline execution has failed, and the others. A failed one counts all the same: it may be retried.
async fn split_by_failure(
    turn: &Turn<'_>,
    stage: &Stage,
    holders: Vec<VersionRef>,
) -> (Vec<VersionRef>, Vec<VersionRef>) {
    let (mut failed, mut going) = (Vec::new(), Vec::new());
    for of in holders {
        let status = match stage.version(&of) {
            Some(version) => turn.ports.jobs.execution(&version.execution).await.ok(),
            None => None,
        };
        // Where CodePipeline does not say, the plain sentence about it is still true.
        if status == Some(ExecutionStatus::Failed) { failed.push(of) } else { going.push(of) }
    }
    (failed, going)
}

pub(super) fn switchboard<'a>(turn: &'a Turn<'_>, properties: &'a Promote) -> Switchboard<'a> {
    Switchboard { ports: turn.ports, stage: &properties.stage, hold: turn.hold }
}
