//! This worker's own page of the journal: a job is noted before it is claimed, and struck off after its verdict.
//!
//! One loop writes the page ([`OwnPage::keep`]); whoever changes what it should say wakes that loop. Changes that come
//! while a write is under way go together into the next one. A write that finds somebody else's page there means that
//! another worker took the jobs over: everything that is held under the page is then given up.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::health::{Health, Loop};
use super::noted::{Noted, Since, State};
use crate::ports::{Clock, Etag, Fault, JobId, Journal, Page, PageId, Ports};

/// How long a job waits to be noted. One that cannot be noted is not claimed, and so offered again, about when this is
/// over.
const NOTING_PATIENCE: Duration = Duration::from_secs(10);

/// How long a worker that ends waits for its page to be brought up to date. What stays on it costs the next worker a
/// look at jobs that are answered.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// The pause after a write that failed, when something waits to be written.
const PAUSE_AFTER_A_FAULT: Duration = Duration::from_millis(500);

/// Letters and digits of a worker's name: 60 bits, never the same twice.
const NAME_LENGTH: usize = 12;

/// This worker's page.
pub(super) struct OwnPage {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    beat_every: Duration,
    /// This worker's name.
    pub(super) worker: String,
    state: Mutex<State>,
    changed: Notify,
    newly_stored: Notify,
    health: Arc<Health>,
}

/// What a write is to bring about.
struct Wanted {
    id: PageId,
    after: Option<Etag>,
    page: Page,
    call: u64,
    revision: u64,
    /// Whether there is something to take away once no job is left.
    tried: bool,
}

impl OwnPage {
    pub(super) fn new(ports: &Ports, beat_every: Duration, health: Arc<Health>) -> Self {
        Self {
            journal: Arc::clone(&ports.journal),
            clock: Arc::clone(&ports.clock),
            beat_every,
            worker: ports.dice.id(NAME_LENGTH),
            state: Mutex::new(State::new()),
            changed: Notify::new(),
            newly_stored: Notify::new(),
            health,
        }
    }

    /// Notes the job, and returns when that is stored; `None` when it could not be.
    pub(super) async fn note(&self, job: &JobId) -> Option<Noted> {
        let (noted, revision) = {
            let mut state = self.lock();
            *state.jobs.entry(job.clone()).or_default() += 1;
            state.revision += 1;
            let (lost, ours_at) = (state.lost.clone(), Arc::clone(&state.ours_at));
            (Noted { job: job.clone(), lost, ours_at }, state.revision)
        };
        self.changed.notify_one();
        tokio::select! {
            biased;
            () = noted.lost.cancelled() => None,
            () = self.is_stored_up_to(revision) => Some(noted),
            () = self.clock.sleep(NOTING_PATIENCE) => {
                self.strike(&noted);
                None
            }
        }
    }

    /// Now. The page is stored once more at once, so that it is soon known whether it is still our own.
    pub(super) fn now(&self) -> Since {
        self.changed.notify_one();
        Since(self.lock().calls)
    }

    async fn is_stored_up_to(&self, revision: u64) {
        loop {
            let next = self.newly_stored.notified();
            if self.lock().stored_revision >= revision {
                return;
            }
            next.await;
        }
    }

    /// Takes the job off the page; nobody waits for that to be stored.
    pub(super) fn strike(&self, noted: &Noted) {
        if noted.lost.is_cancelled() {
            return; // The page is another one by now.
        }
        let mut state = self.lock();
        let Some(held) = state.jobs.get_mut(&noted.job) else {
            return;
        };
        *held -= 1;
        if *held == 0 {
            state.jobs.remove(&noted.job);
            state.revision += 1;
            self.changed.notify_one();
        }
    }

    /// The present page's name.
    pub(super) fn id(&self) -> PageId {
        self.id_of(self.lock().number)
    }

    /// Whether the job stands on it.
    pub(super) fn holds(&self, job: &JobId) -> bool {
        self.lock().jobs.contains_key(job)
    }

    /// Keeps the stored page up to date, and moving while it holds jobs, until `over`.
    pub(super) async fn keep(&self, over: &CancellationToken) {
        let mut pause = self.beat_every;
        loop {
            self.says("waits for the next beat");
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                () = self.changed.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
            self.says("writes this worker's page of the journal");
            tokio::select! {
                biased;
                () = over.cancelled() => break,
                next = self.store() => pause = next,
            }
        }
        self.says("writes this worker's page for the last time");
        tokio::select! {
            biased;
            () = self.store_all() => {}
            () = self.clock.sleep(LAST_PATIENCE) => {}
        }
    }

    fn says(&self, doing: &str) {
        self.health.says(&Loop::Page, doing);
    }

