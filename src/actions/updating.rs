//! Strategy `update`: the fixed stack is brought to what was tested, behind the barrier, when no blue reaches it.

use std::collections::BTreeMap;

use super::properties::{FixedStack, Promote};
use super::removal::{FIRST_LOOK, LONGEST_LOOK};
use super::stop::Stop;
use super::template::{GREEN_DEPLOYMENT, digest};
use super::{Turn, hand_over, messages, tags};
use crate::ports::{MadeFrom, ReadyStack, StackSpec, StackState};
use crate::release::{Promotion, Refusal, StackRef, Stage, Updated, Version, VersionRef};

/// Makes the version live in the fixed stack: the stage as it then is, or what it waits for.
pub(super) async fn promote(
    turn: &Turn<'_>,
    (properties, fixed): (&Promote, &FixedStack),
    (of, terms): (&VersionRef, Promotion),
) -> Result<Result<Stage, String>, Stop> {
    if let Some(waits_for) = hand_over::drain(turn, properties, of).await? {
        return Ok(Err(waits_for));
    }
    let stage = turn.read(&properties.stage).await?;
    let version = stage.version(of).ok_or_else(|| gone(of))?;
    let spec = spec_of(turn, (properties, fixed), (of, version)).await?;
    if version.green.is_some() {
        let switchboard = hand_over::switchboard(turn, properties);
        if !switchboard.silence_all_but(of, &fixed.name).await? {
            return Ok(Err(messages::events_are_handed_over(of)));
        }
        turn.update(&properties.stage, |stage| stage.begin_update(of, &fixed.name)).await?;
    }
    let Some(ready) = apply(turn, &spec, of).await? else {
        return Ok(Err(messages::being_updated(of, &fixed.name)));
    };
    let updated = Updated {
        stack: StackRef { name: fixed.name.clone(), id: Some(ready.id), changed_at: ready.changed_at },
        outputs: ready.outputs,
    };
    let (stage, ()) = turn.update(&properties.stage, |stage| stage.finish_update(of, &updated, terms)).await?;
    Ok(Ok(stage))
}

/// What was tested, to be applied to the fixed stack: template and parameters as the tested stack has them, but for
/// `GreenDeployment`.
async fn spec_of(
    turn: &Turn<'_>,
    (properties, fixed): (&Promote, &FixedStack),
    (of, version): (&VersionRef, &Version),
) -> Result<StackSpec, Stop> {
    let MadeFrom { template, parameters } = turn.ports.stacks.made_from(&version.stack).await?;
    if digest(&template) != version.template_digest {
        return Err(Refusal::ChangedSinceTested { of: of.clone() }.into());
    }
    let mut given = BTreeMap::new();
    for (name, value) in parameters {
        let value = if name == GREEN_DEPLOYMENT { Some("true".to_owned()) } else { value };
        let Some(value) = value else {
            return Err(messages::hidden_parameter(&name));
        };
        given.insert(name, value);
    }
    let execution = &turn.job.pipeline.execution;
    Ok(StackSpec {
        stack: StackRef { name: fixed.name.clone(), id: None, changed_at: None },
        stage: properties.stage.clone(),
        template,
        parameters: given,
        tags: tags::of(turn, &properties.stage, of),
        capabilities: fixed.capabilities.clone(),
        role_arn: fixed.role_arn.clone(),
        request_token: format!("bluestage-{}", execution.action_execution_id),
    })
}

/// Applies it until it is done; `None` when it still goes on after the hold.
async fn apply(turn: &Turn<'_>, spec: &StackSpec, of: &VersionRef) -> Result<Option<ReadyStack>, Stop> {
    let change_set = format!("bluestage-{}", of.version);
    let mut pause = FIRST_LOOK;
    loop {
        let because = match turn.ports.stacks.apply(spec, &change_set).await? {
            StackState::Ready(ready) => return Ok(Some(ready)),
            StackState::Failed { because, .. } => because,
            StackState::Absent => messages::deleted_from_outside(&spec.stack.name),
            StackState::InProgress { .. } => {
                if !turn.hold.pause(turn.ports.dice.jittered(pause)).await {
                    return Ok(None);
                }
                pause = (pause * 2).min(LONGEST_LOOK);
                continue;
            }
        };
        return Err(Stop::StackFailed { stack: spec.stack.name.clone(), because });
    }
}

fn gone(of: &VersionRef) -> Stop {
    Stop::Refused(Refusal::NothingDeployed { service: of.service.clone() })
}
