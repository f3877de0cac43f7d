//! A pipeline stage runs again in the same execution.

use super::Turn;
use super::pipelines::not_found;
use super::state::{ActionStatus, Execution, ExecutionStatus, Pipeline, RetryTrigger, StageStatus, State};
use crate::local::definition::{ExecutionMode, RetryMode};
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
        begin_again(execution, request.mode, RetryTrigger::ManualStageRetry);
        execution.status = ExecutionStatus::InProgress;
        execution.stop = None;
        execution.updated = turn.now;
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
    let alone = execution.declaration.execution_mode == ExecutionMode::Parallel;
    if !alone && pipeline.latest.get(stage) != Some(id) {
        let message = format!("Execution '{id}' is not the latest in stage '{stage}': a newer one has entered it");
        return Err(ErrorKind::NotLatestPipelineExecution.because(message));
    }
    Ok(())
}

/// Forgets the attempts that are to be made again; the actions then start anew, with new ids.
pub(super) fn begin_again(execution: &mut Execution, mode: RetryMode, trigger: RetryTrigger) {
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
}
