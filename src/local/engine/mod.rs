//! The engine: what happens to executions, actions and jobs.
//!
//! All of it is state transitions over one in-memory [`State`]; none of it waits or talks to anyone. Read
//! `state.rs` (the data), `start.rs` (an execution begins), `settle.rs` (it moves through its pipeline stages),
//! `act.rs` (an action begins and ends), `jobs.rs` (workers poll and acknowledge), `report.rs` (they report), then
//! `stop.rs` and `retry.rs`. `driver.rs` is the only part with effects: it reads and writes the sources, and watches
//! the time.

mod act;
mod driver;
mod jobs;
mod pipelines;
mod report;
mod retry;
mod settle;
mod start;
mod state;
mod stop;
mod variables;

#[cfg(test)]
mod scenario;

use std::time::{Duration, SystemTime};

pub(crate) use act::{SourceArtifact, SourceFailure, fail_source, finish_source, link};
pub(crate) use driver::drive;
pub(crate) use jobs::{acknowledge, job_context, poll};
pub(crate) use pipelines::{create, delete, find, start_new, update};
pub(crate) use report::{JobFailure, JobSuccess, Progress, put_failure, put_success};
pub(crate) use retry::{RetryRequest, retry};
pub(crate) use settle::settle;
pub(crate) use start::{SourceOverride, StartRequest, start};
pub(crate) use state::{ActionExecution, Artifact, Execution, Job, Pipeline, StageRun, StageStatus, State};
pub(crate) use stop::{StopRequest, expire, stop};

use super::settings::Settings;
use crate::dice::Dice;

/// What a transition may know of the world: one moment in it.
pub(crate) struct Turn<'a> {
    /// The time of day, for records.
    pub(crate) now: SystemTime,
    /// The monotonic time, for everything that is due or too late.
    pub(crate) elapsed: Duration,
    /// Where ids come from.
    pub(crate) dice: &'a Dice,
    /// How the local CodePipeline is set up.
    pub(crate) settings: &'a Settings,
}
