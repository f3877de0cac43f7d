//! What is recorded of one run while it runs and when it has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Pace;
use super::output::Printed;
use crate::clock::Clock;
use crate::ports::{Bundle, Fault, RunRecord, RunRecords, RunStatus};
use crate::release::{RunId, StageName};

/// Writes the record of one run, one write after the other: an old state never lands on a newer one.
pub(super) struct Journal {
    pub(super) records: Arc<dyn RunRecords>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    pub(super) worker: String,
    pub(super) stage: StageName,
    pub(super) run: RunId,
    /// Cancelled when the run is to stop: nobody waits long for a lame store then.
    pub(super) stop: CancellationToken,
    pub(super) printed: Arc<Printed>,
}

impl Journal {
    /// The record of a run with this beat.
    fn record(&self, beat: u64, status: RunStatus) -> RunRecord {
        RunRecord { worker: self.worker.clone(), beat, status, build: None }
    }

    fn running(&self, beat: u64) -> RunRecord {
        let progress = self.printed.progress();
        self.record(beat, RunStatus::Running { progress })
    }

    /// Writes once that the run runs, if nobody else has. Whoever starts it learns of a failure and decides.
    pub(super) async fn begin(&self) -> Result<bool, Fault> {
        let first = self.running(0);
        self.records.create(&self.stage, &self.run, &first).await
    }

    /// Writes again and again that the run runs, until `over`; tells the last beat. A beat that fails is not written
    /// again: the next one comes soon, and other workers wait for several.
    pub(super) async fn beat(&self, over: &CancellationToken) -> u64 {
        let mut beat = 0;
        loop {
            tokio::select! {
                () = over.cancelled() => return beat,
                () = self.clock.sleep(self.pace.beat) => {}
            }
            beat += 1;
            let record = self.running(beat);
            let written = self.records.write(&self.stage, &self.run, &record).await;
            if let Err(fault) = written {
                warn!(run = %self.run, %fault, "a test run's beat was not recorded");
            }
        }
    }

    /// Stores what the run leaves, as well as it can.
    pub(super) async fn store(&self, bundle: &Bundle) {
        let mut patience = Patience::new(self);
        while let Err(fault) = self.records.write_bundle(&self.stage, &self.run, bundle).await {
            if !patience.is_left_after(&fault).await {
                error!(run = %self.run, %fault, "a test run's reports and log are lost");
                return;
            }
        }
    }

    /// Writes how the run ended, as well as it can. If that fails for good its beat stands still, and another worker
    /// starts the run anew.
    pub(super) async fn end(&self, beat: u64, status: RunStatus) {
        let last = self.record(beat, status);
        let mut patience = Patience::new(self);
        while let Err(fault) = self.records.write(&self.stage, &self.run, &last).await {
            if !patience.is_left_after(&fault).await {
                error!(run = %self.run, %fault, "how a test run ended could not be recorded");
                return;
            }
        }
    }
}

/// How long a failing write is tried.
struct Patience<'a> {
    journal: &'a Journal,
    began: Duration,
    pause: Duration,
}

impl<'a> Patience<'a> {
    fn new(journal: &'a Journal) -> Self {
        Self { began: journal.clock.elapsed(), pause: journal.pace.first_retry, journal }
    }

    /// Waits before the next try and tells whether there is one.
    async fn is_left_after(&mut self, fault: &Fault) -> bool {
        let Journal { clock, pace, stop, .. } = self.journal;
        let most = if stop.is_cancelled() { pace.retry_when_stopping } else { pace.retry };
        // Any other fault gets the same answer again.
        let worth_it = matches!(fault, Fault::Unavailable { .. });
        if !worth_it || clock.elapsed().saturating_sub(self.began) + self.pause > most {
            return false;
        }
        warn!(run = %self.journal.run, %fault, "a write for a test run is tried again");
        clock.sleep(self.pause).await;
        self.pause = (self.pause * 2).min(pace.longest_retry);
        true
    }
}
