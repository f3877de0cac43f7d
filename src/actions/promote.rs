//! promote: the tested blue becomes live, in one write.

use std::collections::BTreeMap;
use std::time::Duration;

use super::properties::Promote;
use super::rebind::rebind;
use super::stop::Stop;
use super::update::Ground;
use super::{Turn, hand_over, messages, updating};
use crate::ports::{Done, StackState, Text, Verdict};
use crate::release::{Green, Promotion, Refusal, ServiceName, StackSeen, Stage, State, Version, VersionRef};

/// How often a promotion that waits for another one looks again.
const LOOK: Duration = Duration::from_secs(2);

/// One turn of the action. There is a second one only when it waits: for another promotion that goes first, or, where the
/// template has events to hand over, for the blues that use what is live.
pub(super) async fn play(turn: &mut Turn<'_>) -> Result<Verdict, Stop> {
    let properties = Promote::of(turn.job)?;
    let ground = turn.ground(&properties.stage).await?;
    let execution_id = &turn.job.pipeline.execution.execution_id;
    let Some(version) = ground.stage().made_by(&properties.service, execution_id) else {
        return was_live(ground.stage(), &properties.service, execution_id);
    };
    let of = VersionRef { service: properties.service.clone(), version: version.id.clone() };
    turn.is_about(&of);
    let seen = look_at_stack(turn, version).await?;
    let terms = Promotion { on_skew: properties.on_skew, keep: properties.keep, at: turn.now() };
    let mut ground = Some(ground);
    loop {
        match promote(turn, &properties, ground.take(), (&of, &seen, terms)).await {
            Ok(Promoted::Live(verdict)) => return Ok(*verdict),
            Ok(Promoted::Waiting(summary)) => return turn.go_on(of.version.as_str(), summary),
            Err(Stop::Refused(refusal)) if may_pass(&refusal) => {
                if !turn.hold.pause(turn.ports.dice.jittered(LOOK)).await {
                    return turn.go_on(of.version.as_str(), messages::waits_its_turn(&refusal));
                }
            }
            // Somebody else who plays this job has been faster; looking again tells that all is done.
            Err(Stop::Refused(Refusal::WrongState { state: State::Live | State::Previous, .. })) => {}
            Err(stop @ Stop::Refused(Refusal::Skewed { .. })) => {
                let at = turn.now();
                turn.update(&properties.stage, |stage| stage.note_loss(&of, at)).await?;
                return Err(stop);
            }
            Err(stop) => return Err(stop),
        }
    }
}

/// Gives the events back to what is live, and lets new views reach it again.
pub(super) async fn give_up(turn: &mut Turn<'_>) {
    let Ok(properties) = Promote::of(turn.job) else {
        return;
    };
    let Ok(stage) = turn.read(&properties.stage).await else {
        return;
    };
    let execution_id = &turn.job.pipeline.execution.execution_id;
    let Some(version) = stage.made_by(&properties.service, execution_id) else {
        return;
    };
    let of = VersionRef { service: properties.service.clone(), version: version.id.clone() };
    if let Err(stop) = hand_over::undo(turn, &properties, &of).await {
        tracing::warn!(?stop, "could not give the events back; the sweep will");
    }
}

/// Whether the refusal will be gone a little later.
fn may_pass(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Reserved { .. }
            | Refusal::Pinned { .. }
            | Refusal::Barred { .. }
            | Refusal::Held { .. }
            // Somebody who has just switched back is handing the events over.
            | Refusal::SecondSubscriber { .. }
    )
}

/// The verdict when the version is not there any more: its promotion was done before, or it never came to that.
fn was_live(stage: &Stage, service: &ServiceName, execution_id: &str) -> Result<Verdict, Stop> {
    let of = stage.was_live(service, execution_id).ok_or_else(|| stage.absence_of(service, execution_id))?;
    Ok(Verdict::Done(Done {
        external_id: Text::cut(of.version.to_string()),
        summary: Text::cut(messages::was_live(stage, of)),
        variables: BTreeMap::from([("Version".to_owned(), of.version.to_string())]),
    }))
}

/// How far a promotion has come.
enum Promoted {
    /// The version is live; the verdict that says so.
    Live(Box<Verdict>),
    /// It waits; for what.
    Waiting(String),
}

