//! Every sentence that a person reads in the CodePipeline console: failures here, refusals in `refusals.rs`, progress and
//! success in `progress.rs`; what the sweep says in `sweeping.rs`.
//!
//! A failure says what did not happen, why, what to do, and how things stand now; in this order, because the console
//! shows the beginning first.

mod progress;
mod refusals;
mod sweeping;

pub(super) use progress::*;
use refusals::refused;
pub(super) use sweeping::*;

use super::stop::{FailedRun, Stop};
use super::{Standing, properties};
use crate::ports::{ActionKind, ArtifactFault, Cause, FailedResource, Failure, Fault, Job, Text};
use crate::release::VersionRef;

/// Failed tests that a message names; the report has them all.
const TESTS_NAMED: usize = 10;

/// Why something did not happen, by whom it is to be mended, and how.
struct Why {
    cause: Cause,
    because: String,
    remedy: String,
}

fn why(cause: Cause, because: impl Into<String>, remedy: impl Into<String>) -> Why {
    Why { cause, because: because.into(), remedy: remedy.into() }
}

/// The failure of a job's action.
pub(super) fn failure(job: &Job, stop: &Stop, standing: &Standing) -> Failure {
    let Why { cause, because, remedy } = explain(stop);
    let mut message = format!("{}: {because}.", headline(job, stop));
    for sentence in [remedy.as_str(), &stands(job.action, stop, standing)] {
        // A list begins on a line of its own.
        if !sentence.is_empty() && !sentence.starts_with('\n') {
            message.push(' ');
        }
        message.push_str(sentence);
    }
    let run = match stop {
        Stop::TestsFailed(failed) => Some(Text::cut(failed.run.as_str())),
        _ => None,
    };
    let refusal = match stop {
        Stop::Refused(refusal) => Some(refusal.name()),
        _ => None,
    };
    Failure { cause, message: Text::cut(message), external_id: run, refusal }
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

fn stands(action: ActionKind, stop: &Stop, standing: &Standing) -> String {
    match (action, standing) {
        // Its last write may have landed although the answer was lost.
        (ActionKind::Promote, _) if stop.is_passing() => {
            "It may have gone live all the same, and retrying is harmless.".to_owned()
        }
        (_, Standing::Removed(stack)) => {
            format!("Nothing is left of stack {stack}. What is live is as it was.")
        }
        (_, Standing::BeingRemoved(stack)) => {
            format!("Stack {stack} is being removed. What is live is as it was.")
        }
        (ActionKind::DeployBlue, Standing::Unknown) => {
            "What it may have begun is removed once the pipeline execution is over. What is live is as it was."
                .to_owned()
        }
        (ActionKind::DeployBlue, Standing::Untouched) => "Nothing was made. What is live is as it was.".to_owned(),
        (ActionKind::RunIsolatedTests | ActionKind::Promote, _) => "What is live is as it was.".to_owned(),
    }
}

#[expect(clippy::too_many_lines, reason = "a table of sentences, one for each stop")]
fn explain(stop: &Stop) -> Why {
    match stop {
        Stop::Property(error) => why(Cause::Misconfigured, error.to_string(), "Mend the action's configuration."),
        Stop::Refused(refusal) => refused(refusal),
        Stop::Fault(fault) => faulty(fault),
        Stop::Artifact(ArtifactFault::Fault(fault)) => faulty(fault),
        Stop::Artifact(gone @ ArtifactFault::Gone { .. }) => {
            why(Cause::ArtifactGone, gone.to_string(), "Release the change again, so that the pipeline makes it anew.")
        }
        Stop::Artifact(refused @ ArtifactFault::Refused { .. }) => {
            why(Cause::Misconfigured, refused.to_string(), "Mend the step that makes this artifact.")
        }
        Stop::StackFailed { stack, because } => stack_failed(stack, because),
        Stop::TestsFailed(failed) => tests_failed(failed),
        Stop::NotDrained { going, failed } => not_drained(going, failed),
        Stop::RoleDenied { role_arn, detail } => why(
            Cause::Denied,
            format!("the worker may not play the role {role_arn} (TestRoleArn): {}", bare(detail)),
            "Allow the worker's role sts:AssumeRole and sts:TagSession in the trust policy of that role, and on that role \
             in its own policies.",
        ),
        Stop::RunsInvalid { changed } => why(
            Cause::Unavailable,
            format!("something outside bluestage kept changing stacks under the tests: {}", changed.join("; ")),
            "CloudFormation's events of these stacks say who; keep everything else off the stacks of this stage, then retry.",
        ),
        Stop::DeadlinePassed { waiting_for } => why(
            Cause::Unavailable,
            format!("its time is over; its last word was \"{}\"", bare(waiting_for)),
            "Retry the action, or give it more time with TimeoutMinutes.",
        ),
        Stop::RunsLost { attempts } => why(
            Cause::Unavailable,
            format!("their worker died or was stopped in each of {attempts} attempts"),
            "Retry the action; if that does not help, look in the worker's log for why it ends.",
        ),
        Stop::Contended(stage) => why(
            Cause::Unavailable,
            format!("too many others changed stage {stage} at the same time"),
            "Retry the action.",
        ),
        Stop::NewerToken { .. } => why(
            Cause::Unavailable,
            "a newer bluestage began this action, and no worker of that version went on with it in time",
            "Update this worker, or retry the action.",
        ),
        Stop::UnreadableToken => why(
            Cause::Bug,
            "the job continues one that this worker does not understand",
            "If another version of bluestage works on this pipeline too, or the workers got another --token-key, retry; else please report it.",
        ),
        Stop::Workspace(error) => why(
            Cause::Unavailable,
            format!("the worker could not use its own disk: {error}"),
            "Free space in the worker's temporary directory, then retry.",
        ),
    }
}

fn not_drained(going: &[VersionRef], failed: &[VersionRef]) -> Why {
    let mut because = "blues that use what is live did not end in time".to_owned();
    let mut remedy = "The barrier is lowered again.".to_owned();
    if !going.is_empty() {
        because.push_str(&format!(": {}", list(going)));
        remedy.push_str(" Retry it, or give it more time with DrainMinutes.");
    }
    if !failed.is_empty() {
        let and = if going.is_empty() { ", " } else { "; and " };
        because.push_str(&format!("{and}of failed pipeline executions: {}", list(failed)));
        remedy.push_str(
            " A blue of a failed pipeline execution is kept, to be retried or looked at, until --failed-grace-seconds of \
             the worker are over: retry that execution, or give it up now with \"bluestage sweep --failed-grace-seconds \
             0\", then retry this action.",
        );
    }
    why(Cause::Unavailable, because, remedy)
}

fn stack_failed(stack: &str, because: &FailedResource) -> Why {
    let FailedResource { resource, kind, reason } = because;
    let reason = bare(reason);
    if resource == stack {
        return why(
            Cause::DeployFailed,
            format!("stack {stack} could not be made: {reason}"),
            "Mend the template or its parameters; if somebody else deleted the stack, release the change again.",
        );
    }
    why(
        Cause::DeployFailed,
        format!("stack {stack} could not be made, because {resource} ({kind}) failed: {reason}"),
        "Mend the template or its parameters.",
    )
}

fn faulty(fault: &Fault) -> Why {
    let because = bare(&fault.to_string()).to_owned();
    match fault {
        Fault::Denied { .. } => why(Cause::Denied, because, "Grant the permission, then retry."),
        Fault::Unavailable { .. } => why(Cause::Unavailable, because, "Retry the action."),
        Fault::Outdated { .. } => why(Cause::Unavailable, because, "Update this worker, then retry."),
        Fault::Rejected { .. } => {
            why(Cause::Misconfigured, because, "Mend what the service names, then release again.")
        }
    }
}

fn tests_failed(failed: &FailedRun) -> Why {
    let FailedRun { of, against, run, end, kept_at } = failed;
    let because = format!("{}{}", bare(&end.why_it_failed()), tested_against(against));
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
    if let Some(build) = &end.build {
        remedy.push_str(&format!("\nThe build {} ({}):", build.build, build.status));
        build.phases.iter().for_each(|phase| remedy.push_str(&format!("\n- {phase}")));
        build.log.iter().for_each(|log| remedy.push_str(&format!("\nIts log: {log}")));
    }
    remedy.push_str(&format!(
        "\nReport of {run}: {kept_at}report.html; log, JUnit files and certificate are in bundle.zip beside it. Mend what \
         fails, then release again; {of} stays for a while to look at, unless it is retried."
    ));
    why(Cause::TestsFailed, because, remedy)
}

fn tested_against(against: &[VersionRef]) -> String {
    if against.is_empty() {
        return String::new();
    }
    format!(" (tested against {})", list(against))
}

fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `text` without the full stop at its end, to stand inside a sentence.
fn bare(text: &str) -> &str {
    text.trim_end().trim_end_matches('.')
}

#[cfg(test)]
mod tests;
