//! What a sweep says, in the worker's log and in the answer of `bluestage sweep`.

use super::explain;
use crate::actions::orphans::Left;
use crate::actions::stop::Stop;

/// What went wrong while a stage was swept, for the worker's log.
pub(in crate::actions) fn sweep_trouble(stop: &Stop) -> String {
    explain(stop).because
}

/// Why a stack is not deleted that somebody has protected.
pub(in crate::actions) fn protected_against_deletion(stack: &str) -> String {
    format!(
        "it is protected against termination, which bluestage never switches off; if it may go, do so yourself (aws \
         cloudformation update-termination-protection --no-enable-termination-protection --stack-name {stack}), and the \
         next sweep deletes it"
    )
}

/// That the stack of an update could not be deleted.
pub(in crate::actions) fn leftover_stuck(stack: &str, why: &str) -> String {
    format!("stack {stack}, which an update left over, could not be deleted: {why}")
}

/// What of a stack that was deleted by force stays.
pub(in crate::actions) fn left_behind(stack: &str, why: &str) -> String {
    format!(
        "stack {stack} was deleted by force; what could not be deleted stays, in no stack ({why}), and so does what that \
         needs: CloudFormation's events of the stack name it as DELETE_SKIPPED"
    )
}

/// That a stack is about to be deleted which no document knows.
pub(in crate::actions) fn orphan(stack: &str) -> String {
    format!("stack {stack} carries this bluestage's tags and no stage document knows it: it is being deleted")
}

/// The same for the plan.
pub(in crate::actions) fn orphan_to_go(stack: &str) -> String {
    format!("delete stack {stack}: it carries this bluestage's tags, and no stage document knows it")
}

/// Why a stack that no document knows is left alone.
pub(in crate::actions) fn left(why: &Left) -> String {
    match why {
        Left::UnknownMaker => {
            "no stage document here knows it, and it does not say whose it is (its tag bluestage:state is \
             missing: an older bluestage made it, perhaps another one); delete it yourself if nobody needs it"
                .to_owned()
        }
        Left::OtherName => {
            "no stage document knows it, but its name is not one that bluestage gives to a version's stack: \
             it may be the fixed stack of Strategy=update; delete it yourself if nobody needs it"
                .to_owned()
        }
        Left::Unreadable(stage) => format!("the document of stage {stage}, which may know it, could not be read"),
        Left::NoDocument(stage) => format!(
            "stage {stage} has no document, so nobody can tell what is live there; restore the document from the state \
             bucket's versions, or delete the stage's stacks with bluestage sweep --force"
        ),
        Left::Young => {
            "no stage document knows it, but it was made less than an hour ago: its worker may be about to take \
             it away itself"
                .to_owned()
        }
        Left::Busy(doing) => format!("no stage document knows it, and CloudFormation is at work on it ({doing})"),
    }
}

/// Why nobody knows whether there are such stacks.
pub(in crate::actions) fn orphans_not_sought(stop: &Stop) -> String {
    format!("stacks that no stage document knows could not be looked for: {}", explain(stop).because)
}

/// That it takes longer.
pub(in crate::actions) fn still_being_deleted() -> String {
    "it is still being deleted".to_owned()
}

/// That it cannot be done.
pub(in crate::actions) fn not_deleted(why: &str) -> String {
    format!("it could not be deleted: {why}")
}

/// That stacks belong to another bluestage.
pub(in crate::actions) fn elsewhere(place: &str, count: usize) -> String {
    let stacks = if count == 1 { "1 stack".to_owned() } else { format!("{count} stacks") };
    format!("leave {stacks} to the bluestage at {place}")
}
