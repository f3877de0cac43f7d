//! GetPipelineState and ListActionExecutions: what the console shows.

use serde::Deserialize;
use serde_json::{Value, json};

use super::executions::unknown;
use super::output::{artifact_details, time};
use super::pages::{Page, page};
use super::read as decode;
use crate::local::definition::{ActionDeclaration, PipelineStage, RegisteredTypes, masked_configuration};
use crate::local::engine::{self, ActionExecution, Execution, Pipeline, StageRun, StageStatus, State, Turn};
use crate::local::error::Answer;

/// The largest page of ListActionExecutions (API reference: 1 to 100).
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    pipeline_name: String,
    #[serde(default)]
    filter: Filter,
    #[serde(flatten)]
    page: Page,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    pipeline_execution_id: Option<String>,
    latest_in_pipeline_execution: Option<LatestIn>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LatestIn {
    pipeline_execution_id: String,
}

pub(super) fn pipeline_state(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let named: Named = decode(input)?;
    let pipeline = engine::find(state, &named.name, turn)?;
    let declaration = pipeline.declaration();
    let stages = declaration.stages.iter();
    let stages: Vec<Value> = stages.map(|stage| stage_state(pipeline, stage, &state.types)).collect();
    Ok(json!({
        "pipelineName": named.name,
        "pipelineVersion": declaration.version,
        "stageStates": stages,
        "created": time(pipeline.created),
        "updated": time(pipeline.updated),
    }))
}

fn stage_state(pipeline: &Pipeline, stage: &PipelineStage, types: &RegisteredTypes) -> Value {
    let latest = pipeline.latest.get(&stage.name).and_then(|id| pipeline.execution(id));
    let run = latest.and_then(|execution| run_of(execution, &stage.name));
    let inbound: Vec<Value> = pipeline
        .executions
        .iter()
        .filter(|e| e.is_active() && run_of(e, &stage.name).is_some_and(|run| run.status == StageStatus::Waiting))
        .map(|execution| json!({"pipelineExecutionId": execution.id, "status": "InProgress", "type": "STANDARD"}))
        .collect();
    let actions = stage.actions.iter();
    let actions: Vec<Value> = actions.map(|action| action_state(latest.zip(run), action, types)).collect();
    json!({
        "stageName": stage.name,
        // The oldest comes in next; in SUPERSEDED mode there is only one.
        "inboundExecution": inbound.first(),
        "inboundExecutions": inbound,
        "inboundTransitionState": {"enabled": true},
        "actionStates": actions,
        "latestExecution": latest.zip(run).map(|(execution, run)| json!({
            "pipelineExecutionId": execution.id,
            "status": run.status,
            "type": "STANDARD",
        })),
        "retryStageMetadata": run.filter(|run| run.last_retry.is_some()).map(|run| json!({
            "autoStageRetryAttempt": (run.automatic_retries > 0).then_some(run.automatic_retries),
            "manualStageRetryAttempt": (run.manual_retries > 0).then_some(run.manual_retries),
            "latestRetryTrigger": run.last_retry,
        })),
    })
}

fn run_of<'a>(execution: &'a Execution, stage: &str) -> Option<&'a StageRun> {
    let index = execution.declaration.stages.iter().position(|declared| declared.name == stage)?;
    execution.stages.get(index)
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
    let filter = listing.filter;
    let wanted = filter.pipeline_execution_id.or(filter.latest_in_pipeline_execution.map(|l| l.pipeline_execution_id));
    if let Some(id) = &wanted
        && pipeline.execution(id).is_none()
    {
        return Err(unknown(id, &listing.pipeline_name));
    }
    let executions = pipeline.executions.iter().filter(|e| wanted.as_ref().is_none_or(|id| e.id == *id));
    let mut actions: Vec<_> = executions.flat_map(|e| e.actions.iter().map(move |a| (e, a))).collect();
    // Newest first, as on AWS; the sort keeps the order of what started in the same moment.
    actions.reverse();
    actions.sort_by_key(|(_, action)| std::cmp::Reverse(action.started));
    let items =
        actions.into_iter().map(|(execution, action)| (action.id.clone(), detail(execution, action, (state, turn))));
    page(items.collect(), &listing.page, ("actionExecutionDetails", PAGE))
}

fn detail(execution: &Execution, action: &ActionExecution, (state, turn): (&State, &Turn<'_>)) -> Value {
    let declared = &action.declaration;
    let masked = |configuration| masked_configuration(declared, configuration, &state.types);
    json!({
        "pipelineExecutionId": execution.id,
        "actionExecutionId": action.id,
        "pipelineVersion": execution.declaration.version,
        "stageName": action.stage,
        "actionName": declared.name,
        "startTime": time(action.started),
        "lastUpdateTime": time(action.updated),
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
