//! StartPipelineExecution, StopPipelineExecution, RetryStageExecution, GetPipelineExecution, ListPipelineExecutions.

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::time;
use super::pages::{Page, page};
use super::read as decode;
use crate::local::definition::RetryMode;
use crate::local::engine::{
    self, Execution, RetryRequest, SourceOverride, StageStatus, StartRequest, State, StopRequest, Turn,
};
use crate::local::error::{Answer, ErrorKind};

/// The largest page of ListPipelineExecutions (API reference: 1 to 100).
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Start {
    name: String,
    #[serde(default)]
    variables: Vec<Variable>,
    client_request_token: Option<String>,
    #[serde(default)]
    source_revisions: Vec<SourceOverride>,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    pipeline_name: String,
    pipeline_execution_id: String,
    #[serde(default)]
    abandon: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retry {
    pipeline_name: String,
    pipeline_execution_id: String,
    stage_name: String,
    retry_mode: RetryMode,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    pipeline_name: String,
    filter: Option<Filter>,
    #[serde(flatten)]
    page: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    succeeded_in_stage: Option<InStage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InStage {
    stage_name: Option<String>,
}

pub(super) fn start(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Start = decode(input)?;
    let mut request = StartRequest::by("StartPipelineExecution", &wanted.name);
    request.trigger.trigger_detail = caller(turn);
    request.variables = wanted.variables.into_iter().map(|v| (v.name, v.value)).collect();
    request.client_token = wanted.client_request_token;
    request.overrides = wanted.source_revisions;
    let id = engine::start(state, request, turn)?;
    Ok(json!({"pipelineExecutionId": id}))
}

pub(super) fn stop(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Named = decode(input)?;
    let id = wanted.pipeline_execution_id.clone();
    let request = StopRequest {
        pipeline: wanted.pipeline_name,
        execution: wanted.pipeline_execution_id,
        abandon: wanted.abandon,
        reason: wanted.reason,
    };
    engine::stop(state, request, turn)?;
    Ok(json!({"pipelineExecutionId": id}))
}

pub(super) fn retry(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Retry = decode(input)?;
    let request = RetryRequest {
        pipeline: wanted.pipeline_name,
        execution: wanted.pipeline_execution_id,
        stage: wanted.stage_name,
        mode: wanted.retry_mode,
    };
    engine::retry(state, &request, turn)?;
    Ok(json!({"pipelineExecutionId": request.execution}))
}

pub(super) fn read(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Named = decode(input)?;
    let pipeline = engine::find(state, &wanted.pipeline_name, turn)?;
    let id = &wanted.pipeline_execution_id;
    let execution = pipeline.execution(id).ok_or_else(|| unknown(id, &wanted.pipeline_name))?;
    let variables = execution.variables.iter();
    let variables: Vec<Value> = variables.map(|(name, value)| json!({"name": name, "resolvedValue": value})).collect();
    Ok(json!({"pipelineExecution": {
        "pipelineName": wanted.pipeline_name,
        "pipelineVersion": execution.declaration.version,
        "pipelineExecutionId": id,
        "status": execution.status,
        "statusSummary": execution.status_summary,
        "artifactRevisions": artifact_revisions(execution),
        "variables": variables,
        "trigger": execution.trigger,
        "executionMode": execution.declaration.execution_mode,
        "executionType": execution.kind(),
        "rollbackMetadata": rollback(execution),
    }}))
}

pub(super) fn list(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let listing: Listing = decode(input)?;
    let pipeline = engine::find(state, &listing.pipeline_name, turn)?;
    let stage = listing.filter.and_then(|f| f.succeeded_in_stage).and_then(|s| s.stage_name);
    let wanted = |execution: &&Execution| stage.as_ref().is_none_or(|stage| succeeded_in(execution, stage));
    let newest_first = pipeline.executions.iter().rev().map(|execution| &**execution).filter(wanted);
    let items = newest_first.map(|execution| (execution.id.clone(), summary(execution)));
    page(items.collect(), &listing.page, ("pipelineExecutionSummaries", PAGE))
}

/// AWS names the caller in many places; nobody signs in to the local CodePipeline.
pub(super) fn caller(turn: &Turn<'_>) -> String {
    format!("arn:aws:iam::{}:root", turn.settings.account_id)
}

/// The refusal for an execution that does not exist.
pub(super) fn unknown(execution: &str, pipeline: &str) -> crate::local::error::ApiError {
    let message = format!("Pipeline '{pipeline}' does not have an execution with id '{execution}'");
    ErrorKind::PipelineExecutionNotFound.because(message)
}

fn succeeded_in(execution: &Execution, stage: &str) -> bool {
    execution.run_of(stage).is_some_and(|run| run.status == StageStatus::Succeeded)
}

fn summary(execution: &Execution) -> Value {
    json!({
        "pipelineExecutionId": execution.id,
        "status": execution.status,
        "statusSummary": execution.status_summary,
        "startTime": time(execution.started),
        "lastUpdateTime": time(execution.updated),
        "sourceRevisions": execution.source_revisions,
        "trigger": execution.trigger,
        "stopTrigger": execution.stop.as_ref().map(|reason| json!({"reason": reason})),
        "executionMode": execution.declaration.execution_mode,
        "executionType": execution.kind(),
        "rollbackMetadata": rollback(execution),
    })
}

fn rollback(execution: &Execution) -> Option<Value> {
    let target = execution.rollback_of.as_ref()?;
    Some(json!({"rollbackTargetPipelineExecutionId": target}))
}

fn artifact_revisions(execution: &Execution) -> Value {
    let known = execution.artifacts.values().filter(|artifact| artifact.revision.is_some());
    known
        .map(|artifact| {
            json!({
                "name": artifact.name,
                "revisionId": artifact.revision,
                "revisionSummary": artifact.revision_summary,
            })
        })
        .collect()
}
