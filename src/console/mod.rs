//! The consoles: pages in a browser, at the port of the local CodePipeline and at a worker's health address.
//!
//! The first shows pipelines, which it knows by the operations of CodePipeline's API alone; the second shows what a worker
//! is doing; both show the stages, which they read as `bluestage status` does. Pages are made here, whole, on every
//! request: they are read without JavaScript. With it, the page that is open follows what happens (`live.rs`).
//!
//! Read `site.rs` (what a console is, and how a page is answered), `page.rs` and `worker.rs` (which pages the two have),
//! `layout.rs` (what all pages share), `pipelines.rs`, `pipeline.rs`, `execution.rs`, `stage.rs` and `overview.rs` (one page
//! each), `requests.rs` (start, stop, retry, approve), `guard.rs` (who may ask). `answers.rs` is the API as the pages read
//! it, `problem.rs` tells why a page cannot be shown, `words.rs` are times and statuses in words.

mod answers;
mod execution;
mod guard;
mod history;
mod layout;
mod live;
mod overview;
mod page;
mod pipeline;
mod pipelines;
mod problem;
mod requests;
mod site;
mod stage;
mod words;
mod worker;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;

use crate::local::Local;
use crate::ports::{Clock, RunRecords, Stages};

pub use worker::WorkerConsole;

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

/// The routes of the local CodePipeline's console: all of them are below `/console`, but for the way there.
pub fn router(console: Console) -> Router {
    let pages = Router::new()
        .route("/console", get(page::pipelines))
        .route("/console/pipelines/{pipeline}", get(page::pipeline))
        .route("/console/pipelines/{pipeline}/start", post(requests::start))
        .route("/console/pipelines/{pipeline}/approve", post(requests::approve))
        .route("/console/pipelines/{pipeline}/executions/{execution}", get(page::execution))
        .route("/console/pipelines/{pipeline}/executions/{execution}/stop", post(requests::stop))
        .route("/console/pipelines/{pipeline}/executions/{execution}/retry", post(requests::retry))
        .route("/console/stages", get(page::stages))
        .route("/console/stages/{stage}", get(page::stage))
        .route("/console/{*rest}", get(page::nowhere));
    site::complete(pages).with_state(Arc::new(console))
}

/// The routes of a worker's console, and `further` ones that the same people may ask for.
pub fn worker_router(console: WorkerConsole, further: Router) -> Router {
    let pages = Router::new()
        .route("/console", get(worker::overview))
        .route("/console/stages", get(worker::stages))
        .route("/console/stages/{stage}", get(worker::stage))
        .route("/console/{*rest}", get(worker::nowhere))
        .with_state(Arc::new(console));
    site::complete(pages.merge(further))
}
