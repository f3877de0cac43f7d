//! The worker: poll, acknowledge, act, report; with nothing in memory that matters.
//!
//! [`Worker::run`] runs until it is told to stop. Two loops run beside each other: one takes jobs (`polling.rs`, at the
//! pace of `pace.rs`) and serves each in a task of its own (`serving.rs`), one sweeps (`sweeping.rs`).

mod pace;
mod polling;
mod serving;
mod sweeping;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use pace::Pacing;

use crate::actions::Limits;
use crate::ports::Ports;

/// How a worker works. Settings are data; what it works on are the [`Ports`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Jobs held at once.
    pub slots: usize,
    /// What its actions may use at most.
    pub limits: Limits,
    /// How long a job is held before it is answered with a continuation token.
    pub longest_hold: Duration,
    /// How often CodePipeline is asked for jobs.
    pub pacing: Pacing,
    /// How often the stages are swept.
    pub sweep_every: Duration,
    /// How long the blue of a failed pipeline execution is kept.
    pub failed_grace: Duration,
    /// How long the worker takes at most to hand its jobs over when it is told to stop.
    pub stop_grace: Duration,
}

/// A worker process.
pub struct Worker {
    ports: Ports,
    settings: Settings,
    slots: Arc<Semaphore>,
    jobs: TaskTracker,
}

/// How a worker's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every job it held was answered or handed over.
    Cleanly,
    /// Some jobs were still held when the grace period was over, or when it was told to stop for the second time.
    WithJobsHeld(usize),
}

impl Worker {
    /// A worker over these ports.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.slots));
        Self { ports, settings, slots, jobs: TaskTracker::new() }
    }

    /// Works until `stopping` is cancelled, then hands every held job over. `cancelled` cuts that short.
    pub async fn run(&self, stopping: CancellationToken, cancelled: CancellationToken) -> Ended {
        let sweeping = sweeping::run(&self.ports, &self.settings, &stopping);
        let polling = self.poll_until(&stopping);
        tokio::join!(polling, sweeping);
        tracing::info!(held = self.jobs.len(), "stopping: no new jobs; handing over those that are held");
        self.jobs.close();
        tokio::select! {
            () = self.jobs.wait() => {}
            () = self.ports.clock.sleep(self.settings.stop_grace) => {}
            () = cancelled.cancelled() => {}
        }
        let held = self.jobs.len();
        self.ports.test_runs.stop_all().await;
        if held == 0 { Ended::Cleanly } else { Ended::WithJobsHeld(held) }
    }
}
