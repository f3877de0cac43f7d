//! The console: pages in a browser, at the port of the local CodePipeline.
//!
//! It shows two things: the pipelines, which it knows by the operations of CodePipeline's API alone, and the stages,
//! which it reads as `bluestage status` does. Pages are made here, whole, on every request: they are read without
//! JavaScript. With it, the page that is open follows what happens (`live.rs`).
//!
//! Read `page.rs` (which pages there are, and how one is answered), `layout.rs` (what all pages share), `pipelines.rs`,
//! `pipeline.rs`, `execution.rs` and `stage.rs` (one page each), `requests.rs` (start, stop, retry, approve), `guard.rs` (who may
//! ask). `answers.rs` is the API as the pages read it, `words.rs` are times and statuses in words.

mod answers;
mod execution;
mod guard;
mod history;
mod layout;
mod live;
mod page;
mod pipeline;
mod pipelines;
mod requests;
mod stage;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;

use crate::local::Local;
use crate::ports::{Clock, RunRecords, Stages};

/// What the console shows, and what it needs for that.
pub struct Console {
    /// The pipelines.
    pub local: Arc<Local>,
    /// The stages, if it was told where they are kept.
    pub stages: Option<StageSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Cancelled when the server stops: the pages that are open would hold it up for ever.
    pub stop: CancellationToken,
}

/// Where stages and the runs in them are read.
pub struct StageSource {
    /// Their documents.
    pub stages: Arc<dyn Stages>,
    /// The records of test runs.
    pub runs: Arc<dyn RunRecords>,
}

/// The console's routes: all of them are below `/console`, but for the way there.
pub fn router(console: Console) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/console", get(page::pipelines))
        .route("/console/pipelines/{pipeline}", get(page::pipeline))
        .route("/console/pipelines/{pipeline}/start", post(requests::start))
        .route("/console/pipelines/{pipeline}/approve", post(requests::approve))
        .route("/console/pipelines/{pipeline}/executions/{execution}", get(page::execution))
        .route("/console/pipelines/{pipeline}/executions/{execution}/stop", post(requests::stop))
        .route("/console/pipelines/{pipeline}/executions/{execution}/retry", post(requests::retry))
        .route("/console/stages", get(page::stages))
        .route("/console/stages/{stage}", get(page::stage))
        .route("/console/assets/console.css", get(|| asset("text/css", include_str!("assets/console.css"))))
        .route("/console/assets/live.js", get(|| asset("text/javascript", include_str!("assets/live.js"))))
        .route("/console/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("assets/icon.svg"))))
        .route("/console/{*rest}", get(page::nowhere))
        .layer(from_fn(guard::guard))
        .with_state(Arc::new(console))
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text)
}
