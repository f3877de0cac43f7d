//! Serves one job: note, claim, act, report. Whatever happens in between, a job that is ours gets its verdict.
//!
//! The job stands in the journal from before it is claimed until after its verdict was taken: should this worker die,
//! another one goes on with it (`adopting.rs`).

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use super::health::{Health, Loop};
use super::noted::Noted;
use super::page::OwnPage;
use crate::actions::{self, Hold, Limits};
use crate::ports::{Cause, Failure, Fault, Job, JobId, Offered, Ports, Reported, TraceContext, Verdict};
use crate::telemetry::{self, Dropped, PHASES, metrics};

/// How often a job is claimed whose claims are not answered: with the pauses below about ten minutes.
const CLAIMS: u32 = 24;

/// The first pause between two claims or reports; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause between two claims or reports.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What serving a job needs.
pub(super) struct Serving {
    pub(super) ports: Ports,
    pub(super) page: Arc<OwnPage>,
    pub(super) health: Arc<Health>,
    pub(super) limits: Limits,
    pub(super) longest_hold: Duration,
    pub(super) stopping: CancellationToken,
}

/// How far a turn came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    ToItsEnd,
    /// To its end, too; but CodePipeline waits for no verdict on it.
    Unwanted,
    TakenOver,
}

/// What every log line about the job tells.
pub(super) fn span_of(job: &Job) -> Span {
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
    telemetry::is_part_of(&span, TraceContext::of(&job.pipeline.execution));
    span
}

impl Serving {
    /// What is being done about the job from now on.
    pub(super) fn says(&self, job: &JobId, doing: impl Into<String>) {
        self.health.says(&Loop::Job(job.clone()), doing);
    }

    /// Serves one offered job to its end.
    pub(super) async fn serve(&self, offered: Offered) {
        let span = span_of(&offered.job);
        let _served = self.health.serves(&offered.job.id);
        let serving = async {
            self.says(&offered.job.id, "notes it in the journal");
            let noting = self.page.note(&offered.job.id).instrument(tracing::info_span!(target: PHASES, "note"));
            let Some(noted) = noting.await else {
                metrics().job_dropped(offered.job.action, Dropped::NotNoted);
                tracing::warn!("could not note the job in the journal, so did not take it; it will be offered again");
                return;
            };
            if self.claim(&offered, &noted).instrument(tracing::info_span!(target: PHASES, "claim")).await {
                tracing::debug!(continued = offered.job.token.is_some(), "took the job");
                self.play_claimed(&offered.job, noted).await;
            } else {
                metrics().job_dropped(offered.job.action, Dropped::NotOurs);
                self.page.strike(&noted);
            }
        };
        serving.instrument(span).await;
    }

    /// Plays a job that was just claimed. When this worker stood still before its claim arrived, its page may have been
    /// taken over by then: whoever did that found a job which waited for no verdict yet, and dropped it. So the job is
    /// noted anew, unless the page is known to have been ours after the claim.
    async fn play_claimed(&self, job: &Job, mut noted: Noted) {
        let claimed = self.page.now();
        while self.play(job, &noted).await == Played::TakenOver && !noted.was_ours_after(claimed) {
            tracing::info!("it may have been claimed after it was taken over; goes on with it");
            self.says(&job.id, "notes it anew in the journal");
            noted = loop {
                if let Some(anew) = self.page.note(&job.id).await {
                    break anew;
                }
            };
        }
        self.page.strike(&noted);
    }

