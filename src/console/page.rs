//! Which pages the console of the local CodePipeline has.

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio_util::sync::CancellationToken;

use super::layout::{Content, Frame, Section};
use super::problem::Problem;
use super::site::{Site, answer};
use super::stage::{self, Links};
use super::words::seconds;
use super::{Console, StageSource, execution, pipeline, pipelines};
use crate::ports::Clock;

/// A page by its address.
pub(super) enum Page {
    Pipelines,
    Pipeline(String),
    Execution { pipeline: String, execution: String },
    Stages,
    Stage(String),
    Nowhere,
}

/// What stands around each.
pub(super) const FRAME: Frame = Frame {
    entries: &[("Pipelines", "/console", Section::Pipelines), ("Stages", "/console/stages", Section::Stages)],
    footer: "The local CodePipeline of bluestage. Nothing here is in AWS.",
};

impl Site for Console {
    type Page = Page;

    const FRAME: Frame = FRAME;

    async fn content(&self, page: &Page) -> (StatusCode, Content) {
        let shown = match page {
            Page::Pipelines => pipelines::content(self),
            Page::Pipeline(pipeline) => pipeline::content(self, pipeline),
            Page::Execution { pipeline, execution } => execution::content(self, pipeline, execution),
            Page::Stages => self.stages().await,
            Page::Stage(name) => self.stage(name).await,
            Page::Nowhere => Err(Problem::nowhere("The console has no such page.")),
        };
        shown.map_or_else(Problem::content, |content| (StatusCode::OK, content))
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Console {
    async fn stages(&self) -> Result<Content, Problem> {
        Ok(stage::all(&self.source()?.stages.names().await?))
    }

    async fn stage(&self, name: &str) -> Result<Content, Problem> {
        stage::content(self.source()?, name, (seconds(self.clock.now()), Links::ToPipelines)).await
    }

    fn source(&self) -> Result<&StageSource, Problem> {
        let message = "This console was not told where stages are kept: start bluestage local with --state s3://BUCKET/PREFIX, \
                       as the worker is.";
        self.stages.as_ref().ok_or_else(|| Problem::nowhere(message))
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
