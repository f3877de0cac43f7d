//! The state of the local CodePipeline: definitions, executions, jobs.
//!
//! What must outlive the process is in [`Tracked`] values; the rest is derived or begun anew after a restart.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::errand::Errand;
use super::execution::Execution;
use super::tracked::Tracked;
use super::webhooks::Webhook;
use crate::local::definition::{
    ActionTypeId, EncryptionKey, ExecutionMode, PipelineDeclaration, RegisteredTypes, Tags,
};

/// At most this many versions of a pipeline are kept, besides those that an execution still refers to.
const MOST_VERSIONS: usize = 100;

/// Everything there is.
pub(crate) struct State {
    pub(crate) types: Tracked<RegisteredTypes>,
    pub(crate) pipelines: BTreeMap<String, Pipeline>,
    pub(crate) jobs: Jobs,
    pub(crate) webhooks: BTreeMap<String, Tracked<Webhook>>,
    /// Work that began and that the driver is yet to take.
    pub(crate) errands: Vec<Errand>,
    /// What was deleted and is yet to be forgotten where things are kept.
    pub(crate) gone: Vec<Gone>,
}

/// Something that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Gone {
    Pipeline(String),
    Execution { pipeline: String, id: String },
    Webhook(String),
}

/// A pipeline: its declarations, and its executions in the order in which they started.
pub(crate) struct Pipeline {
    pub(crate) definition: Tracked<Definition>,
    pub(crate) progress: Tracked<Progress>,
    pub(crate) executions: Vec<Tracked<Execution>>,
}

/// What its owner says about a pipeline.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// All versions that matter; the last one counts.
    #[serde(with = "shared")]
    pub(crate) versions: Vec<Arc<PipelineDeclaration>>,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) tags: Tags,
    /// The pipeline stages that nobody may enter, and why.
    pub(crate) closed: BTreeMap<String, ClosedTransition>,
}

/// A transition that was disabled.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ClosedTransition {
    pub(crate) reason: String,
    pub(crate) at: SystemTime,
}

/// How far a pipeline is.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Which execution entered each pipeline stage last: only that one may be retried there.
    pub(crate) latest: BTreeMap<String, String>,
    /// The last known revision per source action, so that only a change starts an execution.
    pub(crate) seen: BTreeMap<String, String>,
}

/// Where an action execution is to be found.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ActionRef {
    pub(crate) pipeline: String,
    pub(crate) execution: String,
    pub(crate) action: String,
}

/// The jobs of all actions that others work on.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) by_id: HashMap<String, Tracked<Job>>,
    /// The jobs that may still be handed out, oldest first.
    pub(crate) open: Vec<String>,
    /// How many jobs there have been: their order outlives a restart.
    count: u64,
}

/// One job.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) action: ActionRef,
    pub(crate) type_id: ActionTypeId,
    pub(crate) status: JobStatus,
    /// Counts the times it was handed out; its decimal form is the nonce.
    pub(crate) nonce: u64,
    /// From when on it can be polled, on the monotonic clock.
    pub(crate) due: Duration,
    /// When it times out, if this one job may.
    pub(crate) deadline: Option<Duration>,
    pub(crate) continuation: Option<String>,
    /// The key of the artifact store, if one is declared.
    pub(crate) encryption_key: Option<EncryptionKey>,
    /// Its place in the order of jobs.
    #[serde(default)]
    pub(crate) number: u64,
}

/// The status of a job, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobStatus {
    Queued,
    Dispatched,
    InProgress,
    TimedOut,
    Succeeded,
    Failed,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            types: Tracked::new(RegisteredTypes::new()),
            pipelines: BTreeMap::new(),
            jobs: Jobs::default(),
            webhooks: BTreeMap::new(),
            errands: Vec::new(),
            gone: Vec::new(),
        }
    }
}

impl Pipeline {
    /// A pipeline in its first version.
    pub(crate) fn new(declaration: PipelineDeclaration, tags: Tags, now: SystemTime) -> Self {
        let definition = Definition {
            versions: vec![Arc::new(declaration)],
            created: now,
            updated: now,
            tags,
            closed: BTreeMap::new(),
        };
        Self {
            definition: Tracked::new(definition),
            progress: Tracked::new(Progress::default()),
            executions: Vec::new(),
        }
    }

