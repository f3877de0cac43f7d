//! Serves one job: acknowledge, act, report. Whatever happens in between, an acknowledged job gets its verdict.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::actions::{self, Hold, Limits};
use crate::ports::{Acknowledged, Cause, Failure, Fault, Job, Offered, Ports, Reported, Verdict};

/// How often a verdict is reported before it is given up: with the pauses below about ten minutes.
const REPORT_ATTEMPTS: u32 = 24;

/// The first pause between two reports; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two reports.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What serving a job needs.
pub(super) struct Serving {
    pub(super) ports: Ports,
    pub(super) limits: Limits,
    pub(super) longest_hold: Duration,
    pub(super) stopping: CancellationToken,
}

/// Serves one offered job to its end.
pub(super) async fn serve(serving: Serving, offered: Offered) {
    let job = &offered.job;
    let (stage, service) = actions::subject(job);
    let span = tracing::info_span!(
        "job",
        job = %job.id,
        action = %job.action,
        pipeline = %job.pipeline.pipeline,
        execution = %job.pipeline.execution.execution_id,
        stage = stage.map(tracing::field::display),
        service = service.map(tracing::field::display),
        version = tracing::field::Empty,
    );
    serving.serve(offered).instrument(span).await;
}

impl Serving {
    async fn serve(&self, offered: Offered) {
        let continued = offered.job.token.is_some();
        let acknowledged = match self.ports.jobs.acknowledge(offered).await {
            Ok(Some(acknowledged)) => acknowledged,
            Ok(None) => {
                tracing::debug!("the job is another worker's by now");
                return;
            }
            Err(fault) => {
                tracing::warn!(%fault, "could not acknowledge the job; it will be offered again");
                return;
            }
        };
        tracing::debug!(continued, "took the job");
        let verdict = self.decide(&acknowledged.job).await;
        self.conclude(acknowledged, verdict).await;
    }

    async fn decide(&self, job: &Job) -> Verdict {
        let hold = Hold::new(self.ports.clock.clone(), self.longest_hold, self.stopping.clone());
        let acting = AssertUnwindSafe(actions::act(&self.ports, self.limits, job, &hold));
        match acting.catch_unwind().await {
            Ok(verdict) => verdict,
            Err(panic) => actions::panicked(job, panic_text(&*panic)),
        }
    }

    /// Reports the verdict, again and again if it must be. The job is used up: it cannot be reported twice.
    async fn conclude(&self, acknowledged: Acknowledged, verdict: Verdict) {
        let job = acknowledged.job;
        log(&verdict);
        let Err(fault) = self.report(&job, &verdict).await else {
            return;
        };
        let verdict = not_taken(&fault);
        if let Err(fault) = self.report(&job, &verdict).await {
            tracing::error!(%fault, "the verdict could not be reported; CodePipeline will time the action out");
        }
    }

    /// Reports until CodePipeline takes the verdict, does not want it, or refuses it for good.
    async fn report(&self, job: &Job, verdict: &Verdict) -> Result<(), Fault> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let fault = match self.ports.jobs.report(&job.id, verdict).await {
                Ok(Reported::Taken) => return Ok(()),
                Ok(Reported::NotWanted) => {
                    tracing::info!("the job does not wait for a verdict any more; dropped it");
                    return Ok(());
                }
                Err(fault) => fault,
            };
            let passing = matches!(fault, Fault::Unavailable { .. });
            if !passing || attempt == REPORT_ATTEMPTS {
                return Err(fault);
            }
            tracing::warn!(%fault, attempt, "could not report the verdict; trying again");
            self.ports.clock.sleep(self.ports.dice.jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            attempt += 1;
        }
    }
}

/// The verdict to report when CodePipeline refuses the one that was reached.
fn not_taken(fault: &Fault) -> Verdict {
    let cause = match fault {
        Fault::Denied { .. } => Cause::Denied,
        Fault::Unavailable { .. } => Cause::Unavailable,
        Fault::Rejected { .. } => Cause::Misconfigured,
    };
    let message = format!(
        "The action was played to its end, but CodePipeline did not take its result: {fault}. Retry it; what it has \
         done stands and is found again."
    );
    Verdict::Failed(Failure::new(cause, message))
}

fn log(verdict: &Verdict) {
    match verdict {
        Verdict::Continue(continuation) => {
            tracing::info!(summary = %continuation.summary, "continue")
        }
        Verdict::Done(done) => tracing::info!(summary = %done.summary, "done"),
        Verdict::Failed(failure) => {
            tracing::warn!(cause = ?failure.cause, message = %failure.message, "failed");
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}
