//! GetPipelineState, ListActionExecutions, ListDeployActionExecutionTargets: what the console shows.

use serde::Deserialize;
use serde_json::{Value, json};

use super::conditions;
use super::executions::{caller, unknown};
use super::output::{artifact_details, time};
use super::pages::{Page, page};
use super::read as decode;
use crate::local::definition::{ActionDeclaration, PipelineStage, RegisteredTypes, masked_configuration};
use crate::local::engine::{
    self, ActionExecution, ActionStatus, Execution, Pipeline, StageRun, StageStatus, State, Turn,
};
use crate::local::error::{Answer, ErrorKind};

/// The largest page of ListActionExecutions (API reference: 1 to 100).
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// What is asked of a history, by executions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listing {
    pub(super) pipeline_name: String,
    #[serde(default)]
    pub(super) filter: Filter,
    #[serde(flatten)]
    pub(super) page: Page,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    pipeline_execution_id: Option<String>,
    latest_in_pipeline_execution: Option<LatestIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LatestIn {
    pipeline_execution_id: String,
    start_time_range: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    pipeline_name: Option<String>,
    action_execution_id: String,
}

impl Filter {
    /// The one execution that is asked for, if it is only one.
    pub(super) fn execution(&self) -> Option<String> {
        let latest = self.latest_in_pipeline_execution.as_ref().map(|latest| &latest.pipeline_execution_id);
        self.pipeline_execution_id.as_ref().or(latest).cloned()
    }

    /// Whether only the present attempt of each action is asked for.
    fn only_latest(&self) -> bool {
        self.latest_in_pipeline_execution.as_ref().is_some_and(|latest| latest.start_time_range == "Latest")
    }
}

pub(super) fn pipeline_state(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let named: Named = decode(input)?;
    let pipeline = engine::find(state, &named.name, turn)?;
    let declaration = pipeline.declaration();
    let stages = declaration.stages.iter();
    let stages: Vec<Value> = stages.map(|stage| stage_state(pipeline, stage, (&state.types, turn))).collect();
    Ok(json!({
        "pipelineName": named.name,
        "pipelineVersion": declaration.version,
        "stageStates": stages,
        "created": time(pipeline.definition.created),
        "updated": time(pipeline.definition.updated),
    }))
}

