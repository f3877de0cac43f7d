//! Sweeps every now and then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::health::{ENDED, Loop, Sign};
use crate::actions::{Hold, Sweeper, Swept, end_unwanted_runs};
use crate::telemetry::{SweepOutcome, metrics};

/// How long one sweep waits for stacks to be gone, all together; what is not gone by then is looked at next time.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(20);

impl Worker {
    /// Sweeps until `stopping` is cancelled.
    pub(super) async fn sweep_until(&self, stopping: &CancellationToken) {
        let (ports, settings) = (&self.ports, &self.settings);
        let sweeper = Sweeper::new(settings.failed_grace);
        while !stopping.is_cancelled() {
            self.health.says(&Loop::Sweep, "waits for the next sweep");
            tokio::select! {
                biased;
                () = ports.clock.sleep(ports.dice.jittered(settings.sweep_every)) => {}
                () = stopping.cancelled() => break,
            }
            self.health.says(&Loop::Sweep, "sweeps the stages");
            let hold = Hold::new(ports.clock.clone(), LONGEST_WAIT, stopping.clone());
            // A bug in the sweep must not cost the jobs that are held beside it their verdicts.
            let sweeping = AssertUnwindSafe(sweeper.sweep(ports, &hold)).catch_unwind();
            let began = ports.clock.elapsed();
            let outcome = self.note_sweep(sweeping.await);
            metrics().sweep_ended(outcome, ports.clock.elapsed().saturating_sub(began));
            self.health.says(&Loop::Sweep, "looks for test runs that nobody waits for");
            self.end_unwanted_runs().await;
        }
        self.health.says(&Loop::Sweep, ENDED);
    }

    fn note_sweep(&self, swept: std::thread::Result<Result<Swept, String>>) -> SweepOutcome {
        match swept {
            Ok(Ok(swept)) => {
                self.health.went_well(Sign::Sweep);
                log(&swept);
                count(&swept);
                SweepOutcome::Whole
            }
            Ok(Err(why)) => {
                self.health.went_wrong(Sign::Sweep, &why);
                tracing::warn!(%why, "nothing could be swept; the next sweep tries again");
                SweepOutcome::Failed
            }
            Err(_) => {
                self.health.went_wrong(Sign::Sweep, &"it ran into a bug; the log says which");
                tracing::error!("the sweep ran into a bug; the next one tries again");
                SweepOutcome::Bug
            }
        }
    }

    /// What a sweep gives up, this worker's or another's, needs no tests any more.
    async fn end_unwanted_runs(&self) {
        match end_unwanted_runs(&self.ports).await {
            Ok(ended) => {
                for run in ended {
                    tracing::info!(%run, "ended a test run that nobody waits for");
                }
            }
            Err(why) => tracing::warn!(%why, "could not tell whether every test run is wanted"),
        }
    }
}

fn count(swept: &Swept) {
    metrics().swept(&[
        ("abandoned", swept.abandoned.len()),
        ("retired", swept.retired.len()),
        ("stuck", swept.stuck.len()),
        ("orphan_deleted", swept.orphans.len()),
        ("orphan_left", swept.orphans_left.len()),
    ]);
    metrics().sweep_left(swept.stuck.len(), swept.troubles.len());
}

fn log(swept: &Swept) {
    for of in &swept.abandoned {
        tracing::info!(service = %of.service, version = %of.version, "the sweep gave the version up");
    }
    for of in &swept.retired {
        tracing::info!(service = %of.service, version = %of.version, "the sweep retired the version");
    }
    for (of, why) in &swept.stuck {
        tracing::warn!(service = %of.service, version = %of.version, %why, "the stack could not be deleted");
    }
    for stack in &swept.orphans {
        tracing::info!(%stack, "the sweep deleted a stack that no stage document knew");
    }
    for (stack, why) in &swept.orphans_left {
        tracing::info!(%stack, %why, "a stack that no stage document knows is left");
    }
    for why in &swept.troubles {
        tracing::warn!(%why, "something could not be swept; the next sweep tries again");
    }
}
