//! What is said while an action goes on, and when it is done.

use std::time::Duration;

use super::refusals::{refused, skewed};
use super::{explain, list, tested_against};
use crate::actions::properties::PropertyError;
use crate::actions::rebind::Rebound;
use crate::actions::stop::Stop;
use crate::ports::{FailedResource, Job, RunEnd, Text, counted};
use crate::release::{Refusal, Stage, StageName, Version, VersionId, VersionRef};

/// That the action goes on after something broke.
pub(in crate::actions) fn trying_again(stop: &Stop) -> String {
    format!("Trying again: {}.", explain(stop).because)
}

/// That a job is left to a worker that understands it.
pub(in crate::actions) fn waits_for_a_newer_worker() -> String {
    "Waits for a worker of the newer version of bluestage that began this action.".to_owned()
}

/// The failure of an action whose story panicked.
pub(in crate::actions) fn panicked(job: &Job, what: &str) -> String {
    format!(
        "{} ran into a bug of bluestage: {what}. Please report it with the worker's log of job {}. Retrying it is \
         harmless; what was begun and is not retried is removed once the pipeline execution is over.",
        job.action, job.id
    )
}

/// That a dependency is on its way.
pub(in crate::actions) fn waiting_for_dependency(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotLiveYet { service, dependency, on_their_way } => {
            format!("{service} waits for {dependency} to go live; on its way: {}.", list(on_their_way))
        }
        other => refused(other).because,
    }
}

/// That a stack is being made.
pub(in crate::actions) fn stack_in_progress(of: &VersionRef, doing: &str) -> String {
    format!("The stack of {of} is being made ({doing}).")
}

/// Why a stack that should be there is not.
pub(in crate::actions) fn deleted_from_outside(stack: &str) -> FailedResource {
    FailedResource {
        resource: stack.to_owned(),
        kind: "AWS::CloudFormation::Stack".to_owned(),
        reason: "it was deleted while it was being made".to_owned(),
    }
}

/// Why a version is given up, for the stage's history.
pub(in crate::actions) fn why_abandoned(stop: &Stop) -> String {
    Text::<300>::cut(explain(stop).because).to_string()
}

/// That blue is ready.
pub(in crate::actions) fn deployed(stage: &StageName, of: &VersionRef, version: &Version) -> String {
    let wired: Vec<String> =
        version.wiring.iter().map(|(service, wire)| format!("{service} {}", wire.version)).collect();
    let wired = if wired.is_empty() { "no other service".to_owned() } else { wired.join(", ") };
    format!("{of} is blue in stage {stage}, in stack {}, wired to {wired}.", version.stack.name)
}

/// That a run has started.
pub(in crate::actions) fn tests_started(of: &VersionRef, against: &[VersionRef]) -> String {
    format!("The tests of {of} run{}.", tested_against(against))
}

/// That a run goes on.
pub(in crate::actions) fn tests_running(progress: &str) -> String {
    match progress.trim() {
        "" => "The tests run.".to_owned(),
        progress => format!("The tests run: {progress}"),
    }
}

/// What a build is doing.
pub(in crate::actions) fn build_phase(phase: &str) -> String {
    format!("the build is in its phase {phase}")
}

/// That a run waits for its turn.
pub(in crate::actions) fn no_free_place() -> String {
    "The tests wait for a place: this worker runs as many as it takes at once.".to_owned()
}

/// That an action that needs one has no input artifact.
pub(in crate::actions) fn no_input_artifact() -> Stop {
    Stop::Property(PropertyError {
        name: "Command".to_owned(),
        why: "has nothing to run in: the action has no input artifact".to_owned(),
    })
}

/// That all tests passed.
pub(in crate::actions) fn tests_passed(of: &VersionRef, against: &[VersionRef], end: &RunEnd) -> String {
    let seconds = end.ended_at.saturating_sub(end.started_at);
    let count = match end.totals {
        Some(totals) => {
            let mut told = format!("{} passed", counted(totals.tests.saturating_sub(totals.skipped)));
            if totals.skipped > 0 {
                told.push_str(&format!(", {} skipped", totals.skipped));
            }
            if totals.flaky > 0 {
                told.push_str(&format!(", {} of them only when run again (flaky)", totals.flaky));
            }
            told
        }
        None => "The tests passed".to_owned(),
    };
    format!("{count} in {seconds} s: {of}{}.", tested_against(against))
}