    /// Whether the job is to be played by us. Where an answer was lost, a later refusal may come from our own claim, so
    /// the job is played: a story may be played twice, and CodePipeline takes one verdict. A job that is left, though,
    /// would be left by everyone.
    async fn claim(&self, offered: &Offered, noted: &Noted) -> bool {
        let mut perhaps_ours = false;
        let mut pause = FIRST_PAUSE;
        self.says(&offered.job.id, "claims it");
        for _ in 0..CLAIMS {
            match self.ports.jobs.acknowledge(offered).await {
                Ok(true) => return true,
                Ok(false) => {
                    tracing::debug!(perhaps_ours, "the job is not ours by this claim");
                    return perhaps_ours;
                }
                Err(fault @ Fault::Unavailable { .. }) => {
                    tracing::warn!(%fault, "could not claim the job; trying again");
                    perhaps_ours = true;
                }
                Err(fault) => {
                    tracing::warn!(%fault, perhaps_ours, "could not claim the job; it will be offered again");
                    return perhaps_ours;
                }
            }
            if self.stopping.is_cancelled() || noted.lost.is_cancelled() {
                break;
            }
            self.ports.clock.sleep(self.ports.dice.jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        perhaps_ours
    }

    /// Plays one turn of the job's action and reports it, unless another worker takes the job over meanwhile.
    pub(super) async fn play(&self, job: &Job, noted: &Noted) -> Played {
        let playing = async {
            let began = self.ports.clock.elapsed();
            let verdict = self.decide(job).instrument(tracing::info_span!(target: PHASES, "act")).await;
            let concluding = self.conclude(job, verdict, began);
            concluding.instrument(tracing::info_span!(target: PHASES, "report")).await
        };
        tokio::select! {
            biased;
            () = noted.lost.cancelled() => {
                metrics().job_dropped(job.action, Dropped::TakenOver);
                tracing::info!("another worker has taken the job over; stopped working on it");
                Played::TakenOver
            }
            played = playing => played,
        }
    }

    async fn decide(&self, job: &Job) -> Verdict {
        let of = match actions::subject(job) {
            (Some(stage), Some(service)) => format!(" of {service} in stage {stage}"),
            _ => String::new(),
        };
        self.health.knows(job);
        self.says(&job.id, format!("plays {}{of}", job.action));
        let hold = Hold::new(self.ports.clock.clone(), self.longest_hold, self.stopping.clone());
        let acting = AssertUnwindSafe(actions::act(&self.ports, self.limits, job, &hold));
        match acting.catch_unwind().await {
            Ok(verdict) => verdict,
            Err(panic) => actions::panicked(job, panic_text(&*panic)),
        }
    }

    /// Reports the verdict, and if CodePipeline refuses it, that it did. Counts what became of the job since it `began`.
    async fn conclude(&self, job: &Job, verdict: Verdict, began: Duration) -> Played {
        log(&verdict);
        self.health.decided(job, &verdict);
        self.says(&job.id, "reports its verdict");
        let mut verdict = verdict;
        let mut reported = self.report(job, &verdict).await;
        if let Err(fault) = &reported {
            verdict = not_taken(fault);
            reported = self.report(job, &verdict).await;
        }
        match reported {
            Ok(Reported::Taken) => {
                let took = self.ports.clock.elapsed().saturating_sub(began);
                metrics().job_answered(job.action, &verdict, took);
            }
            Ok(Reported::NotWanted) => {
                metrics().job_dropped(job.action, Dropped::NotWanted);
                return Played::Unwanted;
            }
            Err(fault) => {
                metrics().job_dropped(job.action, Dropped::NotTaken);
                tracing::error!(%fault, "the verdict could not be reported; CodePipeline will time the action out");
            }
        }
        Played::ToItsEnd
    }

    /// Reports until CodePipeline takes the verdict, does not want it, or refuses it for good. While there is no answer
    /// it goes on: nobody else would ever report it. A worker that is stopped meanwhile leaves the job in the journal.
    async fn report(&self, job: &Job, verdict: &Verdict) -> Result<Reported, Fault> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ports.jobs.report(&job.id, verdict).await {
                Ok(Reported::Taken) => return Ok(Reported::Taken),
                Ok(Reported::NotWanted) => {
                    tracing::info!("the job does not wait for a verdict any more; dropped it");
                    return Ok(Reported::NotWanted);
                }
                Err(fault @ Fault::Unavailable { .. }) => {
                    tracing::warn!(%fault, "could not report the verdict; trying again");
                    self.says(&job.id, format!("reports its verdict again: {fault}"));
                }
                Err(fault) => return Err(fault),
            }
            self.ports.clock.sleep(self.ports.dice.jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// The verdict to report when CodePipeline refuses the one that was reached.
fn not_taken(fault: &Fault) -> Verdict {
    let cause = match fault {
        Fault::Denied { .. } => Cause::Denied,
        Fault::Unavailable { .. } | Fault::Outdated { .. } => Cause::Unavailable,
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
            // Not "message": a line has one already, and metric filters look for it.
            tracing::warn!(cause = ?failure.cause, refusal = failure.refusal, because = %failure.message, "failed");
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}
