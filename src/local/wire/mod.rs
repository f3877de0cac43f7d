//! The HTTP face: AWS's JSON 1.1 protocol, and beside it the stream of events and the webhooks.
//!
//! Every request of the API is `POST /` with the operation in the `X-Amz-Target` header. A request goes through the same
//! steps whatever it asks: find the operation (`operations.rs`), check the input against the service model, let the
//! engine answer, encode. The operations are in files by family; `inbound.rs` is what comes in otherwise, `stream.rs`
//! what goes out.

mod action_types;
mod conditions;
mod definitions;
mod executions;
mod history;
mod inbound;
mod jobs;
mod operations;
mod output;
mod pages;
mod stages;
mod strangers;
mod stream;
mod tags;
mod third_party;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Local;
use super::error::{Answer, ErrorKind};
use super::shape::{self, Shape};
use operations::Operation;

pub(super) use action_types::from_input as action_type;
pub(super) use jobs::{add_credentials, job};
pub(super) use output::without_nulls;
pub use strangers::is_own_name;
pub(super) use tags::of_input as tags;

/// What precedes the operation's name in `X-Amz-Target`.
const TARGET_PREFIX: &str = "CodePipeline_20150709.";
/// The media type of the protocol.
const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
/// The largest request that is read. The largest meaningful one is a pipeline of 500 actions with ten values of
/// 1,000 characters each.
const LARGEST_REQUEST: usize = 8 * 1024 * 1024;

/// The router; what is not found leads to the API, so that nothing is ever answered with a bare 404. Streams end when
/// the sender of `stopping` is gone.
pub(super) fn router(local: Arc<Local>, stopping: watch::Receiver<()>) -> Router {
    let events = get(move |state, headers| stream::events(state, headers, stopping.clone()));
    Router::new()
        .route("/events", events.post(inbound::event))
        .route("/webhooks/{path}", post(inbound::webhook))
        // A route of its own, so that whoever serves beside may take `GET /`.
        .route("/", any(respond))
        .fallback(respond)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn(strangers::keep_out))
        .with_state(local)
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
        _ if local.lost().is_some() => {
            let message = "The change could not be kept, so that the local CodePipeline ends; its log says why";
            (StatusCode::INTERNAL_SERVER_ERROR, json!({"__type": "InternalFailure", "message": message}))
        }
        Ok(mut output) => {
            add_credentials(&local, &mut output).await;
            (StatusCode::OK, output)
        }
        Err(error) => {
            tracing::debug!(operation, %error, "refused");
            let name = error.kind.to_string();
            (StatusCode::BAD_REQUEST, json!({"__type": name, "message": error.message}))
        }
    };
    let id = local.outside.dice.uuid();
    let headers = [(header::CONTENT_TYPE.as_str(), MEDIA_TYPE.to_owned()), ("x-amzn-requestid", id)];
    (status, headers, body.to_string()).into_response()
}

fn answer(local: &Local, operation: &str, body: &[u8]) -> Answer<Value> {
    let known = known(operation)?;
    let body = if body.is_empty() { b"{}" } else { body };
    let input: Value = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    perform(local, known, input)
}

/// Performs an operation of the API for somebody who does not come over the wire.
pub(super) fn ask(local: &Local, operation: &str, input: Value) -> Answer<Value> {
    perform(local, known(operation)?, input)
}

fn known(operation: &str) -> Answer<(Operation, &'static Shape)> {
    operations::find(operation).zip(shape::of_operation(operation)).ok_or_else(|| {
        let message = format!("CodePipeline does not have the operation '{operation}'");
        ErrorKind::UnknownOperation.because(message)
    })
}

fn perform(local: &Local, (run, shape): (Operation, &Shape), input: Value) -> Answer<Value> {
    shape::violations(&input, shape)?;
    local.change(|state, turn| run(state, input, turn)).map(without_nulls)
}

/// Reads an input that has been checked against its shape.
fn read<T: DeserializeOwned>(input: Value) -> Answer<T> {
    serde_json::from_value(input).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> super::error::ApiError {
    ErrorKind::Serialization.because(format!("The request could not be read: {error}"))
}