/// One write, where nothing is to be done but to write. Else the intent, then the update of the fixed stack or the
/// hand-over of the events, and then the write that makes it live.
async fn promote(
    turn: &Turn<'_>,
    properties: &Promote,
    ground: Option<Ground>,
    (of, seen, terms): (&VersionRef, &StackSeen, Promotion),
) -> Result<Promoted, Stop> {
    let name = &properties.stage;
    let (stage, is_begun) = turn
        .update_on((name, ground), |stage| {
            stage.begin_promotion(of, seen, terms)?;
            let only_written = properties.update.is_none() && !has_events(stage, of);
            if only_written {
                stage.finish_promotion(of, terms)?;
            }
            Ok(!only_written)
        })
        .await?;
    if !is_begun {
        return live(turn, properties, (&stage, of, None)).await;
    }
    let has_events = has_events(&stage, of);
    let is_promoting = stage.version(of).is_some_and(|version| version.state == State::Promoting);
    if let (Some(fixed), true) = (&properties.update, is_promoting) {
        return match updating::promote(turn, (properties, fixed), (of, terms)).await? {
            Ok(stage) => live(turn, properties, (&stage, of, None)).await,
            Err(waits_for) => Ok(Promoted::Waiting(waits_for)),
        };
    }
    let mut gap = None;
    if has_events && is_promoting {
        match hand_over::to(turn, properties, of).await? {
            Ok(nobody_got_events) => gap = Some(nobody_got_events),
            Err(waits_for) => return Ok(Promoted::Waiting(waits_for)),
        }
    }
    let (stage, ()) = turn.update(name, |stage| stage.finish_promotion(of, terms)).await?;
    live(turn, properties, (&stage, of, gap)).await
}

/// Whether the version's template declares `GreenDeployment`.
fn has_events(stage: &Stage, of: &VersionRef) -> bool {
    stage.version(of).is_some_and(|version| version.green.is_some())
}

/// The version is live: the verdict that says so, and whatever is to follow.
async fn live(
    turn: &Turn<'_>,
    properties: &Promote,
    (stage, of, gap): (&Stage, &VersionRef, Option<Duration>),
) -> Result<Promoted, Stop> {
    let rebound = if properties.rebind { rebind_consumers(turn, stage, of).await } else { String::new() };
    let verdict = done(stage, of, (gap, rebound)).ok_or_else(|| nothing_deployed(properties))?;
    Ok(Promoted::Live(Box::new(verdict)))
}

/// Starts the pipelines of the services that fell behind by this promotion, and tells which. The promotion stands
/// whatever comes of it.
async fn rebind_consumers(turn: &Turn<'_>, stage: &Stage, of: &VersionRef) -> String {
    let behind = stage.behind().into_iter();
    let consumers = behind.filter(|behind| behind.wired_to.service == of.service).map(|behind| behind.of.service);
    match rebind(turn.ports, &stage.name, Some(&consumers.collect()), of.version.as_str()).await {
        Ok(rebound) => messages::rebound(&rebound),
        Err(why) => why,
    }
}

/// The stack as it is now, so that what goes live is what was tested.
async fn look_at_stack(turn: &Turn<'_>, version: &Version) -> Result<StackSeen, Stop> {
    if let (Some(Green::TurningOn | Green::On), Some(tested)) = (version.green, &version.tested) {
        // It was looked at before; since then we are changing it ourselves.
        return Ok(StackSeen { id: tested.stack_id.clone(), changed_at: tested.stack_changed_at.clone() });
    }
    Ok(match turn.ports.stacks.read(&version.stack).await? {
        StackState::Ready(ready) => StackSeen { id: ready.id, changed_at: ready.changed_at },
        // Like no stack that was tested. Only a version that may go live is refused for that; one that is live
        // already stays so, and one that was given up is refused because it was.
        StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => {
            StackSeen { id: String::new(), changed_at: None }
        }
    })
}

fn done(stage: &Stage, of: &VersionRef, (gap, rebound): (Option<Duration>, String)) -> Option<Verdict> {
    let version = stage.version(of)?;
    let is_live = version.state == State::Live;
    let previous = stage.services.get(&of.service)?.previous.first().filter(|_| is_live);
    let summary = if is_live { messages::promoted(stage, of, (previous, gap)) } else { messages::was_live(stage, of) };
    let variables = [
        ("Version", version.id.to_string()),
        ("PreviousVersion", previous.map(ToString::to_string).unwrap_or_default()),
        ("StackName", version.stack.name.clone()),
    ];
    Some(Verdict::Done(Done {
        external_id: Text::cut(version.id.to_string()),
        summary: Text::cut(summary + &rebound),
        variables: variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }))
}

fn nothing_deployed(properties: &Promote) -> Stop {
    Stop::Refused(Refusal::NothingDeployed { service: properties.service.clone() })
}