    /// Brings the stored page up to date, however often that must be tried.
    async fn store_all(&self) {
        while !self.is_up_to_date() {
            let pause = self.store().await;
            if !self.is_up_to_date() {
                self.clock.sleep(pause.min(PAUSE_AFTER_A_FAULT)).await;
            }
        }
    }

    fn is_up_to_date(&self) -> bool {
        let state = self.lock();
        state.stored_revision >= state.revision && state.left.is_empty()
    }

    fn reached(&self, revision: u64) {
        self.lock().stored_revision = revision;
        self.newly_stored.notify_waiters();
    }

    /// Stores the page, and tells how long to wait until the next time.
    async fn store(&self) -> Duration {
        match self.try_to_store().await {
            Ok(()) => self.beat_every,
            Err(fault) => {
                tracing::warn!(%fault, "could not bring this worker's page of the journal up to date");
                PAUSE_AFTER_A_FAULT.min(self.beat_every)
            }
        }
    }

    async fn try_to_store(&self) -> Result<(), Fault> {
        self.store_jobs().await?;
        self.remove_left().await
    }

    async fn store_jobs(&self) -> Result<(), Fault> {
        let wanted = self.wanted();
        if wanted.page.jobs.is_empty() {
            if wanted.tried {
                self.leave();
            }
            self.reached(wanted.revision);
            return Ok(());
        }
        if wanted.tried && wanted.after.is_none() {
            return self.find_out_whether_it_began(&wanted.id).await;
        }
        self.lock().tried = true;
        let written = self.journal.write(&wanted.id, &wanted.page, wanted.after.as_ref()).await?;
        match written {
            Some(etag) => {
                self.is_stored(etag, (wanted.call, wanted.page.beat));
                self.reached(wanted.revision);
            }
            None => self.find_out(&wanted.id).await?,
        }
        Ok(())
    }

    /// The page's first write had no answer. It may have landed and been taken over and removed since: written once more
    /// under its name, it would be ours and another worker's. No job was claimed under it yet, so none is lost.
    async fn find_out_whether_it_began(&self, id: &PageId) -> Result<(), Fault> {
        let call = self.lock().next_call();
        match self.journal.read(id).await? {
            Some((page, etag)) if page.worker == self.worker => self.is_stored(etag, (call, page.beat)),
            Some(_) | None => self.turn_over(),
        }
        self.changed.notify_one(); // What is wanted is not stored yet.
        Ok(())
    }

    /// Removes the pages that hold nothing any more.
    async fn remove_left(&self) -> Result<(), Fault> {
        loop {
            let Some(id) = self.lock().left.last().cloned() else {
                return Ok(());
            };
            self.journal.remove(&id).await?;
            self.lock().left.retain(|left| *left != id);
        }
    }

    /// Something else stands there than was expected: our own write whose answer was lost, or another worker's.
    async fn find_out(&self, id: &PageId) -> Result<(), Fault> {
        let call = self.lock().next_call();
        match self.journal.read(id).await? {
            Some((page, etag)) if page.worker == self.worker => self.is_stored(etag, (call, page.beat)),
            _ => self.lose(),
        }
        self.changed.notify_one(); // What is wanted is not stored yet.
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        let mut state = self.lock();
        Wanted {
            call: state.next_call(),
            id: self.id_of(state.number),
            after: state.stored.clone(),
            page: Page {
                worker: self.worker.clone(),
                beat: state.beat + 1,
                jobs: state.jobs.keys().cloned().collect(),
            },
            revision: state.revision,
            tried: state.tried,
        }
    }

    fn is_stored(&self, etag: Etag, (call, beat): (u64, u64)) {
        let mut state = self.lock();
        state.ours_at.store(call, Ordering::Release);
        state.stored = Some(etag);
        state.beat = beat;
    }

    /// The page is to be removed. From now on another name is used: a removal without an answer may land at any time.
    fn leave(&self) {
        let id = self.id();
        self.lock().left.push(id);
        self.turn_over();
    }

    /// The next page has another name.
    fn turn_over(&self) {
        let mut state = self.lock();
        state.number += 1;
        (state.stored, state.tried, state.beat) = (None, false, 0);
    }

    /// The jobs are another worker's.
    fn lose(&self) {
        tracing::warn!("another worker has taken this worker's jobs over, because it was silent for too long");
        let lost = {
            let mut state = self.lock();
            state.jobs.clear();
            state.ours_at = Arc::default();
            std::mem::take(&mut state.lost)
        };
        lost.cancel();
        self.turn_over();
    }

    fn id_of(&self, number: u64) -> PageId {
        PageId(format!("{}-{number}", self.worker))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while it is held that leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
