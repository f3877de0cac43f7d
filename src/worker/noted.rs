//! What stands on this worker's page of the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::ports::{Etag, JobId, PageId};

/// The page as it is to be, and as far as it is known to be stored.
pub(super) struct State {
    /// How many pages there were before this one.
    pub(super) number: u64,
    /// In which state it is stored, if it is.
    pub(super) stored: Option<Etag>,
    /// Whether a write was tried, which may have landed.
    pub(super) tried: bool,
    pub(super) beat: u64,
    /// How often each job is held: one that is offered once more is held twice for a while.
    pub(super) jobs: BTreeMap<JobId, usize>,
    /// Grows with every change of `jobs`.
    pub(super) revision: u64,
    /// The newest revision that is stored.
    pub(super) stored_revision: u64,
    /// Pages of ours that hold nothing any more, and are to be removed.
    pub(super) left: Vec<PageId>,
    /// How many calls about the page were begun.
    pub(super) calls: u64,
    /// The newest of them that found the present page to be our own.
    pub(super) ours_at: Arc<AtomicU64>,
    /// Cancelled when another worker has taken the jobs over.
    pub(super) lost: CancellationToken,
}

impl State {
    /// The first page, of which nothing is stored.
    pub(super) fn new() -> Self {
        Self {
            number: 1,
            stored: None,
            tried: false,
            beat: 0,
            jobs: BTreeMap::new(),
            revision: 0,
            stored_revision: 0,
            left: Vec::new(),
            calls: 0,
            ours_at: Arc::default(),
            lost: CancellationToken::new(),
        }
    }

    pub(super) fn next_call(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }
}

/// A job that stands on this worker's page.
pub(super) struct Noted {
    pub(super) job: JobId,
    /// Cancelled when another worker has taken it over.
    pub(super) lost: CancellationToken,
    pub(super) ours_at: Arc<AtomicU64>,
}

/// A moment, told by how many calls about the page were begun before it.
#[derive(Clone, Copy)]
pub(super) struct Since(pub(super) u64);

impl Noted {
    /// Whether the page was found to be our own by a call that was begun after then.
    pub(super) fn was_ours_after(&self, Since(calls): Since) -> bool {
        self.ours_at.load(Ordering::Acquire) > calls
    }
}
