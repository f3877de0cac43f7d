//! A pipeline stage runs again in the same execution.

use super::Turn;
use super::pipelines::not_found;
use super::state::{ActionStatus, Execution, ExecutionStatus, RetryTrigger, StageStatus, State};
use crate::local::definition::{ExecutionMode, RetryMode};
use crate::local::error::{Answer, ErrorKind};

/// RetryStageExecution: a failed or stopped pipeline stage of the latest execution in it runs again.
pub(crate) fn retry(
    state: &mut State,
    (pipeline_name, execution_id): (&str, &str),
    (stage, mode): (&str, RetryMode),
    turn: &Turn<'_>,
) -> Answer<()> {
    let Some(pipeline) = state.pipelines.get_mut(pipeline_name) else {
        return Err(not_found(pipeline_name, turn));
    };
    let present = pipeline.declaration();
    if !present.stages.iter().any(|known| known.name == stage) {
        let message = format!("Pipeline '{pipeline_name}' does not have a stage '{stage}'");
        return Err(ErrorKind::StageNotFound.because(message));
    }
    let refuse = |why: &str| {
        let message =
            format!("Stage '{stage}' of execution '{execution_id}' cannot be retried: {why}");
        Err(ErrorKind::StageNotRetryable.because(message))
    };
    let latest = pipeline
        .latest
        .get(stage)
        .is_some_and(|latest| latest == execution_id);
    let Some(execution) = pipeline.execution_mut(execution_id) else {
        return refuse("the pipeline has no such execution");
    };
    if !execution.declaration.same_structure(&present) {
        return refuse("the structure of the pipeline has changed since it started");
    }
    let retryable = matches!(
        execution.run().status,
        StageStatus::Failed | StageStatus::Stopped
    );
    if execution.is_active() || execution.stage().name != stage || !retryable {
        return refuse("only a stage that failed or was stopped can be");
    }
    if !latest && execution.declaration.execution_mode != ExecutionMode::Parallel {
        let message = format!(
            "Execution '{execution_id}' is not the latest in stage '{stage}': a newer one has entered it"
        );
        return Err(ErrorKind::NotLatestPipelineExecution.because(message));
    }
    begin_again(execution, mode, RetryTrigger::ManualStageRetry);
    execution.status = ExecutionStatus::InProgress;
    execution.stop = None;
    execution.updated = turn.now;
    Ok(())
}

/// Forgets the attempts that are to be made again; the actions then start anew, with new ids.
pub(super) fn begin_again(execution: &mut Execution, mode: RetryMode, trigger: RetryTrigger) {
    let at = execution.at;
    let (run, actions) = (&mut execution.stages[at], &execution.actions);
    match mode {
        RetryMode::AllActions => run.current.clear(),
        RetryMode::FailedActions => run
            .current
            .retain(|_, index| actions[*index].status == ActionStatus::Succeeded),
    }
    match trigger {
        RetryTrigger::AutomatedStageRetry => run.automatic_retries += 1,
        RetryTrigger::ManualStageRetry => run.manual_retries += 1,
    }
    run.last_retry = Some(trigger);
    run.status = StageStatus::InProgress;
}