/// That a version is live.
pub(in crate::actions) fn promoted(
    stage: &Stage,
    of: &VersionRef,
    (previous, gap): (Option<&VersionId>, Option<Duration>),
) -> String {
    let mut text = format!("{of} is live in stage {}", stage.name);
    if let Some(previous) = previous {
        text.push_str(&format!("; {previous} is kept to switch back to"));
    }
    if let Some(gap) = gap {
        text.push_str(&format!("; it gets the events now, and nobody got any for {:.1} s", gap.as_secs_f64()));
    }
    let skew = stage.skew_of(of);
    if !skew.is_empty() {
        let skew: Vec<String> = skew.iter().map(skewed).collect();
        text.push_str(&format!(". It was tested with {}", skew.join("; and with ")));
    }
    text + "."
}

/// That a version went live and has been replaced before its promotion could tell so.
pub(in crate::actions) fn was_live(stage: &Stage, of: &VersionRef) -> String {
    let by = stage.live(&of.service).map_or_else(String::new, |live| format!(" by {}", live.id));
    format!("{of} went live in stage {} and has been replaced since{by}.", stage.name)
}

/// Which services a promotion has made to be released again, to stand behind what is said of the promotion.
pub(in crate::actions) fn rebound(rebound: &Rebound) -> String {
    let mut text = String::new();
    if !rebound.started.is_empty() {
        let started: Vec<String> = rebound.started.keys().map(ToString::to_string).collect();
        text.push_str(&format!(" Released again, to be wired to it: {}.", started.join(", ")));
    }
    if !rebound.later.is_empty() {
        let later: Vec<String> = rebound.later.iter().map(ToString::to_string).collect();
        text.push_str(&format!(" To be released again once their providers are: {}.", later.join(", ")));
    }
    text
}

/// That a promotion waits for blues.
pub(in crate::actions) fn waits_for_blues(of: &VersionRef, holders: &[VersionRef]) -> String {
    format!("{of} waits for the blues that use what is live: {}. No new ones begin.", list(holders))
}

/// That the fixed stack is being updated.
pub(in crate::actions) fn being_updated(of: &VersionRef, stack: &str) -> String {
    format!("Stack {stack} is being updated to {of}.")
}

/// That a parameter's value is hidden, so that the same cannot be given again.
pub(in crate::actions) fn hidden_parameter(name: &str) -> Stop {
    Stop::Property(PropertyError {
        name: "Strategy".to_owned(),
        why: format!(
            "is update, but CloudFormation does not show the value of the template's parameter {name} (NoEcho), so what \
             was tested cannot be applied again; take such a value from Secrets Manager or Parameter Store instead"
        ),
    })
}

/// That events are being handed over.
pub(in crate::actions) fn events_are_handed_over(of: &VersionRef) -> String {
    format!("The events are being handed over to {of}.")
}

/// That a promotion waits for another one.
pub(in crate::actions) fn waits_its_turn(refusal: &Refusal) -> String {
    let mut because = refused(refusal).because;
    because.push('.');
    because
}

/// Why nothing was switched back.
pub(in crate::actions) fn not_switched_back(stop: &Stop) -> String {
    told("nothing was switched back", stop)
}

/// Why the events do not follow a switch back yet.
pub(in crate::actions) fn events_do_not_follow(stop: &Stop) -> String {
    told("the switch back stands, but the events were not handed over yet (the sweep tries again)", stop)
}

/// Why no pipeline, or no further one, was started.
pub(in crate::actions) fn not_rebound(stop: &Stop) -> String {
    told("no further pipeline was started", stop)
}

fn told(headline: &str, stop: &Stop) -> String {
    let why = explain(stop);
    format!("{headline}: {}. {}", why.because, why.remedy).trim_end().to_owned()
}
