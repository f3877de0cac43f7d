//! The journal: which jobs each worker holds, written where every other worker can read it.
//!
//! Each worker has one page in it while it holds jobs, and rewrites that page every few seconds. A page that does not
//! move belongs to a worker that is gone, and another one takes its jobs over.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;

use super::fault::Fault;
use super::jobs::JobId;
use super::stages::Etag;

/// A page's name. It is made anew for each page and never used again: were it, a worker that wakes late could write on
/// a page that is somebody else's by now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageId(pub String);

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The worker that wrote it: the one that holds the jobs, or the one that is taking them over.
    pub worker: String,
    /// Grows with every write, so that no two states of a page are equal.
    pub beat: u64,
    /// The jobs that the worker holds.
    pub jobs: BTreeSet<JobId>,
}

/// Reads and writes the pages.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Every page, with the state that it is in.
    async fn pages(&self) -> Result<Vec<(PageId, Etag)>, Fault>;

    /// What the page says, and in which state it was read; `None` when there is no such page.
    async fn read(&self, id: &PageId) -> Result<Option<(Page, Etag)>, Fault>;

    /// Stores the page if the stored one is still in the state `after`; with `None`, if there is none. Tells the state
    /// that it is in then; `None` when something else stands there, which may be our own write of before.
    async fn write(&self, id: &PageId, page: &Page, after: Option<&Etag>) -> Result<Option<Etag>, Fault>;

    /// Takes the page away, whatever it says.
    async fn remove(&self, id: &PageId) -> Result<(), Fault>;
}
