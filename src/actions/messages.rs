//! Every sentence that a person reads in the CodePipeline console.
//!
//! A failure says what did not happen, why, what to do, and how things stand now; in this order, because the console
//! shows the beginning first.

use super::stop::{FailedRun, Stop};
use super::{Standing, properties};
use crate::ports::{
    ActionKind, ArtifactFault, Cause, FailedResource, Failure, Fault, Job, RunEnd, Text,
};
use crate::release::{Refusal, Skew, StageName, State, Version, VersionId, VersionRef};

/// Failed tests that a message names; the report has them all.
const TESTS_NAMED: usize = 10;

/// Why something did not happen, by whom it is to be mended, and how.
struct Why {
    cause: Cause,
    because: String,
    remedy: String,
}

fn why(cause: Cause, because: impl Into<String>, remedy: impl Into<String>) -> Why {
    Why {
        cause,
        because: because.into(),
        remedy: remedy.into(),
    }
}

/// The failure of a job's action.
pub(super) fn failure(job: &Job, stop: &Stop, standing: &Standing) -> Failure {
    let Why {
        cause,
        because,
        remedy,
    } = explain(stop);
    let mut message = format!("{}: {because}.", headline(job, stop));
    for sentence in [remedy, stands(job.action, standing)] {
        if !sentence.is_empty() {
            message.push(' ');
            message.push_str(&sentence);
        }
    }
    let run = match stop {
        Stop::TestsFailed(failed) => Some(Text::cut(failed.run.as_str())),
        _ => None,
    };
    Failure {
        cause,
        message: Text::cut(message),
        external_id: run,
    }
}

fn headline(job: &Job, stop: &Stop) -> String {
    let (stage, service) = properties::subject(job);
    let service = service.map_or_else(|| "The service".to_owned(), |service| service.to_string());
    let place = stage.map_or_else(String::new, |stage| format!(" in stage {stage}"));
    match (job.action, stop) {
        (ActionKind::DeployBlue, _) => format!("{service} was not deployed{place}"),
        (ActionKind::RunIsolatedTests, Stop::TestsFailed(failed)) => {
            format!("{} failed its tests{place}", failed.of)
        }
        (ActionKind::RunIsolatedTests, _) => {
            format!("The tests of {service} did not run to their end{place}")
        }
        (ActionKind::Promote, _) => format!("{service} was not promoted{place}"),
    }
}

fn stands(action: ActionKind, standing: &Standing) -> String {
    match (action, standing) {
        (_, Standing::Removed(stack)) => {
            format!("Stack {stack} was removed. What is live is as it was.")
        }
        (_, Standing::BeingRemoved(stack)) => {
            format!("Stack {stack} is being removed. What is live is as it was.")
        }
        (ActionKind::DeployBlue, Standing::Untouched) => {
            "Nothing was made. What is live is as it was.".to_owned()
        }
        (ActionKind::RunIsolatedTests | ActionKind::Promote, Standing::Untouched) => {
            "What is live is as it was.".to_owned()
        }
    }
}

fn explain(stop: &Stop) -> Why {
    match stop {
        Stop::Property(error) => why(
            Cause::Misconfigured,
            error.to_string(),
            "Mend the action's configuration.",
        ),
        Stop::Refused(refusal) => refused(refusal),
        Stop::Fault(fault) => faulty(fault),
        Stop::Artifact(ArtifactFault::Fault(fault)) => faulty(fault),
        Stop::Artifact(gone @ ArtifactFault::Gone { .. }) => why(
            Cause::ArtifactGone,
            gone.to_string(),
            "Release the change again, so that the pipeline makes it anew.",
        ),
        Stop::Artifact(refused @ ArtifactFault::Refused { .. }) => why(
            Cause::Misconfigured,
            refused.to_string(),
            "Mend the step that makes this artifact.",
        ),
        Stop::StackFailed { stack, because } => {
            let FailedResource {
                resource,
                kind,
                reason,
            } = because;
            let because = format!(
                "stack {stack} could not be made, because {resource} ({kind}) failed: {}",
                bare(reason)
            );
            why(
                Cause::DeployFailed,
                because,
                "Mend the template or its parameters.",
            )
        }
        Stop::TestsFailed(failed) => tests_failed(failed),
        Stop::DeadlinePassed { waiting_for } => why(
            Cause::Unavailable,
            format!("its time is over; it was last at: {}", bare(waiting_for)),
            "Retry it, or give it more time with TimeoutMinutes.",
        ),
        Stop::Contended(stage) => why(
            Cause::Unavailable,
            format!("too many others changed stage {stage} at the same time"),
            "Retry it.",
        ),
        Stop::UnreadableToken => why(
            Cause::Bug,
            "the job continues one that this worker does not understand",
            "If another version of bluestage works on this pipeline too, retry; else please report it.",
        ),
        Stop::Workspace(error) => why(
            Cause::Unavailable,
            format!("the worker could not use its own disk: {error}"),
            "Free space on the worker's temporary directory, then retry.",
        ),
    }
}

