//! Why a page cannot be shown, or something not be done; a page of its own.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::layout::{self, Content, Frame, Section};
use crate::local::Refused;
use crate::ports::Fault;

/// Why a page cannot be shown, or something not be done.
#[derive(Clone)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    message: String,
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
    pub(super) fn content(self) -> (StatusCode, Content) {
        let main = html! {
            h1 { (self.title) }
            p class="error" role="alert" { (self.message) }
            p { a href="/console" { "The first page" } }
        };
        (self.status, Content { title: self.title.to_owned(), section: Section::None, main })
    }

    /// The whole answer.
    pub(super) fn response(self, frame: &Frame) -> Response {
        let (status, content) = self.content();
        (status, Html(layout::document(&content, frame).into_string())).into_response()
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
