//! The API's answers as the pages read them: only what is shown.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::local::Local;

/// How many executions a history shows.
const HISTORY: usize = 20;

/// GetPipeline.
#[derive(Deserialize)]
pub(super) struct Declared {
    pub(super) pipeline: Declaration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration {
    pub(super) version: u64,
    pub(super) execution_mode: String,
    pub(super) stages: Vec<DeclaredStage>,
    #[serde(default)]
    pub(super) variables: Vec<DeclaredVariable>,
}

#[derive(Deserialize)]
pub(super) struct DeclaredStage {
    pub(super) actions: Vec<DeclaredAction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeclaredAction {
    pub(super) name: String,
    pub(super) run_order: u32,
    pub(super) action_type_id: TypeId,
}

#[derive(Deserialize)]
pub(super) struct TypeId {
    pub(super) category: String,
    pub(super) owner: String,
    pub(super) provider: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeclaredVariable {
    pub(super) name: String,
    pub(super) default_value: Option<String>,
    pub(super) description: Option<String>,
}

/// GetPipelineState.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PipelineState {
    #[serde(default)]
    pub(super) stage_states: Vec<StageState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StageState {
    pub(super) stage_name: String,
    #[serde(default)]
    pub(super) inbound_executions: Vec<StageExecution>,
    pub(super) inbound_transition_state: Transition,
    #[serde(default)]
    pub(super) action_states: Vec<ActionState>,
    pub(super) latest_execution: Option<StageExecution>,
    pub(super) before_entry_condition_state: Option<ConditionState>,
    pub(super) on_success_condition_state: Option<ConditionState>,
    pub(super) on_failure_condition_state: Option<ConditionState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StageExecution {
    pub(super) pipeline_execution_id: String,
    pub(super) status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transition {
    pub(super) enabled: bool,
    pub(super) disabled_reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConditionState {
    pub(super) latest_execution: ConditionExecution,
}

#[derive(Deserialize)]
pub(super) struct ConditionExecution {
    pub(super) status: String,
    pub(super) summary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionState {
    pub(super) action_name: String,
    pub(super) latest_execution: Option<ActionNow>,
}

/// What only GetPipelineState tells of an action execution.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionNow {
    pub(super) action_execution_id: String,
    pub(super) percent_complete: Option<u64>,
    pub(super) token: Option<String>,
}

/// One of ListPipelineExecutions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExecutionSummary {
    pub(super) pipeline_execution_id: String,
    pub(super) status: String,
    pub(super) status_summary: Option<String>,
    pub(super) start_time: f64,
    pub(super) last_update_time: f64,
    pub(super) trigger: Trigger,
    #[serde(default)]
    pub(super) source_revisions: Vec<SourceRevision>,
    pub(super) execution_type: String,
    pub(super) stop_trigger: Option<StopTrigger>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trigger {
    pub(super) trigger_type: String,
    #[serde(default)]
    pub(super) trigger_detail: String,
}

#[derive(Deserialize)]
pub(super) struct StopTrigger {
    pub(super) reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceRevision {
    pub(super) action_name: String,
    pub(super) revision_id: String,
    pub(super) revision_summary: Option<String>,
}

/// GetPipelineExecution.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Execution {
    pub(super) pipeline_execution: ExecutionDetail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExecutionDetail {
    pub(super) pipeline_version: u64,
    #[serde(default)]
    pub(super) variables: Vec<Variable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) resolved_value: String,
}

/// One of ListActionExecutions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionDetail {
    pub(super) action_execution_id: String,
    pub(super) stage_name: String,
    pub(super) action_name: String,
    pub(super) start_time: f64,
    pub(super) last_update_time: f64,
    pub(super) status: String,
    pub(super) input: ActionInput,
    pub(super) output: ActionOutput,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionInput {
    pub(super) action_type_id: TypeId,
    #[serde(default)]
    pub(super) resolved_configuration: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) input_artifacts: Vec<Artifact>,
    pub(super) namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionOutput {
    #[serde(default)]
    pub(super) output_artifacts: Vec<Artifact>,
    pub(super) execution_result: ExecutionResult,
    #[serde(default)]
    pub(super) output_variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    pub(super) name: String,
    #[serde(rename = "s3location")]
    pub(super) location: Location,
}

#[derive(Deserialize)]
pub(super) struct Location {
    pub(super) bucket: String,
    pub(super) key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExecutionResult {
    pub(super) external_execution_summary: Option<String>,
    pub(super) external_execution_url: Option<String>,
    pub(super) error_details: Option<ErrorDetails>,
}

#[derive(Deserialize)]
pub(super) struct ErrorDetails {
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// The names of all pipelines.
pub(super) fn names(local: &Local) -> Result<Vec<String>, Problem> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let listed: Vec<Named> = list(local, ("ListPipelines", "pipelines"), json!({}))?;
    Ok(listed.into_iter().map(|named| named.name).collect())
}

/// How a pipeline is declared.
pub(super) fn declaration(local: &Local, pipeline: &str) -> Result<Declaration, Problem> {
    let declared: Declared = ask(local, "GetPipeline", json!({"name": pipeline}))?;
    Ok(declared.pipeline)
}

/// How a pipeline stands.
pub(super) fn state(local: &Local, pipeline: &str) -> Result<PipelineState, Problem> {
    ask(local, "GetPipelineState", json!({"name": pipeline}))
}

/// The last executions of a pipeline, newest first.
pub(super) fn executions(local: &Local, pipeline: &str) -> Result<Vec<ExecutionSummary>, Problem> {
    let input = json!({"pipelineName": pipeline, "maxResults": HISTORY});
    let mut answer = raw(local, "ListPipelineExecutions", input)?;
    read(answer["pipelineExecutionSummaries"].take())
}

/// One execution as the history shows it, however old it is.
pub(super) fn summary(local: &Local, pipeline: &str, execution: &str) -> Result<Option<ExecutionSummary>, Problem> {
    let all: Vec<ExecutionSummary> =
        list(local, ("ListPipelineExecutions", "pipelineExecutionSummaries"), json!({"pipelineName": pipeline}))?;
    Ok(all.into_iter().find(|summary| summary.pipeline_execution_id == execution))
}

/// What else is known of one execution.
pub(super) fn detail(local: &Local, pipeline: &str, execution: &str) -> Result<ExecutionDetail, Problem> {
    let input = json!({"pipelineName": pipeline, "pipelineExecutionId": execution});
    let answer: Execution = ask(local, "GetPipelineExecution", input)?;
    Ok(answer.pipeline_execution)
}

/// All attempts of all actions of an execution, newest first.
pub(super) fn attempts(local: &Local, pipeline: &str, execution: &str) -> Result<Vec<ActionDetail>, Problem> {
    let input = json!({"pipelineName": pipeline, "filter": {"pipelineExecutionId": execution}});
    list(local, ("ListActionExecutions", "actionExecutionDetails"), input)
}

/// Asks an operation.
pub(super) fn ask<T: DeserializeOwned>(local: &Local, operation: &str, input: Value) -> Result<T, Problem> {
    read(raw(local, operation, input)?)
}

fn raw(local: &Local, operation: &str, input: Value) -> Result<Value, Problem> {
    local.ask(operation, input).map_err(Problem::from)
}

/// Every page of an operation that answers in pages.
fn list<T: DeserializeOwned>(
    local: &Local,
    (operation, member): (&str, &str),
    mut input: Value,
) -> Result<Vec<T>, Problem> {
    let mut all = Vec::new();
    loop {
        let mut answer = raw(local, operation, input.clone())?;
        all.extend(read::<Vec<T>>(answer[member].take())?);
        match answer.get_mut("nextToken") {
            None => return Ok(all),
            Some(token) => input["nextToken"] = token.take(),
        }
    }
}

fn read<T: DeserializeOwned>(answer: Value) -> Result<T, Problem> {
    serde_json::from_value(answer).map_err(|error| Problem::broken(&error))
}
