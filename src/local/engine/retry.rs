//! A pipeline stage runs again in the same execution.

use super::Turn;
use super::conditions::ConditionStatus;
use super::events;
use super::execution::{ActionStatus, Execution, ExecutionStatus, RetryTrigger, StageStatus};
use super::pipelines::not_found;
use super::state::{Pipeline, State};
use crate::local::definition::RetryMode;
use crate::local::error::{Answer, ErrorKind};

/// What RetryStageExecution is asked.
pub(crate) struct RetryRequest {
    pub(crate) pipeline: String,
    pub(crate) execution: String,
    pub(crate) stage: String,
    pub(crate) mode: RetryMode,
}

/// RetryStageExecution: a failed or stopped pipeline stage of the latest execution in it runs again.
pub(crate) fn retry(state: &mut State, request: &RetryRequest, turn: &Turn<'_>) -> Answer<()> {
    let Some(pipeline) = state.pipelines.get_mut(&request.pipeline) else {
        return Err(not_found(&request.pipeline, turn));
    };
    check(pipeline, request)?;
    if let Some(execution) = pipeline.execution_mut(&request.execution) {
        execution.status = ExecutionStatus::InProgress;
        execution.stop = None;
        execution.updated = turn.now;
        events::tell_execution(execution, "RESUMED", turn);
        begin_again(execution, (request.mode, RetryTrigger::ManualStageRetry), turn);
    }
    Ok(())
}

fn check(pipeline: &Pipeline, request: &RetryRequest) -> Answer<()> {
    let (stage, id) = (&request.stage, &request.execution);
    let present = pipeline.declaration();
    if !present.stages.iter().any(|known| known.name == *stage) {
        let message = format!("Pipeline '{}' does not have a stage '{stage}'", request.pipeline);
        return Err(ErrorKind::StageNotFound.because(message));
    }
    let refuse = |why: &str| {
        let message = format!("Stage '{stage}' of execution '{id}' cannot be retried: {why}");
        Err(ErrorKind::StageNotRetryable.because(message))
    };
    let Some(execution) = pipeline.execution(id) else {
        return refuse("the pipeline has no such execution");
    };
    if !execution.declaration.same_structure(&present) {
        return refuse("the structure of the pipeline has changed since it started");
    }
    let ended = matches!(execution.run().status, StageStatus::Failed | StageStatus::Stopped);
    if execution.is_active() || execution.stage().name != *stage || !ended {
        return refuse("only a stage that failed or was stopped can be");
    }
    if !pipeline.is_latest(id, stage) {
        let message = format!("Execution '{id}' is not the latest in stage '{stage}': a newer one has entered it");
        return Err(ErrorKind::NotLatestPipelineExecution.because(message));
    }
    Ok(())
}

/// Forgets the attempts that are to be made again; the actions then start anew, with new ids.
pub(super) fn begin_again(execution: &mut Execution, (mode, trigger): (RetryMode, RetryTrigger), turn: &Turn<'_>) {
    let at = execution.at;
    let (run, actions) = (&mut execution.stages[at], &execution.actions);
    match mode {
        RetryMode::AllActions => run.current.clear(),
        RetryMode::FailedActions => run.current.retain(|_, index| actions[*index].status == ActionStatus::Succeeded),
    }
    match trigger {
        RetryTrigger::AutomatedStageRetry => run.automatic_retries += 1,
        RetryTrigger::ManualStageRetry => run.manual_retries += 1,
    }
    run.last_retry = Some(trigger);
    run.status = StageStatus::InProgress;
    // What failed is checked again; what let the execution in holds on.
    run.before_entry.take_if(|condition| condition.status == ConditionStatus::Failed);
    (run.on_success, run.on_failure) = (None, None);
    events::tell_stage(execution, "RESUMED", turn);
}
