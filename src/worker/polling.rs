//! Takes jobs: only as many as there are free slots, all three actions in turn.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Worker;
use super::health::{ENDED, Loop, Sign};
use super::pace::{Pace, Round};
use crate::ports::{ActionKind, Offered};
use crate::telemetry::metrics;

/// After so many jobs from one poll there may be more. How many CodePipeline hands out at most is not documented; AWS's own
/// sample worker asks for ten. A worker with more free slots than that must not wait after each ten.
const BATCH: usize = 10;

impl Worker {
    /// Polls until `stopping` is cancelled.
    pub(super) async fn poll_until(&self, stopping: &CancellationToken) {
        let mut pace = Pace::new(self.settings.pacing);
        let mut first = 0;
        while !stopping.is_cancelled() {
            let round = tokio::select! {
                biased;
                round = self.poll_once(first, stopping) => round,
                () = stopping.cancelled() => break,
            };
            first += 1; // Another action has the first choice in the next round.
            let pause = self.ports.dice.jittered(pace.after(round));
            self.health.says(&Loop::Poll, format!("waits {:.1} s for the next round", pause.as_secs_f64()));
            tokio::select! {
                biased;
                () = self.ports.clock.sleep(pause) => {}
                () = stopping.cancelled() => {}
            }
        }
        self.health.says(&Loop::Poll, ENDED);
    }

    async fn poll_once(&self, first: usize, stopping: &CancellationToken) -> Round {
        self.health.says(&Loop::Poll, "waits for a free slot");
        self.wait_for_a_free_slot().await;
        let (mut found, mut full, mut faulty) = (0, false, false);
        for turn in 0..ActionKind::ALL.len() {
            let action = ActionKind::ALL[(first + turn) % ActionKind::ALL.len()];
            let free = self.slots.available_permits();
            if free == 0 {
                full = true;
                break;
            }
            self.health.says(&Loop::Poll, format!("polls for {action}"));
            let began = self.ports.clock.elapsed();
            let polled = self.ports.jobs.poll(action, free).await;
            metrics().polled(action, polled.is_ok(), self.ports.clock.elapsed().saturating_sub(began));
            match polled {
                Ok(offers) => {
                    self.health.went_well(Sign::Poll(action));
                    found += offers.len();
                    full |= offers.len() >= free.min(BATCH);
                    offers.into_iter().for_each(|offered| self.take(offered, stopping));
                }
                Err(fault) => {
                    faulty = true;
                    self.health.went_wrong(Sign::Poll(action), &fault);
                    tracing::warn!(%action, %fault, "could not poll for jobs");
                }
            }
        }
        match (full, found, faulty) {
            (true, ..) => Round::Full,
            (false, 0, true) => Round::Faulty,
            (false, 0, false) if self.jobs.is_empty() => Round::Quiet,
            (false, ..) => Round::Busy,
        }
    }

    async fn wait_for_a_free_slot(&self) {
        // The permit is given back at once: it is taken again for each job. The semaphore is never closed.
        drop(self.slots.acquire().await);
    }

    /// Serves the job in a task of its own, in a slot that is taken before anything else can take it.
    fn take(&self, offered: Offered, stopping: &CancellationToken) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            // More jobs than were asked for: not acknowledged, so CodePipeline offers it again.
            tracing::warn!(job = %offered.job.id, "CodePipeline handed out more jobs than were asked for");
            return;
        };
        let serving = self.serving(stopping);
        self.jobs.spawn(async move {
            serving.serve(offered).await;
            drop(slot);
        });
    }
}
