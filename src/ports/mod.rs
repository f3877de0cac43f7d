//! What the stories need of the outside world, in the stories' own words.
//!
//! `aws/` and `runner/` implement these; the simulation and the unit tests have implementations in memory. A port asks
//! the outside to *ensure*, *read* or *write* something and never decides about blue and live. Each call may be made
//! again: the answer of the first may have been lost.

mod artifacts;
mod builds;
mod drafts;
mod fault;
mod glances;
mod jobs;
mod journal;
mod roles;
mod run_end;
mod runs;
mod seal;
mod stacks;
mod stages;
mod trace_context;
mod verdict;
mod waits;

use std::sync::Arc;

pub use artifacts::{ArtifactFault, Artifacts};
pub use builds::{Build, BuildEnd, BuildOrder, BuildVariable, BuildVariableKind, Builds};
pub use drafts::Drafts;
pub(crate) use drafts::{Came, Entered, Outcome, Turn};
pub use fault::Fault;
use glances::FEW_STACKS;
pub(crate) use glances::Glance;
pub use glances::{Glances, ReadyStacks};
pub use jobs::{
    ActionKind, Artifact, Credentials, ExecutionStatus, Job, JobId, Jobs, Offered, PipelineContext, Reported,
};
pub use journal::{Journal, Page, PageId};
pub use roles::{RoleCredentials, RoleSession, TestRoles};
pub use run_end::{FailedTest, Overrun, RunEnd, Totals, counted};
pub use runs::{Bundle, Here, RunRecord, RunRecords, RunSpec, RunStatus, Start, TestRuns};
pub use seal::{Seal, ShortKey};
pub use stacks::{
    Changing, Declared, Deleting, Deletion, FailedResource, MadeFrom, ParameterChange, ReadyStack, StackSpec,
    StackState, Stacks, TaggedStack,
};
pub use stages::{Etag, Stages, Stored, Written};
pub use trace_context::TraceContext;
pub use verdict::{Cause, Continuation, Done, Failure, Text, Token, Verdict};
pub use waits::StacksAtWork;

pub use crate::clock::Clock;
use crate::dice::Dice;

/// Every port, the two doors through which time and chance come in, and the seal.
#[derive(Clone)]
pub struct Ports {
    /// CodePipeline's jobs.
    pub jobs: Arc<dyn Jobs>,
    /// Which worker holds which job.
    pub journal: Arc<dyn Journal>,
    /// The stage documents.
    pub stages: Arc<dyn Stages>,
    /// What this process is about to write to them.
    pub drafts: Arc<Drafts>,
    /// CloudFormation's stacks.
    pub stacks: Arc<dyn Stacks>,
    /// What this process looks up of many stacks at once.
    pub glances: Arc<Glances>,
    /// The pipelines' artifacts.
    pub artifacts: Arc<dyn Artifacts>,
    /// Test runs on this machine.
    pub test_runs: Arc<dyn TestRuns>,
    /// Test runs in CodeBuild.
    pub builds: Arc<dyn Builds>,
    /// What is recorded of test runs, wherever they run.
    pub run_records: Arc<dyn RunRecords>,
    /// The roles of the tests.
    pub test_roles: Arc<dyn TestRoles>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub dice: Arc<Dice>,
    /// What continuation tokens are sealed with.
    pub seal: Seal,
}
