//! The worker: poll, acknowledge, act, report; with nothing in memory that matters.
//!
//! [`Worker::run`] runs until it is told to stop. Four loops run beside each other: one takes jobs (`polling.rs`, at the
//! pace of `pace.rs`) and serves each in a task of its own (`serving.rs`), one keeps this worker's page of the journal
//! (`page.rs`), one takes over the jobs of workers that are gone (`adopting.rs`, by the rule of `lease.rs`), and one
//! sweeps (`sweeping.rs`). Each says what it is doing (`health.rs`).

mod adopting;
mod health;
mod lease;
mod noted;
mod pace;
mod page;
mod polling;
mod recent;
mod serving;
mod sweeping;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use health::{Health, JobTold, Loop, LoopTold, Sign, SignTold};
pub use pace::Pacing;
pub use recent::{Reached, Subject, VerdictTold};

use crate::actions::Limits;
use crate::ports::Ports;
use crate::telemetry::metrics;
use page::OwnPage;
use serving::Serving;

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
    /// After how long without a sign of life the jobs of a worker are another one's.
    pub lease: Duration,
    /// How long the worker takes at most to hand its jobs over when it is told to stop.
    pub stop_grace: Duration,
}

/// Signs of life within a lease: several may fail, and the worker still counts as alive.
const BEATS_IN_A_LEASE: u32 = 6;

impl Settings {
    /// From one sign of life to the next.
    fn beat(&self) -> Duration {
        self.lease / BEATS_IN_A_LEASE
    }
}

/// A worker process.
pub struct Worker {
    ports: Ports,
    settings: Settings,
    page: Arc<OwnPage>,
    slots: Arc<Semaphore>,
    jobs: TaskTracker,
    health: Arc<Health>,
}

/// How a worker's work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every job it held was answered or handed over.
    Cleanly,
    /// Some jobs were still held when the grace period was over, or when it was told to stop for the second time. They
    /// stand in the journal, and other workers take them over when the lease is over.
    WithJobsHeld(usize),
}

impl Worker {
    /// A worker over these ports.
    #[must_use]
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.slots));
        let health = Arc::new(Health::new(Arc::clone(&ports.clock), &settings));
        let page = Arc::new(OwnPage::new(&ports, settings.beat(), Arc::clone(&health)));
        Self { ports, settings, page, slots, jobs: TaskTracker::new(), health }
    }

    /// How this worker is, for as long as anybody asks.
    #[must_use]
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Works until `stopping` is cancelled, then hands every held job over. `cancelled` cuts that short.
    pub async fn run(&self, stopping: CancellationToken, cancelled: CancellationToken) -> Ended {
        self.begin_to_count();
        let over = CancellationToken::new();
        let working = async {
            let held = self.work_until(&stopping, &cancelled).await;
            over.cancel();
            held
        };
        let (held, ()) = tokio::join!(working, self.page.keep(&over));
        self.ports.test_runs.stop_all().await;
        if held == 0 { Ended::Cleanly } else { Ended::WithJobsHeld(held) }
    }

    fn begin_to_count(&self) {
        let (held, signs) = (self.health(), self.health());
        let ages =
            move || signs.signs().into_iter().map(|sign| (sign.of.to_string(), sign.age.as_secs_f64())).collect();
        metrics().worker_began(self.settings.slots, move || held.jobs().len(), ages);
    }

    /// Works until `stopping` is cancelled, and hands over what it holds. Tells how many jobs could not be handed over.
    async fn work_until(&self, stopping: &CancellationToken, cancelled: &CancellationToken) -> usize {
        let told_to_stop = async {
            stopping.cancelled().await;
            self.health.stops();
        };
        tokio::join!(told_to_stop, self.poll_until(stopping), self.adopt_until(stopping), self.sweep_until(stopping));
        tracing::info!(held = self.jobs.len(), "stopping: no new jobs; handing over those that are held");
        self.jobs.close();
        tokio::select! {
            biased;
            () = self.jobs.wait() => {}
            () = self.ports.clock.sleep(self.settings.stop_grace) => {}
            () = cancelled.cancelled() => {}
        }
        self.jobs.len()
    }

    /// What serving a job needs.
    fn serving(&self, stopping: &CancellationToken) -> Serving {
        Serving {
            ports: self.ports.clone(),
            page: Arc::clone(&self.page),
            health: Arc::clone(&self.health),
            limits: self.settings.limits,
            longest_hold: self.settings.longest_hold,
            stopping: stopping.clone(),
        }
    }
}