fn faulty(fault: &Fault) -> Why {
    let because = bare(&fault.to_string()).to_owned();
    match fault {
        Fault::Denied { .. } => why(Cause::Denied, because, "Grant the permission, then retry."),
        Fault::Unavailable { .. } => why(Cause::Unavailable, because, "Retry it."),
        Fault::Rejected { .. } => why(
            Cause::Misconfigured,
            because,
            "Mend what the service names, then release again.",
        ),
    }
}

fn refused(refusal: &Refusal) -> Why {
    match refusal {
        Refusal::OwnedByAnother { service, owner } => why(
            Cause::Misconfigured,
            format!("service {service} belongs to the pipeline {owner}"),
            "Use another service name; or, to hand the service over, let its pipeline release no more and remove its \
             versions from the stage, then release here.",
        ),
        Refusal::UnknownDependency {
            service,
            dependency,
            known,
        } => why(
            Cause::Misconfigured,
            format!(
                "{service} needs {dependency}, which was never released into this stage; it knows {}",
                list(known)
            ),
            format!("Release {dependency} first, or mend its name."),
        ),
        Refusal::NotLiveYet {
            service,
            dependency,
            on_their_way,
        } if on_their_way.is_empty() => why(
            Cause::Misconfigured,
            format!("{service} needs {dependency}, which has no live version and none on its way"),
            format!("Release {dependency} first."),
        ),
        Refusal::NotLiveYet { .. } => why(
            Cause::Unavailable,
            bare(&waiting_for_dependency(refusal)),
            "Retry it.",
        ),
        Refusal::UnknownOutput {
            dependency,
            output,
            available,
        } => why(
            Cause::Misconfigured,
            format!(
                "it asks for the output {output} of {dependency}, which has {}",
                list(available)
            ),
            "Mend the output's name, or release that service with such an output first.",
        ),
        Refusal::Circle { path } => why(
            Cause::Misconfigured,
            format!(
                "its wiring would close a circle: {}",
                path.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" → ")
            ),
            "Take one of these dependencies out; a service that only its tests call belongs into DependsOn.",
        ),
        Refusal::NothingDeployed { service } => why(
            Cause::Misconfigured,
            format!("this pipeline execution has no version of {service}"),
            "Put DeployBlue with the same Stage and Service before this action.",
        ),
        Refusal::Abandoned { of, because } => why(
            Cause::OutOfDate,
            format!("{of} was given up: {because}"),
            "Release the change again.",
        ),
        Refusal::WrongState { of, state } => why(
            Cause::Misconfigured,
            format!("{of} {}", state_of(*state)),
            "Check the order of the pipeline's actions.",
        ),
        Refusal::RunReplaced { of, run } => why(
            Cause::OutOfDate,
            format!("a newer run of {of} has replaced {run}"),
            "Look at the newer run.",
        ),
        Refusal::Untested { of, failed: false } => why(
            Cause::Misconfigured,
            format!("{of} has not passed its tests"),
            "Put RunIsolatedTests between DeployBlue and this action.",
        ),
        Refusal::Untested { of, failed: true } => why(
            Cause::TestsFailed,
            format!("{of} failed its tests"),
            "Mend what fails, then release again.",
        ),
        Refusal::ChangedSinceTested { of } => why(
            Cause::OutOfDate,
            format!(
                "the stack of {of} is not as it was tested: something outside bluestage changed or deleted it"
            ),
            "Release the change again, and see to it that nothing else touches the stacks of this stage.",
        ),
        Refusal::OlderThanLive { of, live } => why(
            Cause::OutOfDate,
            format!("{of} is older than {live}, which is live"),
            "Nothing needs to be done; to go back, release the old revision anew.",
        ),
        Refusal::Skewed { of, skew } => why(
            Cause::OutOfDate,
            format!(
                "{of} was tested with {}",
                skew.iter()
                    .map(skewed)
                    .collect::<Vec<_>>()
                    .join("; and with ")
            ),
            "Retry the whole pipeline stage: it is then deployed, tested and promoted against what is live now.",
        ),
        Refusal::Pinned { of, by } => {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            why(
                Cause::Misconfigured,
                format!("{of} is still needed: {}", by.join(", ")),
                "",
            )
        }
    }
}

fn skewed(skew: &Skew) -> String {
    let Skew {
        service,
        tested_with,
        live_now,
        promoted_by,
    } = skew;
    match (live_now, promoted_by) {
        (Some(live), Some(by)) => {
            format!("{service} {tested_with}, but {live} is live now (promoted by {by})")
        }
        (Some(live), None) => format!("{service} {tested_with}, but {live} is live now"),
        (None, _) => format!("{service} {tested_with}, but none of that service is live now"),
    }
}

fn state_of(state: State) -> &'static str {
    match state {
        State::Creating => "is still being deployed",
        State::Blue => "has not passed its tests",
        State::Tested => "is tested, and its promotion has not begun",
        State::Promoting => "is being promoted",
        State::Live => "is live",
        State::Previous => "was live and has been replaced",
        State::Abandoned => "was given up",
        State::Retiring => "is being removed",
    }
}

