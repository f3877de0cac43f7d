//! The instruments. `docs/operations.md` has the table of them, which `tests/docs.rs` compares with this file.
//!
//! Names are Prometheus' own: a unit at the end, `_total` for what only grows. OTLP gets the same names.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use crate::ports::{ActionKind, Fault, Verdict};
use crate::release::reach::Pin;
use crate::release::{Stage, State};

/// Answers of services: S3 takes tens of milliseconds, CloudFormation seconds on a bad day.
const CALL_SECONDS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Turns of jobs and sweeps: a promotion takes tenths of a second, a held job as long as `--hold-seconds` and a bit.
const TURN_SECONDS: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// Every state that a version may be in, with its name as the stage document has it.
const STATES: [(State, &str); 8] = [
    (State::Creating, "Creating"),
    (State::Blue, "Blue"),
    (State::Tested, "Tested"),
    (State::Promoting, "Promoting"),
    (State::Live, "Live"),
    (State::Previous, "Previous"),
    (State::Abandoned, "Abandoned"),
    (State::Retiring, "Retiring"),
];

/// Every instrument.
pub struct Metrics {
    build: Gauge<u64>,
    slots: Gauge<u64>,
    jobs: Counter<u64>,
    job_seconds: Histogram<f64>,
    refusals: Counter<u64>,
    dropped: Counter<u64>,
    poll_seconds: Histogram<f64>,
    adoptions: Counter<u64>,
    adopted_jobs: Counter<u64>,
    writes: Counter<u64>,
    stacks: Gauge<u64>,
    pinned: Gauge<u64>,
    kept: Gauge<u64>,
    sweeps: Counter<u64>,
    sweep_seconds: Histogram<f64>,
    swept: Counter<u64>,
    sweep_troubles: Counter<u64>,
    stuck: Gauge<u64>,
    attempts: Counter<u64>,
    attempt_seconds: Histogram<f64>,
    meter: Meter,
}

/// Why a job was left without a verdict of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// It could not be noted in the journal, and so was not claimed.
    NotNoted,
    /// Somebody else has claimed it.
    NotOurs,
    /// Another worker has taken it over meanwhile.
    TakenOver,
    /// It does not wait for a verdict any more.
    NotWanted,
    /// CodePipeline takes no verdict of ours.
    NotTaken,
}

impl Dropped {
    fn as_str(self) -> &'static str {
        match self {
            Self::NotNoted => "not_noted",
            Self::NotOurs => "not_ours",
            Self::TakenOver => "taken_over",
            Self::NotWanted => "not_wanted",
            Self::NotTaken => "not_taken",
        }
    }
}

/// How a sweep went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepOutcome {
    /// It went through every stage.
    Whole,
    /// It could not even list the stages.
    Failed,
    /// It ran into a bug.
    Bug,
}

impl SweepOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Failed => "failed",
            Self::Bug => "bug",
        }
    }
}

/// How one attempt at a call to AWS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiOutcome {
    /// As it should.
    Ok,
    /// Something else was written meanwhile (409, 412).
    Conflict,
    /// There is no such thing (404).
    Absent,
    /// A right is lacking, or the credentials are no good (401, 403).
    Denied,
    /// Too many calls.
    Throttled,
    /// Any other 4xx.
    Refused,
    /// A 5xx.
    Broken,
    /// No answer: no connection, or not in time.
    Unanswered,
}

impl ApiOutcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Conflict => "conflict",
            Self::Absent => "absent",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Unanswered => "unanswered",
        }
    }
}

/// One attempt at a call to AWS.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// The service, as its SDK names it.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// How it ended.
    pub outcome: ApiOutcome,
    /// How long it took; none where the clock was set meanwhile.
    pub took: Option<Duration>,
}

