//! Which pages a worker's console has: what it is doing, and the stages.
//!
//! What it is doing it knows itself. The stages are in S3, so they are read only when somebody looks, and what was read is
//! shown again for a few seconds: however many look, and however often, a stage is read once in that time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::layout::{Content, Frame, Section};
use super::problem::Problem;
use super::site::{Site, answer};
use super::stage::{self, Links};
use super::words::seconds;
use super::{StageSource, overview};
use crate::ports::Clock;
use crate::release::StageName;
use crate::worker::Health;

/// For how long what was read is shown. A page of a stage takes a list, a document, and the records of at most a dozen
/// test runs: a page that is open all day costs a few cents.
const FRESH: Duration = Duration::from_secs(5);

/// A page by its address.
pub(super) enum Page {
    Overview,
    Stages,
    Stage(String),
    Nowhere,
}

/// What a worker's console shows, and what it needs for that.
pub struct WorkerConsole {
    health: Arc<Health>,
    stages: StageSource,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// What was read last.
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    names: Option<At<Vec<StageName>>>,
    stages: BTreeMap<StageName, At<Content>>,
}

/// What an attempt to read gave, and when.
#[derive(Clone)]
struct At<T> {
    at: Duration,
    what: Result<T, Problem>,
}

impl WorkerConsole {
    /// The console of the worker of this health, until `stop` is cancelled.
    #[must_use]
    pub fn new(health: Arc<Health>, stages: StageSource, clock: Arc<dyn Clock>, stop: CancellationToken) -> Self {
        Self { health, stages, clock, stop, read: Mutex::default() }
    }

    async fn all_stages(&self) -> Result<Content, Problem> {
        let mut read = self.read.lock().await;
        self.names(&mut read).await.map(|names| stage::all(&names))
    }

    /// A stage that is not among the names costs no further call.
    async fn stage(&self, name: &str) -> Result<Content, Problem> {
        let mut read = self.read.lock().await;
        let names = self.names(&mut read).await?;
        let known = names.into_iter().find(|known| known.as_str() == name);
        let known = known.ok_or_else(|| stage::absent(name))?;
        if let Some(content) = self.fresh(read.stages.get(&known)) {
            return content;
        }
        let when = (seconds(self.clock.now()), Links::Nowhere);
        let what = stage::content(&self.stages, name, when).await;
        read.stages.insert(known, At { at: self.clock.elapsed(), what: what.clone() });
        what
    }

    /// The names of the stages; what is shown of those that are gone is forgotten.
    async fn names(&self, read: &mut Read) -> Result<Vec<StageName>, Problem> {
        if let Some(names) = self.fresh(read.names.as_ref()) {
            return names;
        }
        let what = self.stages.stages.names().await.map_err(Problem::from);
        if let Ok(names) = &what {
            read.stages.retain(|name, _| names.contains(name));
        }
        read.names = Some(At { at: self.clock.elapsed(), what: what.clone() });
        what
    }

    fn fresh<T: Clone>(&self, known: Option<&At<T>>) -> Option<Result<T, Problem>> {
        let known = known.filter(|known| self.clock.elapsed() - known.at < FRESH)?;
        Some(known.what.clone())
    }
}

impl Site for WorkerConsole {
    type Page = Page;

    const FRAME: Frame = Frame {
        entries: &[("Worker", "/console", Section::Worker), ("Stages", "/console/stages", Section::Stages)],
        footer: "A worker of bluestage. What is here is to look at: nothing can be changed.",
    };

    async fn content(&self, page: &Page) -> (StatusCode, Content) {
        let shown = match page {
            Page::Overview => Ok(overview::content(&self.health, &self.stages.stages.place())),
            Page::Stages => self.all_stages().await,
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

pub(super) async fn overview(Shared(console): Shared<Arc<WorkerConsole>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Overview).await
}

pub(super) async fn stages(Shared(console): Shared<Arc<WorkerConsole>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Stages).await
}

pub(super) async fn stage(
    Shared(console): Shared<Arc<WorkerConsole>>,
    Path(stage): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(console, &headers, Page::Stage(stage)).await
}

pub(super) async fn nowhere(Shared(console): Shared<Arc<WorkerConsole>>, headers: HeaderMap) -> Response {
    answer(console, &headers, Page::Nowhere).await
}
