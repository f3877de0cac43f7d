//! The engine: what happens to executions, actions and jobs.
//!
//! All of it is state transitions over one [`State`]; none of it waits or talks to anyone. Read `state.rs` and
//! `execution.rs` (the data), `start.rs` (an execution begins), `settle.rs` (it moves through its pipeline stages),
//! `act.rs` (an action begins and ends), `errand.rs` (what is done for it), `jobs.rs` (workers poll and acknowledge),
//! `report.rs` (they report), then the rest, a file for each thing that people ask for. `events.rs` tells what happens.

mod act;
mod approval;
mod conditions;
mod errand;
mod events;
mod execution;
mod jobs;
mod pipelines;
mod report;
mod retry;
mod revisions;
mod rollback;
mod settle;
mod start;
mod state;
mod stop;
mod tracked;
mod transitions;
mod variables;
mod webhooks;

#[cfg(test)]
mod scenario;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

pub(crate) use act::link;
pub(crate) use approval::{ApprovalResult, put_approval};
pub(crate) use conditions::{ConditionRun, OverrideRequest, RuleRun, override_condition};
pub(crate) use errand::{Errand, Failed, Finished, begun, fail, finish, is_wanted, resume};
pub(crate) use events::Event;
pub(crate) use execution::{ActionExecution, ActionStatus, Artifact, Execution, StageRun, StageStatus};
pub(crate) use jobs::{PollRequest, acknowledge, check_client, hand_over, job_context, poll};
pub(crate) use pipelines::{create, delete, find, start_new, update};
pub(crate) use report::{JobFailure, JobSuccess, Progress, put_failure, put_success};
pub(crate) use retry::{RetryRequest, retry};
pub(crate) use revisions::{ABSENT, NewRevision, Watched, is_news, notice, object_changed, put_revision, watched};
pub(crate) use rollback::{RollbackRequest, roll_back};
pub(crate) use settle::settle;
pub(crate) use start::{SourceOverride, StartRequest, start};
pub(crate) use state::{ActionRef, Definition, Gone, Job, JobStatus, Pipeline, Progress as PipelineProgress, State};
pub(crate) use stop::{StopRequest, expire, stop};
pub(crate) use tracked::Tracked;
pub(crate) use transitions::{TransitionRequest, close, open};
pub(crate) use webhooks::{Webhook, WebhookDefinition, delete_webhook, put_webhook, receive};

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
    /// Where the server listens, once it does: webhooks have an address.
    pub(crate) address: Option<SocketAddr>,
    /// What has happened in this turn, to be told when it is over.
    pub(crate) events: RefCell<Vec<Event>>,
}