fn stage_state(pipeline: &Pipeline, stage: &PipelineStage, (types, turn): (&RegisteredTypes, &Turn<'_>)) -> Value {
    let latest = pipeline.progress.latest.get(&stage.name).and_then(|id| pipeline.execution(id));
    let run = latest.and_then(|execution| execution.run_of(&stage.name));
    let inbound: Vec<Value> = pipeline
        .executions
        .iter()
        .filter(|e| e.is_active() && e.run_of(&stage.name).is_some_and(|run| run.status == StageStatus::Waiting))
        .map(|e| json!({"pipelineExecutionId": e.id, "status": "InProgress", "type": e.kind()}))
        .collect();
    let actions = stage.actions.iter();
    let actions: Vec<Value> = actions.map(|action| action_state(latest.zip(run), action, types)).collect();
    json!({
        "stageName": stage.name,
        // The oldest comes in next; in SUPERSEDED mode there is only one.
        "inboundExecution": inbound.first(),
        "inboundExecutions": inbound,
        "inboundTransitionState": transition(pipeline, stage, turn),
        "actionStates": actions,
        "latestExecution": latest.zip(run).map(|(execution, run)| json!({
            "pipelineExecutionId": execution.id,
            "status": run.status,
            "type": execution.kind(),
        })),
        "beforeEntryConditionState": conditions::shown(run.and_then(|run| run.before_entry.as_ref())),
        "onSuccessConditionState": conditions::shown(run.and_then(|run| run.on_success.as_ref())),
        "onFailureConditionState": conditions::shown(run.and_then(|run| run.on_failure.as_ref())),
        "retryStageMetadata": run.filter(|run| run.last_retry.is_some()).map(|run| json!({
            "autoStageRetryAttempt": (run.automatic_retries > 0).then_some(run.automatic_retries),
            "manualStageRetryAttempt": (run.manual_retries > 0).then_some(run.manual_retries),
            "latestRetryTrigger": run.last_retry,
        })),
    })
}

fn transition(pipeline: &Pipeline, stage: &PipelineStage, turn: &Turn<'_>) -> Value {
    match pipeline.definition.closed.get(&stage.name) {
        None => json!({"enabled": true}),
        Some(closed) => json!({
            "enabled": false,
            "lastChangedBy": caller(turn),
            "lastChangedAt": time(closed.at),
            "disabledReason": closed.reason,
        }),
    }
}

fn action_state(
    entered: Option<(&Execution, &StageRun)>,
    declared: &ActionDeclaration,
    types: &RegisteredTypes,
) -> Value {
    let action = entered.and_then(|(execution, run)| {
        let index = run.current.get(&declared.name)?;
        execution.actions.get(*index)
    });
    let entity = types.find(&declared.action_type_id).and_then(|known| known.settings.entity_url_template.clone());
    let revised = action.and_then(|action| action.outputs.first().and_then(|output| output.revision.clone()));
    json!({
        "actionName": declared.name,
        "currentRevision": action.zip(revised).map(|(action, revision)| json!({
            "revisionId": revision,
            "revisionChangeId": revision.chars().take(100).collect::<String>(),
            "created": time(action.updated),
        })),
        "latestExecution": action.map(latest_execution),
        "entityUrl": action.zip(entity).and_then(|(action, template)| engine::link(&template, action)),
    })
}

fn latest_execution(action: &ActionExecution) -> Value {
    json!({
        "actionExecutionId": action.id,
        "status": action.status,
        "summary": action.summary,
        "lastStatusChange": time(action.updated),
        "externalExecutionId": action.external_id,
        "externalExecutionUrl": action.external_url,
        "percentComplete": action.percent,
        // Only a question that is still open is answered.
        "token": action.token.as_ref().filter(|_| action.status == ActionStatus::InProgress),
        "errorDetails": error_details(action),
    })
}

fn error_details(action: &ActionExecution) -> Option<Value> {
    let (code, message) = action.error.as_ref()?;
    Some(json!({"code": code, "message": message}))
}

pub(super) fn list_actions(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let listing: Listing = decode(input)?;
    let pipeline = engine::find(state, &listing.pipeline_name, turn)?;
    let (wanted, only_latest) = (listing.filter.execution(), listing.filter.only_latest());
    if let Some(id) = &wanted
        && pipeline.execution(id).is_none()
    {
        return Err(unknown(id, &listing.pipeline_name));
    }
    let executions = pipeline.executions.iter().filter(|e| wanted.as_ref().is_none_or(|id| e.id == *id));
    let attempts = executions.flat_map(|e| e.actions.iter().enumerate().map(move |(index, a)| (&**e, index, a)));
    let shown = attempts.filter(|(execution, index, _)| !only_latest || is_present(execution, *index));
    let mut actions: Vec<_> = shown.map(|(execution, _, action)| (execution, action)).collect();
    // Newest first, as on AWS; the sort keeps the order of what started in the same moment.
    actions.reverse();
    actions.sort_by_key(|(_, action)| std::cmp::Reverse(action.started));
    let items =
        actions.into_iter().map(|(execution, action)| (action.id.clone(), detail(execution, action, (state, turn))));
    page(items.collect(), &listing.page, ("actionExecutionDetails", PAGE))
}

/// Whether an attempt is the present one of its action.
fn is_present(execution: &Execution, attempt: usize) -> bool {
    execution.stages.iter().any(|run| run.current.values().any(|index| *index == attempt))
}

/// None of the actions here has targets: those of AWS that do (EC2, EKS) are refused when the pipeline is created.
pub(super) fn list_targets(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Targets = decode(input)?;
    let id = &wanted.action_execution_id;
    let known = match &wanted.pipeline_name {
        Some(name) => engine::find(state, name, turn)?.executions.iter().any(|e| e.action(id).is_some()),
        None => state.pipelines.values().flat_map(|p| &p.executions).any(|e| e.action(id).is_some()),
    };
    if !known {
        let message = format!("There is no action execution with id '{id}'");
        return Err(ErrorKind::ActionExecutionNotFound.because(message));
    }
    Ok(json!({"targets": []}))
}

fn detail(execution: &Execution, action: &ActionExecution, (state, turn): (&State, &Turn<'_>)) -> Value {
    let declared = &action.declaration;
    let masked = |configuration| masked_configuration(declared, configuration, &state.types);
    json!({
        "pipelineExecutionId": execution.id,
        "actionExecutionId": action.id,
        "pipelineVersion": execution.version,
        "stageName": action.stage,
        "actionName": declared.name,
        "startTime": time(action.started),
        "lastUpdateTime": time(action.updated),
        "updatedBy": caller(turn),
        "status": action.status,
        "input": {
            "actionTypeId": declared.action_type_id,
            "configuration": masked(&declared.configuration),
            "resolvedConfiguration": masked(&action.resolved),
            "roleArn": declared.role_arn,
            "region": turn.settings.region,
            "inputArtifacts": artifact_details(&action.inputs),
            "namespace": declared.namespace,
        },
        "output": {
            "outputArtifacts": artifact_details(&action.outputs),
            "executionResult": {
                "externalExecutionId": action.external_id,
                "externalExecutionSummary": action.summary,
                "externalExecutionUrl": action.external_url,
                "errorDetails": error_details(action),
            },
            "outputVariables": action.variables,
        },
    })
}
