//! All operations of the service, and how far each goes here.

use serde_json::Value;

use super::{action_types, conditions, definitions, executions, history, jobs, stages, tags, third_party, webhooks};
use crate::local::engine::{State, Turn};
use crate::local::error::Answer;

/// One operation: from input to output, both in the API's form.
pub(super) type Operation = fn(&mut State, Value, &Turn<'_>) -> Answer<Value>;

/// How far an operation goes here. `docs/local.md` has the same list, with the reasons; a test compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    /// As the service does it, as far as that is known.
    Whole,
    /// Some of what the service takes is refused, by name.
    Partly,
    /// Always refused, with one of its modelled errors.
    Refused,
}

use Support::{Partly, Refused, Whole};

#[rustfmt::skip]
const OPERATIONS: [(&str, Support, Operation); 44] = [
    ("AcknowledgeJob", Whole, jobs::acknowledge),
    ("AcknowledgeThirdPartyJob", Whole, third_party::acknowledge),
    ("CreateCustomActionType", Whole, action_types::create),
    ("CreatePipeline", Partly, definitions::create),
    ("DeleteCustomActionType", Whole, action_types::delete),
    ("DeletePipeline", Whole, definitions::delete),
    ("DeleteWebhook", Whole, webhooks::delete),
    ("DeregisterWebhookWithThirdParty", Refused, webhooks::deregister),
    ("DisableStageTransition", Whole, stages::disable),
    ("EnableStageTransition", Whole, stages::enable),
    ("GetActionType", Whole, action_types::read_one),
    ("GetJobDetails", Whole, jobs::details),
    ("GetPipeline", Whole, definitions::read),
    ("GetPipelineExecution", Whole, executions::read),
    ("GetPipelineState", Whole, history::pipeline_state),
    ("GetThirdPartyJobDetails", Whole, third_party::details),
    ("ListActionExecutions", Whole, history::list_actions),
    ("ListActionTypes", Whole, action_types::list),
    ("ListDeployActionExecutionTargets", Partly, history::list_targets),
    ("ListPipelineExecutions", Whole, executions::list),
    ("ListPipelines", Whole, definitions::list),
    ("ListRuleExecutions", Whole, conditions::list),
    ("ListRuleTypes", Whole, conditions::list_types),
    ("ListTagsForResource", Whole, tags::list),
    ("ListWebhooks", Whole, webhooks::list),
    ("OverrideStageCondition", Whole, stages::override_condition),
    ("PollForJobs", Whole, jobs::poll),
    ("PollForThirdPartyJobs", Whole, third_party::poll),
    ("PutActionRevision", Whole, stages::put_revision),
    ("PutApprovalResult", Whole, stages::put_approval),
    ("PutJobFailureResult", Whole, jobs::put_failure),
    ("PutJobSuccessResult", Whole, jobs::put_success),
    ("PutThirdPartyJobFailureResult", Whole, third_party::put_failure),
    ("PutThirdPartyJobSuccessResult", Whole, third_party::put_success),
    ("PutWebhook", Whole, webhooks::put),
    ("RegisterWebhookWithThirdParty", Refused, webhooks::register),
    ("RetryStageExecution", Whole, executions::retry),
    ("RollbackStage", Whole, stages::roll_back),
    ("StartPipelineExecution", Partly, executions::start),
    ("StopPipelineExecution", Whole, executions::stop),
    ("TagResource", Whole, tags::add),
    ("UntagResource", Whole, tags::remove),
    ("UpdateActionType", Partly, action_types::update),
    ("UpdatePipeline", Partly, definitions::update),
];

/// The operation of this name.
pub(super) fn find(name: &str) -> Option<Operation> {
    OPERATIONS.iter().find(|(known, _, _)| *known == name).map(|(_, _, run)| *run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::shape;

    const PAGE: &str = include_str!("../../../docs/local.md");

    #[test]
    fn the_page_tells_every_operation_and_how_far_it_goes() {
        let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
        let told: Vec<(&str, &str)> = rows
            .filter_map(|row| {
                let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
                let (name, support) = (cells.next()?, cells.next()?);
                ["supported", "partly", "refused"].contains(&support).then_some((name, support))
            })
            .collect();
        let word = |support| match support {
            Whole => "supported",
            Partly => "partly",
            Refused => "refused",
        };
        let known: Vec<(&str, &str)> = OPERATIONS.iter().map(|(name, support, _)| (*name, word(*support))).collect();
        assert_eq!(told, known, "on the left what docs/local.md says");
    }

    #[test]
    fn every_operation_has_a_shape() {
        for (name, _, _) in OPERATIONS {
            assert!(shape::of_operation(name).is_some(), "{name}");
        }
    }
}
