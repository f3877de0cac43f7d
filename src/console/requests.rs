//! What people ask for on a page: start, stop, retry, approve. Each is one operation of the API, and then the
//! pipeline's page again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Console;
use super::layout::pipeline_page;
use super::page::FRAME;
use super::problem::Problem;

/// What precedes a variable's name in the form that starts a pipeline.
pub(super) const VARIABLE: &str = "variable.";

#[derive(Deserialize)]
pub(super) struct Stop {
    #[serde(default)]
    reason: String,
    how: String,
}

#[derive(Deserialize)]
pub(super) struct Retry {
    stage: String,
    mode: String,
}

#[derive(Deserialize)]
pub(super) struct Approval {
    stage: String,
    action: String,
    token: String,
    #[serde(default)]
    summary: String,
    status: String,
}

pub(super) async fn start(
    Shared(console): Shared<Arc<Console>>,
    Path(pipeline): Path<String>,
    Form(given): Form<BTreeMap<String, String>>,
) -> Response {
    let named = given.iter().filter_map(|(field, value)| Some((field.strip_prefix(VARIABLE)?, value)));
    let variables: Vec<Value> = named.map(|(name, value)| json!({"name": name, "value": value})).collect();
    let mut input = json!({"name": pipeline});
    if !variables.is_empty() {
        input["variables"] = variables.into();
    }
    ask(&console, &pipeline, ("StartPipelineExecution", input))
}

pub(super) async fn stop(
    Shared(console): Shared<Arc<Console>>,
    Path((pipeline, execution)): Path<(String, String)>,
    Form(given): Form<Stop>,
) -> Response {
    let input = json!({
        "pipelineName": pipeline,
        "pipelineExecutionId": execution,
        "abandon": given.how == "abandon",
        "reason": given.reason,
    });
    ask(&console, &pipeline, ("StopPipelineExecution", input))
}

pub(super) async fn retry(
    Shared(console): Shared<Arc<Console>>,
    Path((pipeline, execution)): Path<(String, String)>,
    Form(given): Form<Retry>,
) -> Response {
    let input = json!({
        "pipelineName": pipeline,
        "pipelineExecutionId": execution,
        "stageName": given.stage,
        "retryMode": given.mode,
    });
    ask(&console, &pipeline, ("RetryStageExecution", input))
}

pub(super) async fn approve(
    Shared(console): Shared<Arc<Console>>,
    Path(pipeline): Path<String>,
    Form(given): Form<Approval>,
) -> Response {
    let input = json!({
        "pipelineName": pipeline,
        "stageName": given.stage,
        "actionName": given.action,
        "token": given.token,
        "result": {"summary": given.summary, "status": given.status},
    });
    ask(&console, &pipeline, ("PutApprovalResult", input))
}

/// Asks, and leads to the page that shows what came of it: reloading that asks nothing again.
fn ask(console: &Console, pipeline: &str, (operation, input): (&str, Value)) -> Response {
    match console.local.ask(operation, input) {
        Ok(_) => Redirect::to(&pipeline_page(pipeline)).into_response(),
        Err(refused) => Problem::from(refused).response(&FRAME),
    }
}
