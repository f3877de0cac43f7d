//! CodePipeline's jobs: what is offered, what is ours, and what is answered.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;

use super::fault::Fault;
use super::verdict::Verdict;
use crate::release::Execution;

/// The three actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    /// Gives this pipeline execution its own stack beside the live one.
    DeployBlue,
    /// Runs its tests against that stack and the versions that were live when it began.
    RunIsolatedTests,
    /// Makes it live.
    Promote,
}

impl ActionKind {
    /// All three, in the order in which a pipeline uses them.
    pub const ALL: [Self; 3] = [Self::DeployBlue, Self::RunIsolatedTests, Self::Promote];

    /// The provider name of its custom action type.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::DeployBlue => "DeployBlue",
            Self::RunIsolatedTests => "RunIsolatedTests",
            Self::Promote => "Promote",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.provider())
    }
}

/// A job's id, made by CodePipeline. A continuation is a new job with a new id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub String);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Which of the three actions it is for.
    pub action: ActionKind,
    /// The action's properties as the pipeline's author wrote them, variables resolved.
    pub configuration: BTreeMap<String, String>,
    /// Where it comes from.
    pub pipeline: PipelineContext,
    /// The artifacts it may read.
    pub inputs: Vec<Artifact>,
    /// The artifacts it is to write.
    pub outputs: Vec<Artifact>,
    /// For the artifacts alone. They expire after about 15 minutes.
    pub credentials: Option<Credentials>,
    /// The KMS key with which output artifacts are encrypted, if the pipeline names one.
    pub encryption_key: Option<String>,
    /// What the answer to the job before this one carried over, if this one continues it.
    pub token: Option<String>,
}

/// Where a job comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineContext {
    /// The pipeline's name.
    pub pipeline: String,
    /// The action's name in the pipeline.
    pub action: String,
    /// The pipeline execution and the action execution.
    pub execution: Execution,
}

/// One artifact: an object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its name in the pipeline.
    pub name: String,
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The revision that the pipeline reports for it, if any.
    pub revision: Option<String>,
}

/// Temporary credentials that come with a job. They cannot be printed.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: SecretString,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The session token, absent for long-lived keys.
    pub session_token: Option<SecretString>,
}

/// A job that a poll handed out and that is not ours yet.
#[derive(Debug)]
pub struct Offered {
    /// The job.
    pub job: Job,
    /// Proves that we have the newest offer of it.
    pub nonce: String,
}

/// What became of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// CodePipeline took it.
    Taken,
    /// The job was no longer waiting for one: it was stopped, timed out, or answered before.
    NotWanted,
}

/// How a pipeline execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// It runs, or is being stopped.
    Running,
    /// Every action of it succeeded.
    Succeeded,
    /// An action of it failed: it may be retried.
    Failed,
    /// It was stopped, cancelled, or overtaken by a newer one.
    Over,
    /// CodePipeline does not know it.
    Unknown,
}

/// Takes jobs and answers them.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// At most `free` jobs for this action that wait for a worker.
    async fn poll(&self, action: ActionKind, free: usize) -> Result<Vec<Offered>, Fault>;

    /// Claims the job, asking once. Tells whether it is ours; one that is not is someone else's by now. Where no answer
    /// came the claim may have been taken, and asking again then says that the job is not ours.
    async fn acknowledge(&self, offered: &Offered) -> Result<bool, Fault>;

    /// The job as it stands; `None` when CodePipeline does not know it any more, its action is over, or it is for no
    /// action of ours.
    async fn job(&self, id: &JobId) -> Result<Option<Job>, Fault>;

    /// Answers the job.
    async fn report(&self, job: &JobId, verdict: &Verdict) -> Result<Reported, Fault>;

    /// Fresh credentials for the artifacts of a job that is ours.
    async fn credentials(&self, job: &JobId) -> Result<Option<Credentials>, Fault>;

    /// How the pipeline execution stands that made a version.
    async fn execution(&self, execution: &Execution) -> Result<ExecutionStatus, Fault>;

    /// Starts the pipeline with this ARN from its source. Tells the id of the pipeline execution. The same `request`
    /// (at most 128 letters, digits and hyphens) made twice starts it once.
    async fn start_pipeline(&self, pipeline_arn: &str, request: &str) -> Result<String, Fault>;
}
