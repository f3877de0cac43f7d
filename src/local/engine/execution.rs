//! One run of a pipeline, with all that is known of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::conditions::ConditionRun;
use super::start::SourceOverride;
use crate::local::definition::{ActionDeclaration, PipelineDeclaration, PipelineStage};
use crate::local::objects::ObjectKey;

/// One run of a pipeline.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Execution {
    pub(crate) id: String,
    /// Kept by its version: it is the same for many executions.
    #[serde(skip)]
    pub(crate) declaration: Arc<PipelineDeclaration>,
    pub(crate) version: u64,
    pub(crate) status: ExecutionStatus,
    pub(crate) status_summary: Option<String>,
    pub(crate) trigger: Trigger,
    /// The token of the request that started it: the same token always means this execution.
    pub(crate) client_token: Option<String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) overrides: Vec<SourceOverride>,
    pub(crate) started: SystemTime,
    pub(crate) updated: SystemTime,
    /// The reason of a requested stop.
    pub(crate) stop: Option<String>,
    /// The execution whose artifacts this one brings back, if it is a rollback.
    pub(crate) rollback_of: Option<String>,
    /// One entry per pipeline stage of the declaration.
    pub(crate) stages: Vec<StageRun>,
    /// Which pipeline stage it is in, or waits before.
    pub(crate) at: usize,
    /// All action executions, in the order in which they started, retries included.
    pub(crate) actions: Vec<ActionExecution>,
    pub(crate) artifacts: BTreeMap<String, Artifact>,
    /// Output variables by namespace.
    pub(crate) outputs: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) source_revisions: Vec<SourceRevision>,
}

/// One execution's passage through one pipeline stage.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct StageRun {
    pub(crate) status: StageStatus,
    /// The present attempt of each action: its index in `Execution::actions`.
    pub(crate) current: BTreeMap<String, usize>,
    pub(crate) automatic_retries: u32,
    pub(crate) manual_retries: u32,
    pub(crate) last_retry: Option<RetryTrigger>,
    pub(crate) before_entry: Option<ConditionRun>,
    pub(crate) on_success: Option<ConditionRun>,
    pub(crate) on_failure: Option<ConditionRun>,
}

/// One attempt of one action.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ActionExecution {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) name: String,
    /// Found again in the pipeline's declaration.
    #[serde(skip)]
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
    /// What an answer to an approval must show.
    pub(crate) token: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) external_url: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) percent: Option<u64>,
    /// Code and message of what went wrong.
    pub(crate) error: Option<(String, String)>,
}

/// An artifact, or the place where one is going to be.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    pub(crate) object: ObjectKey,
    pub(crate) revision: Option<String>,
    /// What the producer says about the revision.
    pub(crate) revision_summary: Option<String>,
}

/// Which revision a source action found.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceRevision {
    pub(crate) action_name: String,
    pub(crate) revision_id: String,
    pub(crate) revision_summary: Option<String>,
}

/// The status of an execution, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StageStatus {
    #[default]
    Ahead,
    Waiting,
    InProgress,
    Stopping,
    Stopped,
    Failed,
    Succeeded,
    Skipped,
}

/// The status of an action execution, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ActionStatus {
    InProgress,
    Abandoned,
    Succeeded,
    Failed,
}

/// Why an execution started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    pub(crate) trigger_type: String,
    pub(crate) trigger_detail: String,
}

/// Who asked for the last retry, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RetryTrigger {
    AutomatedStageRetry,
    ManualStageRetry,
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

    pub(crate) fn action(&self, id: &str) -> Option<&ActionExecution> {
        self.actions.iter().find(|action| action.id == id)
    }

    pub(crate) fn action_mut(&mut self, id: &str) -> Option<&mut ActionExecution> {
        self.actions.iter_mut().find(|action| action.id == id)
    }

    /// The status of the present attempt of an action in the present pipeline stage.
    pub(crate) fn status_of(&self, action: &str) -> Option<ActionStatus> {
        let index = self.run().current.get(action)?;
        Some(self.actions[*index].status)
    }

    /// Its passage through the pipeline stage of this name.
    pub(crate) fn run_of(&self, stage: &str) -> Option<&StageRun> {
        self.stages.get(self.index_of(stage)?)
    }

    /// Which of its pipeline stages has this name.
    pub(crate) fn index_of(&self, stage: &str) -> Option<usize> {
        self.declaration.stages.iter().position(|declared| declared.name == stage)
    }

    /// How the API calls its kind.
    pub(crate) fn kind(&self) -> &'static str {
        if self.rollback_of.is_some() { "ROLLBACK" } else { "STANDARD" }
    }

    /// How often it was tried: once, and once more per retry.
    pub(crate) fn attempt(&self) -> u32 {
        1 + self.stages.iter().map(|run| run.automatic_retries + run.manual_retries).sum::<u32>()
    }

    /// Finds the declarations of a kept execution again.
    pub(crate) fn attach(&mut self, declaration: &Arc<PipelineDeclaration>) {
        self.declaration = Arc::clone(declaration);
        for action in &mut self.actions {
            let mut declared = declaration.actions();
            let found = declared.find(|(stage, known)| stage.name == action.stage && known.name == action.name);
            if let Some((_, found)) = found {
                action.declaration = found.clone();
            }
        }
    }
}
