//! The HTTP face: AWS's JSON 1.1 protocol.
//!
//! Every request is `POST /` with the operation in the `X-Amz-Target` header. A request goes through the same four
//! steps whatever it asks: find the operation, check the input against the service model, let the engine answer,
//! encode. The operations are in files by family.

mod action_types;
mod definitions;
mod executions;
mod history;
mod jobs;
mod output;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Local;
use super::engine::{State, Turn};
use super::error::{Answer, ErrorKind};
use super::shape;

pub(super) use action_types::from_input as action_type;

/// What precedes the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "CodePipeline_20150709.";
/// The media type of the protocol.
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
/// The largest request that is read. The largest meaningful one is a pipeline of 500 actions with ten values of
/// 1,000 characters each.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

/// One operation: from input to output, both in the API's form.
type Operation = fn(&mut State, Value, &Turn<'_>) -> Answer<Value>;

/// The router; every path and method leads to the same place, so that nothing is ever answered with a bare 404.
pub(super) fn router(local: Arc<Local>) -> Router {
    Router::new().fallback(respond).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(local)
}

async fn respond(
    Shared(local): Shared<Arc<Local>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix(TARGET_PREFIX)).unwrap_or_default();
    let answer = match body {
        Ok(body) => answer(&local, operation, &body),
        Err(rejected) => Err(ErrorKind::Serialization.because(rejected.body_text())),
    };
    let (status, body) = match answer {
        Ok(output) => (StatusCode::OK, output),
        Err(error) => {
            tracing::debug!(operation, %error, "refused");
            let name = error.kind.to_string();
            (StatusCode::BAD_REQUEST, json!({"__type": name, "message": error.message}))
        }
    };
    let headers = [(header::CONTENT_TYPE.as_str(), MEDIA_TYPE.to_owned()), ("x-amzn-requestid", local.dice.uuid())];
    (status, headers, body.to_string()).into_response()
}

fn answer(local: &Local, operation: &str, body: &[u8]) -> Answer<Value> {
    let (Some(run), Some(shape)) = (find(operation), shape::of_operation(operation)) else {
        let message = format!("The local CodePipeline does not have the operation '{operation}'");
        return Err(ErrorKind::UnknownOperation.because(message));
    };
    let body = if body.is_empty() { b"{}" } else { body };
    let input: Value = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    shape::violations(&input, shape)?;
    local.change(|state, turn| run(state, input, turn)).map(output::without_nulls)
}

fn find(operation: &str) -> Option<Operation> {
    Some(match operation {
        "CreateCustomActionType" => action_types::create,
        "DeleteCustomActionType" => action_types::delete,
        "ListActionTypes" => action_types::list,
        "CreatePipeline" => definitions::create,
        "UpdatePipeline" => definitions::update,
        "GetPipeline" => definitions::read,
        "ListPipelines" => definitions::list,
        "DeletePipeline" => definitions::delete,
        "StartPipelineExecution" => executions::start,
        "StopPipelineExecution" => executions::stop,
        "RetryStageExecution" => executions::retry,
        "GetPipelineExecution" => executions::read,
        "ListPipelineExecutions" => executions::list,
        "GetPipelineState" => history::pipeline_state,
        "ListActionExecutions" => history::list_actions,
        "PollForJobs" => jobs::poll,
        "AcknowledgeJob" => jobs::acknowledge,
        "GetJobDetails" => jobs::details,
        "PutJobSuccessResult" => jobs::put_success,
        "PutJobFailureResult" => jobs::put_failure,
        _ => return None,
    })
}

/// Reads an input that has been checked against its shape.
fn read<T: DeserializeOwned>(input: Value) -> Answer<T> {
    serde_json::from_value(input).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> super::error::ApiError {
    ErrorKind::Serialization.because(format!("The request could not be read: {error}"))
}
