//! promote: the tested blue becomes live, in one write.

use super::properties::Promote;
use super::stop::Stop;
use super::{Turn, messages};
use crate::ports::{Done, StackState, Text, Verdict};
use crate::release::{Promotion, Refusal, StackSeen, Stage, Version, VersionRef};

/// One turn of the action; there is never a second.
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
    let seen = look_at_stack(turn, version).await?;
    let terms = Promotion {
        on_skew: properties.on_skew,
        keep: properties.keep,
        at: turn.now(),
    };
    turn.update(&properties.stage, |stage| {
        stage.begin_promotion(&of, &seen, terms)
    })
    .await?;
    let (stage, ()) = turn
        .update(&properties.stage, |stage| {
            stage.finish_promotion(&of, terms)
        })
        .await?;
    done(&stage, &of).ok_or_else(|| nothing_deployed(&properties))
}

/// The stack as it is now, so that what goes live is what was tested.
async fn look_at_stack(turn: &Turn<'_>, version: &Version) -> Result<StackSeen, Stop> {
    Ok(match turn.ports.stacks.read(&version.stack).await? {
        StackState::Ready(ready) => StackSeen {
            id: ready.id,
            changed_at: ready.changed_at,
        },
        // Like no stack that was tested. Only a version that may go live is refused for that; one that is live
        // already stays so, and one that was given up is refused because it was.
        StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => {
            StackSeen {
                id: String::new(),
                changed_at: None,
            }
        }
    })
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
        summary: Text::cut(messages::promoted(&stage.name, of, (version, previous))),
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
