//! The artifacts of a job: archives in the pipeline's bucket, reached with the job's own credentials.

use std::path::Path;

use async_trait::async_trait;

use super::fault::Fault;
use super::jobs::{Artifact, Job};

/// Why an artifact could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ArtifactFault {
    /// It is not where the job says it is.
    #[error("artifact {name} is gone: {detail}")]
    Gone {
        /// The artifact's name.
        name: String,
        /// What the service said.
        detail: String,
    },
    /// It is not an archive that we unpack. `why` is a full sentence's second half: "it holds an absolute path: /etc".
    #[error("artifact {name} is refused: {why}")]
    Refused {
        /// The artifact's name.
        name: String,
        /// Why it is refused.
        why: String,
    },
    /// The outside broke.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Fetches and stores artifacts.
#[async_trait]
pub trait Artifacts: Send + Sync {
    /// Downloads an input artifact of the job and unpacks it into the empty directory `into`.
    async fn unpack(&self, job: &Job, artifact: &Artifact, into: &Path) -> Result<(), ArtifactFault>;

    /// Uploads the zip archive at `from` as an output artifact of the job, encrypted with the job's key (SSE-KMS), or
    /// with the account's own S3 key when the job names none.
    async fn upload(&self, job: &Job, artifact: &Artifact, from: &Path) -> Result<(), ArtifactFault>;
}
