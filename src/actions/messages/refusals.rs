//! What is said when the domain says no.

use super::progress::waiting_for_dependency;
use super::{Why, bare, list, why};
use crate::ports::Cause;
use crate::release::{Refusal, Skew, State};

/// Why the stage refused, and what to do about it.
#[expect(clippy::too_many_lines, reason = "a table of sentences, one for each refusal")]
pub(super) fn refused(refusal: &Refusal) -> Why {
    match refusal {
        Refusal::OwnedByAnother { service, owner } => why(
            Cause::Misconfigured,
            format!("service {service} belongs to the pipeline {owner}"),
            "Use another service name; or, to hand the service over, let its pipeline release no more and remove its \
             versions from the stage, then release here.",
        ),
        Refusal::UnknownDependency { service, dependency, known } => why(
            Cause::Misconfigured,
            format!("{service} needs {dependency}, which was never released into this stage; it knows {}", list(known)),
            format!("Release {dependency} first, or mend its name."),
        ),
        Refusal::NotLiveYet { service, dependency, on_their_way } if on_their_way.is_empty() => why(
            Cause::Misconfigured,
            format!("{service} needs {dependency}, which has no live version and none on its way"),
            format!("Release {dependency} first."),
        ),
        Refusal::NotLiveYet { .. } => {
            why(Cause::Unavailable, bare(&waiting_for_dependency(refusal)), "Retry the action.")
        }
        Refusal::UnknownOutput { dependency, output, available } => why(
            Cause::Misconfigured,
            format!("it asks for the output {output} of {dependency}, which has {}", list(available)),
            "Mend the output's name, or release that service with such an output first.",
        ),
        Refusal::Circle { path } => why(
            Cause::Misconfigured,
            format!(
                "its wiring would close a circle: {}",
                path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
            ),
            "Take one of these dependencies out; a service that only its tests call belongs into DependsOn.",
        ),
        Refusal::NothingDeployed { service } => why(
            Cause::Misconfigured,
            format!("this pipeline execution has no version of {service}"),
            "Put DeployBlue with the same Stage and Service before this action.",
        ),
        Refusal::Abandoned { of, because } => {
            why(Cause::OutOfDate, format!("{of} was given up: {because}"), "Release the change again.")
        }
        Refusal::WrongState { of, state } => why(
            Cause::Misconfigured,
            format!("{of} {}", state_of(*state)),
            "Check the order of the pipeline's actions.",
        ),
        Refusal::RunReplaced { of, run } => {
            why(Cause::OutOfDate, format!("a newer run of {of} has replaced {run}"), "Look at the newer run.")
        }
        Refusal::Untested { of, failed: false } => why(
            Cause::Misconfigured,
            format!("{of} has not passed its tests"),
            "Put RunIsolatedTests between DeployBlue and this action.",
        ),
        Refusal::Untested { of, failed: true } => {
            why(Cause::TestsFailed, format!("{of} failed its tests"), "Mend what fails, then release again.")
        }
        Refusal::ChangedSinceTested { of } => why(
            Cause::OutOfDate,
            format!("the stack of {of} is not as it was tested: something outside bluestage changed or deleted it"),
            "Release the change again, and see to it that nothing else touches the stacks of this stage.",
        ),
        Refusal::OlderThanLive { of, live } => why(
            Cause::OutOfDate,
            format!("{of} is older than {live}, which is live"),
            "Nothing needs to be done; to go back, release the old revision anew.",
        ),
        Refusal::Skewed { of, skew } => why(
            Cause::OutOfDate,
            format!("{of} was tested with {}", skew.iter().map(skewed).collect::<Vec<_>>().join("; and with ")),
            "Retry the whole pipeline stage: it is then deployed, tested and promoted against what is live now.",
        ),
        Refusal::Reserved { of, by, .. } => why(
            Cause::OutOfDate,
            format!(
                "{of} waits for {by}, which was tested with what is live now and goes first, because its service kept losing"
            ),
            "Retry it.",
        ),
        Refusal::Barred { service, dependency, by, .. } => why(
            Cause::Unavailable,
            format!("{service} waits for the promotion of {by}, which is about to change the live {dependency}"),
            "Retry it.",
        ),
        Refusal::Held { of, by } => why(
            Cause::Unavailable,
            format!("{of} waits for the blues that use what is live: {}", list(by)),
            "Retry it.",
        ),
        Refusal::StageFull { service, most, held_by } => {
            let held_by: Vec<String> = held_by.iter().map(|(service, count)| format!("{service} {count}")).collect();
            why(
                Cause::Unavailable,
                format!(
                    "there is no room for a further version of {service}: the stage may hold {most} ({})",
                    held_by.join(", ")
                ),
                "Let releases end, keep fewer previous versions, or raise the worker's --max-stacks.",
            )
        }
        Refusal::SecondSubscriber { of, other } => why(
            Cause::OutOfDate,
            format!("{of} cannot get the events, because {other} gets them or may still get them"),
            "Retry it; if that does not help, look at the stack of the other version.",
        ),
        Refusal::NothingKept { service, kept } if kept.is_empty() => why(
            Cause::Misconfigured,
            format!("no previous version of {service} is kept"),
            "Release the old revision anew; Promote's Keep says how many versions are kept from then on.",
        ),
        Refusal::NothingKept { service, kept } => why(
            Cause::Misconfigured,
            format!("that version of {service} is not kept; kept are {}", list(kept)),
            "Name one of these.",
        ),
        Refusal::LiveChanged { service, live } => why(
            Cause::OutOfDate,
            format!(
                "another version of {service} has gone live since that was asked for: {}",
                live.as_ref().map_or("none", |live| live.as_str())
            ),
            "If that one is to be replaced too, ask again.",
        ),
        Refusal::WouldBeUntested { pairs } => {
            let pairs: Vec<String> = pairs.iter().map(|debt| format!("{} with {}", debt.caller, debt.called)).collect();
            why(
                Cause::OutOfDate,
                format!("versions would be live together that were not tested together: {}", pairs.join("; ")),
                "Leave --strict out to accept that, or release the callers anew first.",
            )
        }
        Refusal::Pinned { of, by } => {
            let by: Vec<String> = by.iter().map(ToString::to_string).collect();
            why(
                Cause::Misconfigured,
                format!("{of} is still needed: {}", by.join(", ")),
                "Nothing needs to be done: it is removed once nobody needs it.",
            )
        }
    }
}

/// A version in the view that was replaced.
pub(super) fn skewed(skew: &Skew) -> String {
    let Skew { service, tested_with, live_now, promoted_by } = skew;
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
