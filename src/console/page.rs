//! Which pages there are, and how one is answered: whole, or as a stream that follows it.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::layout::{self, Content, Section};
use super::{Console, execution, live, pipeline, pipelines, stage};
use crate::local::Refused;
use crate::ports::Fault;

/// A page by its address.
pub(super) enum Page {
    Pipelines,
    Pipeline(String),
    Execution { pipeline: String, execution: String },
    Stages,
    Stage(String),
    Nowhere,
}

/// Why a page cannot be shown, or something not be done.
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    message: String,
}

impl Page {
    /// What it shows now, or why it cannot.
    pub(super) async fn content(&self, console: &Console) -> (StatusCode, Content) {
        let shown = match self {
            Self::Pipelines => pipelines::content(console),
            Self::Pipeline(pipeline) => pipeline::content(console, pipeline),
            Self::Execution { pipeline, execution } => execution::content(console, pipeline, execution),
            Self::Stages => stage::all(console).await,
            Self::Stage(name) => stage::content(console, name).await,
            Self::Nowhere => Err(Problem::nowhere("The console has no such page.")),
        };
        shown.map_or_else(|problem| problem.content(), |content| (StatusCode::OK, content))
    }
}

impl Problem {
    /// Something is not there.
    pub(super) fn nowhere(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, title: "Not found", message: message.into() }
    }

    /// An answer is not as this console expects it.
    pub(super) fn broken(error: &serde_json::Error) -> Self {
        let message = format!("The local CodePipeline gave an answer that the console cannot read: {error}");
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, title: "This went wrong", message }
    }

    /// Its page.
    fn content(self) -> (StatusCode, Content) {
        let main = html! {
            h1 { (self.title) }
            p class="error" role="alert" { (self.message) }
            p { a href="/console" { "All pipelines" } }
        };
        (self.status, Content { title: self.title.to_owned(), section: Section::None, main })
    }

    /// The whole answer.
    pub(super) fn response(self) -> Response {
        let (status, content) = self.content();
        (status, Html(layout::document(&content).into_string())).into_response()
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let (status, title) = match refused.kind.as_str() {
            "PipelineNotFoundException" | "PipelineExecutionNotFoundException" => (StatusCode::NOT_FOUND, "Not found"),
            "InternalFailure" => (StatusCode::INTERNAL_SERVER_ERROR, "This went wrong"),
            _ => (StatusCode::BAD_REQUEST, "This was not done"),
        };
        Self { status, title, message: refused.message }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let message = format!("{fault}. The page goes on by itself when that is over.");
        Self { status: StatusCode::BAD_GATEWAY, title: "The stage cannot be read", message }
    }
}

pub(super) async fn pipelines(Shared(console): Shared<Arc<Console>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Pipelines).await
}

pub(super) async fn pipeline(
    Shared(console): Shared<Arc<Console>>,
    Path(pipeline): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(console, &headers, Page::Pipeline(pipeline)).await
}

pub(super) async fn execution(
    Shared(console): Shared<Arc<Console>>,
    Path((pipeline, execution)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(console, &headers, Page::Execution { pipeline, execution }).await
}

pub(super) async fn stages(Shared(console): Shared<Arc<Console>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Stages).await
}

pub(super) async fn stage(
    Shared(console): Shared<Arc<Console>>,
    Path(stage): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(console, &headers, Page::Stage(stage)).await
}

pub(super) async fn nowhere(Shared(console): Shared<Arc<Console>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Nowhere).await
}

async fn answer(console: Arc<Console>, headers: &HeaderMap, page: Page) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    // What a browser's EventSource accepts, and nothing else does.
    if accepted == Some("text/event-stream") {
        return live::stream(console, page).into_response();
    }
    let (status, content) = page.content(&console).await;
    (status, Html(layout::document(&content).into_string())).into_response()
}
