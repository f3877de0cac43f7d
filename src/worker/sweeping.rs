//! Sweeps every now and then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;

use super::Settings;
use crate::actions::{Hold, Sweeper, Swept, end_unwanted_runs};
use crate::ports::Ports;

/// How long one sweep waits for stacks to be gone, all together; what is not gone by then is looked at next time.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Sweeps until `stopping` is cancelled.
pub(super) async fn run(ports: &Ports, settings: &Settings, stopping: &CancellationToken) {
    let sweeper = Sweeper::new(settings.failed_grace);
    while !stopping.is_cancelled() {
        tokio::select! {
            biased;
            () = ports.clock.sleep(ports.dice.jittered(settings.sweep_every)) => {}
            () = stopping.cancelled() => return,
        }
        let hold = Hold::new(ports.clock.clone(), LONGEST_WAIT, stopping.clone());
        // A bug in the sweep must not cost the jobs that are held beside it their verdicts.
        let sweeping = AssertUnwindSafe(sweeper.sweep(ports, &hold)).catch_unwind();
        match sweeping.await {
            Ok(Ok(swept)) => log(&swept),
            Ok(Err(why)) => {
                tracing::warn!(%why, "nothing could be swept; the next sweep tries again")
            }
            Err(_) => tracing::error!("the sweep ran into a bug; the next one tries again"),
        }
        // What a sweep gives up, this worker's or another's, needs no tests any more.
        match end_unwanted_runs(ports).await {
            Ok(ended) => {
                for run in ended {
                    tracing::info!(%run, "ended a test run that nobody waits for");
                }
            }
            Err(why) => tracing::warn!(%why, "could not tell whether every test run is wanted"),
        }
    }
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
