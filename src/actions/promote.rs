//! promote: the tested blue becomes live, in one write.

use std::time::Duration;

use super::properties::Promote;
use super::stop::Stop;
use super::{Turn, messages};
use crate::ports::{Done, StackState, Text, Verdict};
use crate::release::{Promotion, Refusal, StackSeen, Stage, StageName, Version, VersionRef};

/// How often a promotion that waits for another one looks again.
const LOOK: Duration = Duration::from_secs(2);

/// One turn of the action; there is a second only when it waits for another service's promotion.
pub(super) async fn play(turn: &mut Turn<'_>) -> Result<Verdict, Stop> {
    let properties = Promote::of(turn.job)?;
    let stage = turn.read(&properties.stage).await?;
    let execution_id = &turn.job.pipeline.execution.execution_id;
    let version = stage
        .made_by(&properties.service, execution_id)
        .ok_or_else(|| nothing_deployed(&properties))?;
    let of = VersionRef {
        service: properties.service.clone(),
        version: version.id.clone(),
    };
    turn.is_about(&of);
    let seen = look_at_stack(turn, &of, version).await?;
    let terms = Promotion {
        on_skew: properties.on_skew,
        keep: properties.keep,
        at: turn.now(),
    };
    loop {
        match promote(turn, &properties.stage, (&of, &seen, terms)).await {
            Ok(stage) => return done(&stage, &of).ok_or_else(|| nothing_deployed(&properties)),
            Err(Stop::Refused(refusal @ Refusal::Reserved { .. })) => {
                if !turn.hold.pause(turn.ports.dice.jittered(LOOK)).await {
                    return turn.go_on(of.version.as_str(), messages::waits_its_turn(&refusal));
                }
            }
            Err(stop @ Stop::Refused(Refusal::Skewed { .. })) => {
                let at = turn.now();
                turn.update(&properties.stage, |stage| stage.note_loss(&of, at)).await?;
                return Err(stop);
            }
            Err(stop) => return Err(stop),
        }
    }
}

/// The intent, then the one write.
async fn promote(
    turn: &Turn<'_>,
    stage: &StageName,
    (of, seen, terms): (&VersionRef, &StackSeen, Promotion),
) -> Result<Stage, Stop> {
    turn.update(stage, |stage| stage.begin_promotion(of, seen, terms)).await?;
    let (stage, ()) = turn.update(stage, |stage| stage.finish_promotion(of, terms)).await?;
    Ok(stage)
}

/// The stack as it is now, so that what goes live is what was tested.
async fn look_at_stack(
    turn: &Turn<'_>,
    of: &VersionRef,
    version: &Version,
) -> Result<StackSeen, Stop> {
    match turn.ports.stacks.read(&version.stack).await? {
        StackState::Ready(ready) => Ok(StackSeen {
            id: ready.id,
            changed_at: ready.changed_at,
        }),
        // A version that is still being made, or was given up, is refused for that and not for its stack.
        StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. }
            if version.tested.is_none() =>
        {
            Ok(StackSeen {
                id: String::new(),
                changed_at: None,
            })
        }
        StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => {
            Err(Refusal::ChangedSinceTested { of: of.clone() }.into())
        }
    }
}

fn done(stage: &Stage, of: &VersionRef) -> Option<Verdict> {
    let version = stage.version(of)?;
    let previous = stage.services.get(&of.service)?.previous.first();
    let variables = [
        ("Version", version.id.to_string()),
        (
            "PreviousVersion",
            previous.map(ToString::to_string).unwrap_or_default(),
        ),
        ("StackName", version.stack.name.clone()),
    ];
    Some(Verdict::Done(Done {
        external_id: Text::cut(version.id.to_string()),
        summary: Text::cut(messages::promoted(stage, of, previous)),
        variables: variables
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }))
}

fn nothing_deployed(properties: &Promote) -> Stop {
    Stop::Refused(Refusal::NothingDeployed {
        service: properties.service.clone(),
    })
}