    /// The declaration that counts for new executions.
    pub(crate) fn declaration(&self) -> Arc<PipelineDeclaration> {
        // A pipeline is made with its first version and never loses the last one.
        Arc::clone(&self.definition.versions[self.definition.versions.len() - 1])
    }

    /// Adds a version, and forgets the oldest one that nothing refers to if there are very many.
    pub(crate) fn add_version(&mut self, declaration: PipelineDeclaration) {
        let used: BTreeSet<u64> = self.executions.iter().map(|execution| execution.declaration.version).collect();
        let versions = &mut self.definition.versions;
        versions.push(Arc::new(declaration));
        if versions.len() > MOST_VERSIONS
            && let Some(oldest) = versions.iter().position(|version| !used.contains(&version.version))
            && oldest + 1 < versions.len()
        {
            versions.remove(oldest);
        }
    }

    pub(crate) fn execution(&self, id: &str) -> Option<&Execution> {
        self.executions.iter().find(|execution| execution.id == id).map(|execution| &**execution)
    }

    pub(crate) fn execution_mut(&mut self, id: &str) -> Option<&mut Execution> {
        self.executions.iter_mut().find(|execution| execution.id == id).map(|execution| &mut **execution)
    }

    /// Whether `id` was the last to enter a pipeline stage; executions in PARALLEL mode do not know one another.
    pub(crate) fn is_latest(&self, id: &str, stage: &str) -> bool {
        let parallel = |execution: &Execution| execution.declaration.execution_mode == ExecutionMode::Parallel;
        self.execution(id).is_some_and(parallel) || self.progress.latest.get(stage).is_some_and(|last| last == id)
    }
}

impl Jobs {
    pub(crate) fn add(&mut self, mut job: Job) {
        self.count += 1;
        job.number = self.count;
        self.open.push(job.id.clone());
        self.by_id.insert(job.id.clone(), Tracked::new(job));
    }

    /// Puts back a job that was kept.
    pub(crate) fn put_back(&mut self, job: Job) {
        self.count = self.count.max(job.number);
        self.by_id.insert(job.id.clone(), Tracked::kept(job));
    }

    /// Finds out which jobs can still be handed out, when all were put back.
    pub(crate) fn reopen(&mut self) {
        let jobs = self.by_id.values();
        let mut open: Vec<_> =
            jobs.filter(|job| job.status.is_waiting()).map(|job| (job.number, job.id.clone())).collect();
        open.sort_unstable();
        self.open = open.into_iter().map(|(_, id)| id).collect();
    }

    /// Ends a job that may still be open.
    pub(crate) fn close(&mut self, id: &str, status: JobStatus) {
        if let Some(job) = self.by_id.get_mut(id) {
            job.status = status;
        }
        self.open.retain(|open| open != id);
    }

    /// The live job of an action execution, if it has one.
    pub(crate) fn live(&self, action: &str) -> Option<&Job> {
        let mut jobs = self.by_id.values();
        jobs.find(|job| job.action.action == action && !job.status.is_final()).map(|job| &**job)
    }

    /// Ends the live job of an action execution, if it has one.
    pub(crate) fn close_for(&mut self, action: &str, status: JobStatus) {
        if let Some(id) = self.live(action).map(|job| job.id.clone()) {
            self.close(&id, status);
        }
    }

    /// Forgets the jobs of which `gone` says that their execution is no more.
    pub(crate) fn forget(&mut self, gone: impl Fn(&ActionRef) -> bool) {
        self.by_id.retain(|_, job| !gone(&job.action));
        let known = &self.by_id;
        self.open.retain(|id| known.contains_key(id));
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

    /// Whether nobody has taken the job yet.
    pub(crate) fn is_waiting(self) -> bool {
        matches!(self, Self::Queued | Self::Dispatched)
    }
}

/// Declarations are shared in memory and written out whole.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::PipelineDeclaration;

    pub(super) fn serialize<S: Serializer>(all: &[Arc<PipelineDeclaration>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(all.iter().map(|one| &**one))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arc<PipelineDeclaration>>, D::Error> {
        let all = Vec::<PipelineDeclaration>::deserialize(from)?;
        Ok(all.into_iter().map(Arc::new).collect())
    }
}