impl Metrics {
    /// Instruments of this meter.
    #[must_use]
    pub fn of(meter: &Meter) -> Self {
        let count = |name, what| meter.u64_counter(name).with_description(what).build();
        let gauge = |name, what| meter.u64_gauge(name).with_description(what).build();
        let seconds = |name, what, bounds: [f64; 11]| {
            meter.f64_histogram(name).with_description(what).with_unit("s").with_boundaries(bounds.to_vec()).build()
        };
        Self {
            build: gauge("bluestage_build_info", "1, with the version of this program"),
            slots: gauge("bluestage_slots", "Jobs that this worker holds at most"),
            jobs: count("bluestage_jobs_total", "Jobs that were answered"),
            job_seconds: seconds("bluestage_job_duration_seconds", "From the claim to the taken verdict", TURN_SECONDS),
            refusals: count("bluestage_refusals_total", "Actions that the stage refused"),
            dropped: count("bluestage_dropped_jobs_total", "Jobs that were left without a verdict of this worker"),
            poll_seconds: seconds("bluestage_poll_duration_seconds", "Polls of CodePipeline", CALL_SECONDS),
            adoptions: count("bluestage_adoptions_total", "Workers that are gone whose jobs were taken over"),
            adopted_jobs: count("bluestage_adopted_jobs_total", "Jobs that were taken over from workers that are gone"),
            writes: count("bluestage_document_writes_total", "Conditional writes"),
            stacks: gauge("bluestage_stacks", "Versions in a stage, each with its stack"),
            pinned: gauge("bluestage_pinned_stacks", "Versions that another one is tested with or wired to"),
            kept: gauge("bluestage_kept_stacks", "Previous versions that are kept to switch back to"),
            sweeps: count("bluestage_sweeps_total", "Sweeps"),
            sweep_seconds: seconds("bluestage_sweep_duration_seconds", "Sweeps", TURN_SECONDS),
            swept: count("bluestage_swept_stacks_total", "What sweeps did about stacks"),
            sweep_troubles: count("bluestage_sweep_troubles_total", "What could not be swept and is tried again"),
            stuck: gauge("bluestage_stuck_stacks", "Stacks that the last sweep could not delete"),
            attempts: count("bluestage_api_attempts_total", "Attempts at calls to AWS, each retry by itself"),
            attempt_seconds: seconds(
                "bluestage_api_attempt_duration_seconds",
                "Attempts at calls to AWS",
                CALL_SECONDS,
            ),
            meter: meter.clone(),
        }
    }

    /// The program begins.
    pub fn program_began(&self, version: &'static str, commit: &'static str) {
        self.build.record(1, &[KeyValue::new("version", version), KeyValue::new("commit", commit)]);
    }

    /// A worker begins: it has so many slots. `held` and `ages` are asked whenever somebody wants to know: how many jobs it
    /// holds, and how many seconds ago each thing went well last by which one sees that it is of use.
    pub fn worker_began(
        &self,
        slots: usize,
        held: impl Fn() -> usize + Send + Sync + 'static,
        ages: impl Fn() -> Vec<(String, f64)> + Send + Sync + 'static,
    ) {
        self.slots.record(count(slots), &[]);
        // The meter keeps what it asks; what these two return is of no further use.
        let _ = self
            .meter
            .u64_observable_gauge("bluestage_held_jobs")
            .with_description("Jobs that this worker holds now")
            .with_callback(move |told| told.observe(count(held()), &[]))
            .build();
        let _ = self
            .meter
            .f64_observable_gauge("bluestage_last_success_age_seconds")
            .with_description("Since it went well last: polls, sweeps, looks at the journal")
            .with_unit("s")
            .with_callback(move |told| {
                ages().into_iter().for_each(|(of, age)| told.observe(age, &[KeyValue::new("of", of)]));
            })
            .build();
    }