fn tests_failed(failed: &FailedRun) -> Why {
    let FailedRun {
        of,
        against,
        run,
        end,
        kept_at,
    } = failed;
    let because = format!("{}{}", how_it_failed(end), tested_against(against));
    let mut remedy = String::new();
    for test in end.failed_tests.iter().take(TESTS_NAMED) {
        remedy.push_str(&format!("\n- {}: {}", test.name, test.message));
    }
    let more = end.failed_tests.len().saturating_sub(TESTS_NAMED);
    if more > 0 {
        remedy.push_str(&format!("\n- and {more} more"));
    }
    if end.failed_tests.is_empty() && !end.tail.is_empty() {
        remedy.push_str(&format!("\nIts last words:\n{}", end.tail.trim_end()));
    }
    remedy.push_str(&format!(
        "\nLog, reports and certificate of {run}: {kept_at}. {of} stays for a while to look at."
    ));
    why(Cause::TestsFailed, because, remedy.trim_start_matches(' '))
}

fn how_it_failed(end: &RunEnd) -> String {
    if let Some(limit) = end.exceeded_seconds {
        return format!("it was ended after its time limit of {limit} seconds");
    }
    if let Some(problem) = &end.report_problem {
        return bare(problem).to_owned();
    }
    match (end.totals, end.exit_code, end.signal) {
        (Some(totals), ..) if totals.failed > 0 => {
            format!("{} of {} tests failed", totals.failed, totals.tests)
        }
        (_, Some(code), _) => format!("its command ended with exit code {code}"),
        (_, None, Some(signal)) => format!("its command was ended by signal {signal}"),
        (_, None, None) => "its command ended in an unknown way".to_owned(),
    }
}

fn tested_against(against: &[VersionRef]) -> String {
    if against.is_empty() {
        return String::new();
    }
    format!(" (tested against {})", list(against))
}

/// That the action goes on after something broke.
pub(super) fn trying_again(stop: &Stop) -> String {
    format!("Trying again: {}.", explain(stop).because)
}

/// The failure of an action whose story panicked.
pub(super) fn panicked(job: &Job, what: &str) -> String {
    format!(
        "{} ran into a bug of bluestage: {what}. Please report it with the worker's log of job {}. What is live is as \
         it was; what was begun is cleaned up by the sweep.",
        job.action, job.id
    )
}

/// That a dependency is on its way.
pub(super) fn waiting_for_dependency(refusal: &Refusal) -> String {
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
pub(super) fn stack_in_progress(of: &VersionRef, doing: &str) -> String {
    format!("The stack of {of} is being made ({doing}).")
}

/// Why a stack that should be there is not.
pub(super) fn deleted_from_outside(stack: &str) -> FailedResource {
    FailedResource {
        resource: stack.to_owned(),
        kind: "AWS::CloudFormation::Stack".to_owned(),
        reason: "it was deleted while it was being made".to_owned(),
    }
}

/// Why a version is given up, for the stage's history.
pub(super) fn why_abandoned(stop: &Stop) -> String {
    Text::<300>::cut(explain(stop).because).to_string()
}

/// That blue is ready.
pub(super) fn deployed(stage: &StageName, of: &VersionRef, version: &Version) -> String {
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
pub(super) fn tests_started(of: &VersionRef, against: &[VersionRef]) -> String {
    format!("The tests of {of} run{}.", tested_against(against))
}

/// That a run goes on.
pub(super) fn tests_running(progress: &str) -> String {
    match progress.trim() {
        "" => "The tests run.".to_owned(),
        progress => format!("The tests run: {progress}"),
    }
}

/// That a run waits for its turn.
pub(super) fn no_free_place() -> String {
    "The tests wait: as many runs as this worker takes are on it.".to_owned()
}

/// That a run was lost too often.
pub(super) fn run_keeps_dying(attempts: u32) -> String {
    format!("its worker died or was stopped in each of {attempts} attempts")
}

/// That an action that needs one has no input artifact.
pub(super) fn no_input_artifact() -> Stop {
    Stop::Property(properties::PropertyError {
        name: "Command".to_owned(),
        why: "has nothing to run in: the action has no input artifact".to_owned(),
    })
}

/// That all tests passed.
pub(super) fn tests_passed(of: &VersionRef, against: &[VersionRef], end: &RunEnd) -> String {
    let seconds = end.ended_at.saturating_sub(end.started_at);
    let count = match end.totals {
        Some(totals) if totals.skipped > 0 => format!(
            "{} tests passed, {} skipped",
            totals.tests - totals.skipped,
            totals.skipped
        ),
        Some(totals) => format!("{} tests passed", totals.tests),
        None => "The tests passed".to_owned(),
    };
    format!("{count} in {seconds} s: {of}{}.", tested_against(against))
}

/// That a version is live.
pub(super) fn promoted(
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

/// Why a sweep stopped early.
pub(super) fn sweep_stopped(stop: &Stop) -> String {
    explain(stop).because
}

fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// `text` without the full stop at its end, to stand inside a sentence.
fn bare(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}
