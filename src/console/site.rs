//! What the two consoles have in common, that of the local CodePipeline and that of a worker: pages in a frame, each
//! answered whole, or as a stream that follows it.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::guard;
use super::layout::{self, Content, Frame};
use super::live;
use crate::ports::Clock;

/// A console.
pub(super) trait Site: Send + Sync + 'static {
    /// A page by its address.
    type Page: Send + Sync + 'static;

    /// What stands around every page.
    const FRAME: Frame;

    /// What a page shows now, or why it cannot.
    fn content(&self, page: &Self::Page) -> impl Future<Output = (StatusCode, Content)> + Send;

    fn clock(&self) -> &dyn Clock;

    /// Cancelled when the server stops: the pages that are open would hold it up for ever.
    fn stop(&self) -> &CancellationToken;
}

/// Answers whoever asks for a page.
pub(super) async fn answer<S: Site>(site: Arc<S>, headers: &HeaderMap, page: S::Page) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    // What a browser's EventSource accepts, and nothing else does.
    if accepted == Some("text/event-stream") {
        return live::stream(site, page).into_response();
    }
    let (status, content) = site.content(&page).await;
    (status, Html(layout::document(&content, &S::FRAME).into_string())).into_response()
}

/// The routes of a console with the way there and with what its pages are made of, for those who may ask.
pub(super) fn complete<S: Clone + Send + Sync + 'static>(pages: Router<S>) -> Router<S> {
    pages
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console/assets/console.css", get(|| asset("text/css", include_str!("assets/console.css"))))
        .route("/console/assets/live.js", get(|| asset("text/javascript", include_str!("assets/live.js"))))
        .route("/console/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .layer(from_fn(guard::guard))
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text)
}