    /// CodePipeline took the verdict on a job.
    pub fn job_answered(&self, action: ActionKind, verdict: &Verdict, took: Duration) {
        let (name, cause) = match verdict {
            Verdict::Continue(_) => ("continue", "none".to_owned()),
            Verdict::Done(_) => ("done", "none".to_owned()),
            Verdict::Failed(failure) => ("failed", format!("{:?}", failure.cause)),
        };
        let action = KeyValue::new("action", action.provider());
        let verdict_name = KeyValue::new("verdict", name);
        self.job_seconds.record(took.as_secs_f64(), &[action.clone(), verdict_name.clone()]);
        self.jobs.add(1, &[action.clone(), verdict_name, KeyValue::new("cause", cause)]);
        if let Verdict::Failed(failure) = verdict
            && let Some(refusal) = failure.refusal
        {
            self.refusals.add(1, &[action, KeyValue::new("refusal", refusal)]);
        }
    }

    /// A job was left without a verdict of this worker.
    pub fn job_dropped(&self, action: ActionKind, why: Dropped) {
        self.dropped.add(1, &[KeyValue::new("action", action.provider()), KeyValue::new("reason", why.as_str())]);
    }

    /// CodePipeline was polled.
    pub fn polled(&self, action: ActionKind, well: bool, took: Duration) {
        let outcome = KeyValue::new("outcome", if well { "ok" } else { "fault" });
        self.poll_seconds.record(took.as_secs_f64(), &[KeyValue::new("action", action.provider()), outcome]);
    }

    /// The jobs of a worker that is gone were taken over.
    pub fn adopted(&self, jobs: usize) {
        self.adoptions.add(1, &[]);
        self.adopted_jobs.add(count(jobs), &[]);
    }

    /// A document was to be written if nothing else was written meanwhile; tells whether it was.
    pub(super) fn document_written(&self, document: &'static str, written: Result<bool, &Fault>) {
        let outcome = match written {
            Ok(true) => "written",
            Ok(false) => "conflict",
            Err(_) => "fault",
        };
        self.writes.add(1, &[KeyValue::new("document", document), KeyValue::new("outcome", outcome)]);
    }

    /// The stage is like this now.
    pub(super) fn stage_seen(&self, stage: &Stage) {
        let name = KeyValue::new("stage", stage.name.to_string());
        for (state, word) in STATES {
            let versions = stage.all_versions().filter(|(_, version)| version.state == state).count();
            self.stacks.record(count(versions), &[name.clone(), KeyValue::new("state", word)]);
        }
        let pins = stage.pins();
        let with = |wanted: fn(&Pin) -> bool| count(pins.values().filter(|pins| pins.iter().any(wanted)).count());
        self.pinned.record(with(Pin::is_by_another), std::slice::from_ref(&name));
        self.kept.record(with(|pin| *pin == Pin::Kept), &[name]);
    }

    /// A sweep is over.
    pub fn sweep_ended(&self, outcome: SweepOutcome, took: Duration) {
        self.sweeps.add(1, &[KeyValue::new("outcome", outcome.as_str())]);
        self.sweep_seconds.record(took.as_secs_f64(), &[]);
    }

    /// What a sweep did about stacks: each result with how often.
    pub fn swept(&self, results: &[(&'static str, usize)]) {
        for (result, often) in results {
            self.swept.add(count(*often), &[KeyValue::new("result", *result)]);
        }
    }

    /// What a sweep leaves to be done: stacks that cannot be deleted, and what is tried again.
    pub fn sweep_left(&self, stuck: usize, troubles: usize) {
        self.stuck.record(count(stuck), &[]);
        self.sweep_troubles.add(count(troubles), &[]);
    }

    /// AWS was called once.
    pub fn attempted(&self, attempted: Attempted) {
        let Attempted { service, operation, outcome, took } = attempted;
        let service = KeyValue::new("service", service);
        if let Some(took) = took {
            self.attempt_seconds.record(took.as_secs_f64(), std::slice::from_ref(&service));
        }
        let outcome = KeyValue::new("outcome", outcome.as_str());
        self.attempts.add(1, &[service, KeyValue::new("operation", operation), outcome]);
    }
}

fn count(of: usize) -> u64 {
    of as u64 // Never more bits than that.
}
