//! What is said while an action goes on, and when it is done.

use super::refusals::{refused, skewed};
use super::{counted, explain, list, tested_against};
use crate::actions::properties::PropertyError;
use crate::actions::stop::Stop;
use crate::ports::{FailedResource, Job, RunEnd, Text};
use crate::release::{Refusal, StageName, Version, VersionId, VersionRef};

/// That the action goes on after something broke.
pub(in crate::actions) fn trying_again(stop: &Stop) -> String {
    format!("Trying again: {}.", explain(stop).because)
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
        Refusal::NotLiveYet {
            service,
            dependency,
            on_their_way,
        } => {
            format!(
                "{service} waits for {dependency} to go live; on its way: {}.",
                list(on_their_way)
            )
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
pub(in crate::actions) fn deployed(
    stage: &StageName,
    of: &VersionRef,
    version: &Version,
) -> String {
    let wired: Vec<String> = version
        .wiring
        .iter()
        .map(|(service, wire)| format!("{service} {}", wire.version))
        .collect();
    let wired = if wired.is_empty() {
        "no other service".to_owned()
    } else {
        wired.join(", ")
    };
    format!(
        "{of} is blue in stage {stage}, in stack {}, wired to {wired}.",
        version.stack.name
    )
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
pub(in crate::actions) fn tests_passed(
    of: &VersionRef,
    against: &[VersionRef],
    end: &RunEnd,
) -> String {
    let seconds = end.ended_at.saturating_sub(end.started_at);
    let count = match end.totals {
        Some(totals) => {
            let passed = counted(totals.tests.saturating_sub(totals.skipped));
            match totals.skipped {
                0 => format!("{passed} passed"),
                skipped => format!("{passed} passed, {skipped} skipped"),
            }
        }
        None => "The tests passed".to_owned(),
    };
    format!("{count} in {seconds} s: {of}{}.", tested_against(against))
}

/// That a version is live.
pub(in crate::actions) fn promoted(
    stage: &StageName,
    of: &VersionRef,
    (version, previous): (&Version, Option<&VersionId>),
) -> String {
    let mut text = format!("{of} is live in stage {stage}");
    if let Some(previous) = previous {
        text.push_str(&format!("; {previous} is kept to switch back to"));
    }
    if !version.skew_debt.is_empty() {
        let debt: Vec<String> = version.skew_debt.iter().map(skewed).collect();
        text.push_str(&format!(
            ". Not tested together: it was tested with {}",
            debt.join("; and with ")
        ));
    }
    text + "."
}

/// What went wrong while a stage was swept, for the worker's log.
pub(in crate::actions) fn sweep_trouble(stop: &Stop) -> String {
    explain(stop).because
}
