//! A person answers.

use std::collections::BTreeMap;

use super::Turn;
use super::act::{fail_action, succeed_action};
use super::execution::{ActionStatus, Execution};
use super::pipelines::not_found;
use super::state::{Pipeline, State};
use super::tracked::Tracked;
use crate::local::definition::Provider;
use crate::local::error::{Answer, ErrorKind};

/// What PutApprovalResult says.
pub(crate) struct ApprovalResult {
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    pub(crate) action: String,
    pub(crate) approved: bool,
    pub(crate) summary: String,
    pub(crate) token: String,
}

/// PutApprovalResult: the action that asked succeeds or fails.
pub(crate) fn put_approval(state: &mut State, result: ApprovalResult, turn: &Turn<'_>) -> Answer<()> {
    let Some(pipeline) = state.pipelines.get_mut(&result.pipeline) else {
        return Err(not_found(&result.pipeline, turn));
    };
    check_names(pipeline, &result)?;
    let asked = |execution: &&mut Tracked<Execution>| execution.actions.iter().any(|action| matches(action, &result));
    let Some(execution) = pipeline.executions.iter_mut().find(asked) else {
        let message = format!("The approval action '{}' has not asked with this token", result.action);
        return Err(ErrorKind::InvalidApprovalToken.because(message));
    };
    let found = execution.actions.iter().find(|action| matches(action, &result)).map(|a| (a.id.clone(), a.status));
    let Some((id, ActionStatus::InProgress)) = found else {
        let message = format!("The approval action '{}' is over", result.action);
        return Err(ErrorKind::ApprovalAlreadyCompleted.because(message));
    };
    if let Some(action) = execution.action_mut(&id) {
        action.summary = Some(result.summary.clone()).filter(|summary| !summary.is_empty());
    }
    if result.approved {
        succeed_action(execution, &id, BTreeMap::new(), turn);
    } else {
        let message = format!("Rejected: {}", result.summary);
        fail_action(execution, &id, ("ApprovalRejected".to_owned(), message), turn);
    }
    Ok(())
}

fn matches(action: &super::ActionExecution, result: &ApprovalResult) -> bool {
    action.token.as_ref() == Some(&result.token) && action.stage == result.stage && action.name == result.action
}

fn check_names(pipeline: &Pipeline, result: &ApprovalResult) -> Answer<()> {
    let (stage, action) = (&result.stage, &result.action);
    let declaration = pipeline.declaration();
    let Some(stage) = declaration.stages.iter().find(|known| known.name == *stage) else {
        let message = format!("Pipeline '{}' does not have a stage '{stage}'", result.pipeline);
        return Err(ErrorKind::StageNotFound.because(message));
    };
    let mut actions = stage.actions.iter();
    match actions.find(|known| known.name == *action) {
        Some(known) if Provider::of(&known.action_type_id) == Some(Provider::Approval) => Ok(()),
        Some(_) => Err(ErrorKind::Validation.because(format!("Action '{action}' is not an approval"))),
        None => {
            let message = format!("Stage '{}' does not have an action '{action}'", stage.name);
            Err(ErrorKind::ActionNotFound.because(message))
        }
    }
}
