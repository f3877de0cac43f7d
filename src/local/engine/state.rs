//! The state of the local CodePipeline: definitions, executions, jobs. It lives in memory and ends with the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::start::SourceOverride;
use crate::local::definition::{
    ActionDeclaration, ActionTypeId, EncryptionKey, PipelineDeclaration, PipelineStage, RegisteredTypes,
};
use crate::local::objects::ObjectKey;

/// Everything there is.
pub(crate) struct State {
    pub(crate) types: RegisteredTypes,
    pub(crate) pipelines: BTreeMap<String, Pipeline>,
    pub(crate) jobs: Jobs,
    /// Sources that began and whose object is yet to be copied; the driver takes them.
    pub(crate) sources: Vec<SourceCopy>,
}

/// A pipeline: its declarations, and its executions in the order in which they started.
pub(crate) struct Pipeline {
    /// All versions; the last one counts.
    pub(crate) versions: Vec<Arc<PipelineDeclaration>>,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) executions: Vec<Execution>,
    /// Which execution entered each pipeline stage last: only that one may be retried there.
    pub(crate) latest: BTreeMap<String, String>,
    /// Executions by the client token that started them.
    pub(crate) tokens: BTreeMap<String, String>,
    /// The last known revision per source action, so that polling starts only on a change.
    pub(crate) seen: BTreeMap<String, String>,
}

/// One run of a pipeline.
pub(crate) struct Execution {
    pub(crate) id: String,
    pub(crate) declaration: Arc<PipelineDeclaration>,
    pub(crate) status: ExecutionStatus,
    pub(crate) status_summary: Option<String>,
    pub(crate) trigger: Trigger,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) overrides: Vec<SourceOverride>,
    pub(crate) started: SystemTime,
    pub(crate) updated: SystemTime,
    /// The reason of a requested stop.
    pub(crate) stop: Option<String>,
    /// One entry per pipeline stage of the declaration.
    pub(crate) stages: Vec<StageRun>,
    /// Which pipeline stage it is in, or waits before.
    pub(crate) at: usize,
    /// All action executions, in the order in which they started, retries included.
    pub(crate) actions: Vec<ActionExecution>,
    pub(crate) artifacts: BTreeMap<String, Artifact>,
    /// Output variables by namespace.
    pub(crate) outputs: BTreeMap<String, BTreeMap<String, String>>,
}

/// One execution's passage through one pipeline stage.
#[derive(Default)]
pub(crate) struct StageRun {
    pub(crate) status: StageStatus,
    /// The present attempt of each action: its index in `Execution::actions`.
    pub(crate) current: BTreeMap<String, usize>,
    pub(crate) automatic_retries: u32,
    pub(crate) manual_retries: u32,
    pub(crate) last_retry: Option<RetryTrigger>,
}

/// One attempt of one action.
pub(crate) struct ActionExecution {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) declaration: ActionDeclaration,
    pub(crate) status: ActionStatus,
    pub(crate) started: SystemTime,
    pub(crate) updated: SystemTime,
    /// When it times out, on the monotonic clock.
    pub(crate) deadline: Duration,
    pub(crate) resolved: BTreeMap<String, String>,
    pub(crate) inputs: Vec<Artifact>,
    pub(crate) outputs: Vec<Artifact>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) external_id: Option<String>,
    pub(crate) external_url: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) percent: Option<u64>,
    /// Code and message of what went wrong.
    pub(crate) error: Option<(String, String)>,
}

/// An artifact, or the place where one is going to be.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    pub(crate) object: ObjectKey,
    pub(crate) revision: Option<String>,
    /// What the producer says about the revision.
    pub(crate) revision_summary: Option<String>,
}

/// A source action's work: copy the object into the artifact store.
pub(crate) struct SourceCopy {
    pub(crate) action: ActionRef,
    pub(crate) from: ObjectKey,
    pub(crate) version: Option<String>,
    pub(crate) to: ObjectKey,
    pub(crate) kms_key: Option<String>,
}

/// Where an action execution is to be found.
#[derive(Clone)]
pub(crate) struct ActionRef {
    pub(crate) pipeline: String,
    pub(crate) execution: String,
    pub(crate) action: String,
}

