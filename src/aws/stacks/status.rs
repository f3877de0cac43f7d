//! What each of CloudFormation's stack statuses means for a version's stack.
//!
//! CloudFormation user guide, "Stack status codes". Sorting them by how their names end goes wrong:
//! `DELETE_COMPLETE` is no success, `ROLLBACK_COMPLETE` is a failure, `REVIEW_IN_PROGRESS` waits for us.

use aws_sdk_cloudformation::types::StackStatus;

/// What a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A change set exists, or should, and nothing else: the stack waits for it to be executed.
    Waiting,
    /// CloudFormation is at work on it.
    Moving,
    /// CloudFormation is deleting it.
    Leaving,
    /// It can be used.
    Usable,
    /// What was wanted of it was not done.
    Broken,
    /// It was deleted; only its id still finds it.
    Gone,
}

/// What `status` means. A status that is newer than this program is judged by the one rule that all others follow:
/// what is in progress is called so.
pub(super) fn standing(status: &StackStatus) -> Standing {
    match status {
        StackStatus::ReviewInProgress => Standing::Waiting,

        StackStatus::CreateInProgress
        | StackStatus::ImportInProgress
        | StackStatus::ImportRollbackInProgress
        | StackStatus::RollbackInProgress
        // What the update took out of the stack is deleted only now: a subscription that `GreenDeployment` turned off still
        // gets its events, and a further update would be refused.
        | StackStatus::UpdateCompleteCleanupInProgress
        | StackStatus::UpdateInProgress
        | StackStatus::UpdateRollbackCompleteCleanupInProgress
        | StackStatus::UpdateRollbackInProgress => Standing::Moving,

        StackStatus::DeleteInProgress => Standing::Leaving,

        StackStatus::CreateComplete | StackStatus::ImportComplete | StackStatus::UpdateComplete => Standing::Usable,

        StackStatus::CreateFailed
        | StackStatus::DeleteFailed
        | StackStatus::ImportRollbackComplete
        | StackStatus::ImportRollbackFailed
        | StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::UpdateFailed
        | StackStatus::UpdateRollbackComplete
        | StackStatus::UpdateRollbackFailed => Standing::Broken,

        StackStatus::DeleteComplete => Standing::Gone,

        newer if newer.as_str().ends_with("IN_PROGRESS") => Standing::Moving,
        _ => Standing::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_meaning() {
        let meanings = StackStatus::values().iter().map(|&status| (status, standing(&status.into())));
        let expected = [
            ("CREATE_COMPLETE", Standing::Usable),
            ("CREATE_FAILED", Standing::Broken),
            ("CREATE_IN_PROGRESS", Standing::Moving),
            ("DELETE_COMPLETE", Standing::Gone),
            ("DELETE_FAILED", Standing::Broken),
            ("DELETE_IN_PROGRESS", Standing::Leaving),
            ("IMPORT_COMPLETE", Standing::Usable),
            ("IMPORT_IN_PROGRESS", Standing::Moving),
            ("IMPORT_ROLLBACK_COMPLETE", Standing::Broken),
            ("IMPORT_ROLLBACK_FAILED", Standing::Broken),
            ("IMPORT_ROLLBACK_IN_PROGRESS", Standing::Moving),
            ("REVIEW_IN_PROGRESS", Standing::Waiting),
            ("ROLLBACK_COMPLETE", Standing::Broken),
            ("ROLLBACK_FAILED", Standing::Broken),
            ("ROLLBACK_IN_PROGRESS", Standing::Moving),
            ("UPDATE_COMPLETE", Standing::Usable),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Moving),
            ("UPDATE_FAILED", Standing::Broken),
            ("UPDATE_IN_PROGRESS", Standing::Moving),
            ("UPDATE_ROLLBACK_COMPLETE", Standing::Broken),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Moving),
            ("UPDATE_ROLLBACK_FAILED", Standing::Broken),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Standing::Moving),
        ];
        assert!(meanings.eq(expected), "the SDK knows a status that this table does not");
    }

    #[test]
    fn a_status_of_the_future_is_waited_for_only_if_it_is_in_progress() {
        assert_eq!(standing(&"REFACTOR_IN_PROGRESS".into()), Standing::Moving);
        assert_eq!(standing(&"REFACTOR_COMPLETE".into()), Standing::Broken);
    }
}
