//! Takes over the jobs of workers that are gone.
//!
//! A page of the journal that has not moved for the lease is claimed by a conditional write, which one of several
//! watchers wins; its jobs are noted on the winner's own page, and only then is it taken away. Whoever dies in between
//! leaves a page that does not move, for the next one. Its worker, if it was only slow, finds the page claimed and gives
//! its jobs up; whatever it did until then it may do, because every story may be played twice.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Worker;
use super::health::{ENDED, Loop, Sign};
use super::lease::Lease;
use super::noted::Noted;
use super::serving::{LONGEST_PAUSE, Played, Serving, span_of};
use crate::ports::{Etag, Fault, Job, JobId, Page, PageId};
use crate::telemetry::metrics;

/// The pause before a job is read again after a fault; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often a job that waited for no verdict is looked at again, a lease later each time. A worker that stood still may
/// claim it only now, and die at once: then nobody else knows of it. A claim that is later than that finds the job offered
/// to others.
const LATE_CLAIMS: usize = 2;

impl Worker {
    /// Watches the journal until `stopping` is cancelled.
    pub(super) async fn adopt_until(&self, stopping: &CancellationToken) {
        let look_every = self.settings.beat();
        let mut lease = Lease::new(self.settings.lease, look_every);
        loop {
            self.health.says(&Loop::Adopt, "waits for the next look at the journal");
            tokio::select! {
                biased;
                () = self.ports.clock.sleep(look_every) => {}
                () = stopping.cancelled() => break,
            }
            self.health.says(&Loop::Adopt, "looks at the journal");
            match self.ports.journal.pages().await {
                Ok(pages) => {
                    self.health.went_well(Sign::Journal);
                    self.adopt_from(pages, &mut lease, stopping).await;
                }
                Err(fault) => {
                    self.health.went_wrong(Sign::Journal, &fault);
                    tracing::warn!(%fault, "could not look after the other workers");
                    lease.is_blind();
                }
            }
        }
        self.health.says(&Loop::Adopt, ENDED);
    }

    async fn adopt_from(&self, mut pages: Vec<(PageId, Etag)>, lease: &mut Lease, stopping: &CancellationToken) {
        let own = self.page.id();
        pages.retain(|(id, _)| *id != own);
        for (id, unmoved) in lease.look(pages, self.ports.clock.elapsed()) {
            // A worker that has no place leaves the jobs to one that has.
            if self.slots.available_permits() == 0 {
                return;
            }
            self.health.says(&Loop::Adopt, format!("takes over the jobs on page {id}"));
            if let Err(fault) = self.adopt((&id, &unmoved), stopping).await {
                tracing::warn!(page = %id, %fault, "could not take over the jobs of a worker that is gone");
            }
        }
    }

    /// Takes over the jobs on this page, if it is still in the state that did not move: since that look its worker may
    /// have written on it, or another watcher claimed it.
    async fn adopt(&self, (id, unmoved): (&PageId, &Etag), stopping: &CancellationToken) -> Result<(), Fault> {
        let Some((page, etag)) = self.ports.journal.read(id).await? else {
            return Ok(());
        };
        if etag != *unmoved {
            return Ok(());
        }
        let claimed = Page { worker: self.page.worker.clone(), beat: page.beat + 1, jobs: page.jobs };
        if self.ports.journal.write(id, &claimed, Some(&etag)).await?.is_none() {
            return Ok(()); // Its worker lives, or another one was faster.
        }
        let new: Vec<&JobId> = claimed.jobs.iter().filter(|job| !self.page.holds(job)).collect();
        let noted: Option<Vec<Noted>> = join_all(new.iter().map(|job| self.page.note(job))).await.into_iter().collect();
        let Some(noted) = noted else {
            tracing::warn!(page = %id, "could not note the jobs of a worker that is gone; they are tried again later");
            return Ok(());
        };
        if let Err(fault) = self.ports.journal.remove(id).await {
            tracing::warn!(page = %id, %fault, "a page of the journal stays; its jobs may be looked at once more");
        }
        metrics().adopted(noted.len());
        tracing::info!(page = %id, worker = %page.worker, jobs = noted.len(), "takes over the jobs of a worker that is gone");
        noted.into_iter().for_each(|noted| self.go_on_with(noted, stopping));
        Ok(())
    }

    /// Goes on with a job that another worker has claimed, as soon as there is a slot.
    fn go_on_with(&self, noted: Noted, stopping: &CancellationToken) {
        let serving = self.serving(stopping);
        let slots = Arc::clone(&self.slots);
        let lease = self.settings.lease;
        self.jobs.spawn(async move {
            let _served = serving.health.serves(&noted.job);
            let taken_over = async {
                for looks_left in (0..=LATE_CLAIMS).rev() {
                    let unwanted = serving.play_anew(&noted, &slots).await == Some(Played::Unwanted);
                    if !unwanted || looks_left == 0 || serving.is_stopped_within(&noted.job, lease).await {
                        break;
                    }
                }
            };
            tokio::select! {
                biased;
                () = noted.lost.cancelled() => {}
                () = taken_over => {}
            }
            serving.page.strike(&noted);
        });
    }
}

impl Serving {
    /// Plays the job if its action still goes on, as soon as there is a slot.
    async fn play_anew(&self, noted: &Noted, slots: &Semaphore) -> Option<Played> {
        self.says(&noted.job, "was taken over and waits for a free slot");
        // The semaphore is never closed.
        let _slot = slots.acquire().await;
        let job = self.read_anew(&noted.job).await?;
        let span = span_of(&job);
        Some(self.play(&job, noted).instrument(span).await)
    }

    /// Waits for so long. Tells whether the worker is stopped meanwhile.
    async fn is_stopped_within(&self, job: &JobId, lease: Duration) -> bool {
        self.says(job, "waits whether it is claimed after all");
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => true,
            () = self.ports.clock.sleep(lease) => false,
        }
    }

    /// The job as CodePipeline tells it now; `None` when nobody waits for it any more.
    async fn read_anew(&self, id: &JobId) -> Option<Job> {
        let mut pause = FIRST_PAUSE;
        self.says(id, "reads it anew");
        loop {
            match self.ports.jobs.job(id).await {
                Ok(job) => return job,
                Err(fault @ Fault::Unavailable { .. }) => {
                    tracing::warn!(job = %id, %fault, "could not read the job anew; trying again");
                }
                Err(fault) => {
                    tracing::error!(job = %id, %fault, "a job of a worker that is gone cannot be gone on with");
                    return None;
                }
            }
            self.ports.clock.sleep(self.ports.dice.jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
