//! How an execution, and an action in it, stands.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{ActionExecutionFilter, ActionExecutionStatus, PipelineExecutionStatus};

use super::name_in;
use crate::aws::fault::fault;
use crate::ports::{ExecutionStatus, Fault};
use crate::release::Execution;

/// `PipelineExecutionStatus` of the CodePipeline API reference. A status that is newer than this program counts as
/// running: nothing is given up for a word that we do not understand.
pub(super) fn of_execution(told: &PipelineExecutionStatus) -> ExecutionStatus {
    match told {
        PipelineExecutionStatus::InProgress | PipelineExecutionStatus::Stopping => ExecutionStatus::Running,
        PipelineExecutionStatus::Succeeded => ExecutionStatus::Succeeded,
        PipelineExecutionStatus::Failed => ExecutionStatus::Failed,
        PipelineExecutionStatus::Cancelled | PipelineExecutionStatus::Stopped | PipelineExecutionStatus::Superseded => {
            ExecutionStatus::Over
        }
        newer => {
            tracing::warn!(status = %newer, "an execution status that this worker does not know counts as running");
            ExecutionStatus::Running
        }
    }
}

/// Whether CodePipeline has ended this action already: it took too long, was stopped, or has its verdict. A job does not
/// tell (`GetJobDetails` of the CodePipeline API reference has no status). One that is not listed goes on.
pub(super) async fn is_over(client: &Client, execution: &Execution) -> Result<bool, Fault> {
    let of_it = ActionExecutionFilter::builder().pipeline_execution_id(&execution.execution_id).build();
    let pipeline = name_in(&execution.pipeline_arn);
    let mut pages = client.list_action_executions().pipeline_name(pipeline).filter(of_it).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| fault(format!("ask how the actions of {pipeline} stand"), &error))?;
        let mut actions = page.action_execution_details.unwrap_or_default().into_iter();
        let is_it = |id: Option<&str>| id == Some(execution.action_execution_id.as_str());
        if let Some(action) = actions.find(|action| is_it(action.action_execution_id())) {
            return Ok(action.status.is_some_and(|status| ended(&status)));
        }
    }
    Ok(false)
}

/// Nothing is given up for a word that we do not understand.
fn ended(status: &ActionExecutionStatus) -> bool {
    use ActionExecutionStatus::{Abandoned, Failed, Succeeded};
    matches!(status, Abandoned | Failed | Succeeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_an_execution_has_its_meaning() {
        let meanings = PipelineExecutionStatus::values().iter().map(|&told| (told, of_execution(&told.into())));
        let expected = [
            ("Cancelled", ExecutionStatus::Over),
            ("Failed", ExecutionStatus::Failed),
            ("InProgress", ExecutionStatus::Running),
            ("Stopped", ExecutionStatus::Over),
            ("Stopping", ExecutionStatus::Running),
            ("Succeeded", ExecutionStatus::Succeeded),
            ("Superseded", ExecutionStatus::Over),
        ];
        assert!(meanings.eq(expected));
        assert_eq!(of_execution(&"Paused".into()), ExecutionStatus::Running);
    }

    #[test]
    fn an_action_is_over_when_codepipeline_says_so() {
        let over = ActionExecutionStatus::values().iter().filter(|&&told| ended(&told.into()));
        assert!(over.eq(&["Abandoned", "Failed", "Succeeded"]));
        assert!(!ended(&"Paused".into()));
    }
}