/// The jobs of all custom actions.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) by_id: HashMap<String, Job>,
    /// The jobs that may still be handed out, oldest first.
    pub(crate) open: Vec<String>,
}

/// One job.
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) action: ActionRef,
    pub(crate) type_id: ActionTypeId,
    pub(crate) status: JobStatus,
    /// Counts the times it was handed out; its decimal form is the nonce.
    pub(crate) nonce: u64,
    /// From when on it can be polled, on the monotonic clock.
    pub(crate) due: Duration,
    pub(crate) continuation: Option<String>,
    /// The key of the artifact store, if one is declared.
    pub(crate) encryption_key: Option<EncryptionKey>,
}

/// The status of a job, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum JobStatus {
    Queued,
    Dispatched,
    InProgress,
    TimedOut,
    Succeeded,
    Failed,
}

/// The status of an execution, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum ExecutionStatus {
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Superseded,
    Failed,
}

/// The status of a pipeline stage in one execution. The first two have no name in the API: the execution is then
/// absent, or inbound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) enum StageStatus {
    #[default]
    Ahead,
    Waiting,
    InProgress,
    Stopping,
    Stopped,
    Failed,
    Succeeded,
}

/// The status of an action execution, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum ActionStatus {
    InProgress,
    Abandoned,
    Succeeded,
    Failed,
}

/// Why an execution started.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    pub(crate) trigger_type: &'static str,
    pub(crate) trigger_detail: String,
}

/// Who asked for the last retry, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum RetryTrigger {
    AutomatedStageRetry,
    ManualStageRetry,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { types: RegisteredTypes::new(), pipelines: BTreeMap::new(), jobs: Jobs::default(), sources: Vec::new() }
    }
}

impl Pipeline {
    /// The declaration that counts for new executions.
    pub(crate) fn declaration(&self) -> Arc<PipelineDeclaration> {
        // A pipeline is made with its first version and never loses one.
        Arc::clone(&self.versions[self.versions.len() - 1])
    }

    pub(crate) fn execution(&self, id: &str) -> Option<&Execution> {
        self.executions.iter().find(|execution| execution.id == id)
    }

    pub(crate) fn execution_mut(&mut self, id: &str) -> Option<&mut Execution> {
        self.executions.iter_mut().find(|execution| execution.id == id)
    }
}

impl Execution {
    /// Whether anything can still happen by itself.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self.status, ExecutionStatus::InProgress | ExecutionStatus::Stopping)
    }

    /// The pipeline stage it is in, or waits before.
    pub(crate) fn stage(&self) -> &PipelineStage {
        &self.declaration.stages[self.at]
    }

    /// Its passage through that pipeline stage.
    pub(crate) fn run(&self) -> &StageRun {
        &self.stages[self.at]
    }

    /// The same, to change.
    pub(crate) fn run_mut(&mut self) -> &mut StageRun {
        &mut self.stages[self.at]
    }

    pub(crate) fn action_mut(&mut self, id: &str) -> Option<&mut ActionExecution> {
        self.actions.iter_mut().find(|action| action.id == id)
    }

    /// The status of the present attempt of an action in the present pipeline stage.
    pub(crate) fn status_of(&self, action: &str) -> Option<ActionStatus> {
        let index = self.run().current.get(action)?;
        Some(self.actions[*index].status)
    }
}

impl Jobs {
    pub(crate) fn add(&mut self, job: Job) {
        self.open.push(job.id.clone());
        self.by_id.insert(job.id.clone(), job);
    }

    /// Ends a job that may still be open.
    pub(crate) fn close(&mut self, id: &str, status: JobStatus) {
        if let Some(job) = self.by_id.get_mut(id) {
            job.status = status;
        }
        self.open.retain(|open| open != id);
    }

    /// Ends the live job of an action execution, if it has one.
    pub(crate) fn close_for(&mut self, action: &str, status: JobStatus) {
        let live = self.by_id.values().find(|job| job.action.action == action && !job.status.is_final());
        if let Some(id) = live.map(|job| job.id.clone()) {
            self.close(&id, status);
        }
    }
}

impl JobStatus {
    /// Whether nothing can happen to the job any more.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::TimedOut | Self::Succeeded | Self::Failed => true,
            Self::Queued | Self::Dispatched | Self::InProgress => false,
        }
    }
}
