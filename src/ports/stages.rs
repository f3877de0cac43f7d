//! The stage documents: one object per stage, changed only by conditional writes.

use async_trait::async_trait;

use super::fault::Fault;
use crate::release::{Stage, StageName};

/// The state of a stored object; two reads with the same tag saw the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(pub String);

/// A stage document as it was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// What it says.
    pub stage: Stage,
    /// The state it was read in.
    pub etag: Etag,
}

/// How a conditional write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is stored.
    Yes,
    /// Something else was stored meanwhile, or is being stored. Nothing is settled: our own write of before may be
    /// what stands there. Read again.
    Conflict,
}

/// Reads and writes stage documents.
#[async_trait]
pub trait Stages: Send + Sync {
    /// The stage's document, or `None` when nothing was ever released into it.
    async fn read(&self, stage: &StageName) -> Result<Option<Stored>, Fault>;

    /// Stores the document if the stored one is still in the state `after`; with `None`, if there is none.
    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault>;

    /// The name of every stage that has a document.
    async fn names(&self) -> Result<Vec<StageName>, Fault>;

    /// Where the documents are kept: what tells one bluestage of an account from another.
    fn place(&self) -> String;
}
