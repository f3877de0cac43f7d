//! Executions move through their pipeline stages.
//!
//! After every change the whole state is asked "what can happen now?" until nothing can: the answer depends on how
//! things are, not on what happened, so no event can be missed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::act::{Desk, start_action};
use super::conditions::{self, ConditionStatus};
use super::execution::{ActionStatus, Execution, ExecutionStatus, RetryTrigger, StageStatus};
use super::state::{Gone, Pipeline, State};
use super::{Turn, events, retry, rollback};
use crate::local::definition::{Condition, ExecutionMode, OnFailure, PipelineStage, RetryMode, StageResult};

/// Lets everything happen that can.
pub(crate) fn settle(state: &mut State, turn: &Turn<'_>) {
    let State { pipelines, jobs, errands, types, .. } = state;
    let mut desk = Desk { jobs, errands, types, rollbacks: Vec::new(), turn };
    for pipeline in pipelines.values_mut() {
        while step(pipeline, &mut desk) {}
    }
    forget_the_oldest(state, turn);
}

/// Lets one thing happen in each execution; whether anything did.
fn step(pipeline: &mut Pipeline, desk: &mut Desk<'_>) -> bool {
    let mut moved = supersede(pipeline, desk.turn);
    for index in 0..pipeline.executions.len() {
        let execution = &pipeline.executions[index];
        if !execution.is_active() {
            continue;
        }
        moved |= match execution.run().status {
            StageStatus::Waiting if execution.stop.is_some() => {
                end(&mut pipeline.executions[index], ExecutionStatus::Stopped, desk.turn);
                true
            }
            StageStatus::Waiting => may_enter(pipeline, index) && enter(pipeline, index, desk.turn),
            StageStatus::InProgress | StageStatus::Stopping => advance(pipeline, index, desk),
            StageStatus::Ahead
            | StageStatus::Stopped
            | StageStatus::Failed
            | StageStatus::Succeeded
            | StageStatus::Skipped => false,
        };
    }
    for (failed, stage) in std::mem::take(&mut desk.rollbacks) {
        rollback::begin_automatically(pipeline, (&failed, stage), desk.turn);
        moved = true;
    }
    moved
}

/// Two executions that wait before the same pipeline stage: the older one is overtaken.
fn supersede(pipeline: &mut Pipeline, turn: &Turn<'_>) -> bool {
    let overtaken = (0..pipeline.executions.len()).find(|&older| {
        let (older, newer) = (&pipeline.executions[older], &pipeline.executions[older + 1..]);
        waits_superseded(older) && newer.iter().any(|n| waits_superseded(n) && n.stage().name == older.stage().name)
    });
    let Some(index) = overtaken else {
        return false;
    };
    let execution = &mut pipeline.executions[index];
    execution.run_mut().status = StageStatus::Ahead;
    end(execution, ExecutionStatus::Superseded, turn);
    true
}

fn waits_superseded(execution: &Execution) -> bool {
    execution.is_active()
        && execution.declaration.execution_mode == ExecutionMode::Superseded
        && execution.run().status == StageStatus::Waiting
}

/// Whether an execution that waits may enter: not through a disabled transition; then always when it runs on its own,
/// else when nobody is inside and nobody waits before it.
fn may_enter(pipeline: &Pipeline, index: usize) -> bool {
    let waiting = &pipeline.executions[index];
    if pipeline.definition.closed.contains_key(&waiting.stage().name) {
        return false;
    }
    if waiting.declaration.execution_mode == ExecutionMode::Parallel {
        return true;
    }
    let before = |other: usize| other < index;
    !pipeline.executions.iter().enumerate().any(|(other, execution)| {
        let same = other != index
            && execution.is_active()
            && execution.declaration.execution_mode != ExecutionMode::Parallel
            && execution.stage().name == waiting.stage().name;
        let inside = matches!(execution.run().status, StageStatus::InProgress | StageStatus::Stopping);
        same && (inside || execution.run().status == StageStatus::Waiting && before(other))
    })
}

fn enter(pipeline: &mut Pipeline, index: usize, turn: &Turn<'_>) -> bool {
    let execution = &mut pipeline.executions[index];
    execution.run_mut().status = StageStatus::InProgress;
    events::tell_stage(execution, "STARTED", turn);
    let (stage, id) = (execution.stage().name.clone(), execution.id.clone());
    pipeline.progress.latest.insert(stage, id);
    true
}

/// What a pipeline stage can do next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Start(Vec<String>),
    Wait,
    Succeed,
    Fail,
    Stop,
}

/// Decides what is next: actions of equal run order run together, and the next run order begins when all of them
/// have succeeded. A failed action lets its neighbours finish.
fn next(stage: &PipelineStage, stopping: bool, status_of: impl Fn(&str) -> Option<ActionStatus>) -> Next {
    let mut orders: Vec<u32> = stage.actions.iter().map(|action| action.run_order).collect();
    orders.sort_unstable();
    orders.dedup();
    for order in orders {
        let together = || stage.actions.iter().filter(move |action| action.run_order == order);
        let statuses: Vec<_> = together().map(|action| status_of(&action.name)).collect();
        let any = |status| statuses.contains(&Some(status));
        if statuses.contains(&None) && !stopping {
            let new = together().filter(|action| status_of(&action.name).is_none());
            return Next::Start(new.map(|action| action.name.clone()).collect());
        }
        if any(ActionStatus::InProgress) {
            return Next::Wait;
        }
        if stopping && !statuses.iter().all(|s| *s == Some(ActionStatus::Succeeded)) {
            return Next::Stop;
        }
        if any(ActionStatus::Failed) || any(ActionStatus::Abandoned) {
            return Next::Fail;
        }
    }
    if stopping { Next::Stop } else { Next::Succeed }
}

fn advance(pipeline: &mut Pipeline, index: usize, desk: &mut Desk<'_>) -> bool {
    let declaration = Arc::clone(&pipeline.executions[index].declaration);
    let execution = &pipeline.executions[index];
    let stage = &declaration.stages[execution.at];
    let unchecked = stage.before_entry.is_some() && execution.run().before_entry.is_none() && execution.stop.is_none();
    let next = next(stage, execution.stop.is_some(), |action| execution.status_of(action));
    if next == Next::Wait {
        return false;
    }
    let execution = &mut *pipeline.executions[index];
    match next {
        _ if unchecked => check_entry(execution, stage, desk),
        Next::Wait => (),
        Next::Start(names) => {
            for action in stage.actions.iter().filter(|action| names.contains(&action.name)) {
                start_action(execution, action, desk);
            }
        }
        Next::Succeed => check_success(execution, stage, desk),
        Next::Stop => {
            execution.run_mut().status = StageStatus::Stopped;
            events::tell_stage(execution, "STOPPED", desk.turn);
            end(execution, ExecutionStatus::Stopped, desk.turn);
        }
        Next::Fail => check_failure(execution, stage, desk),
    }
    execution.updated = desk.turn.now;
    true
}

fn check_entry(execution: &mut Execution, stage: &PipelineStage, desk: &mut Desk<'_>) {
    let conditions = stage.before_entry.iter().flat_map(|all| all.conditions.clone()).collect::<Vec<_>>();
    let (run, result) = conditions::check(&conditions, execution, desk.turn);
    execution.run_mut().before_entry = Some(run);
    if let Some(result) = result {
        follow(execution, stage, result, desk);
    }
}

/// All actions have succeeded: the stage has too, unless a condition says otherwise and nobody has overridden it.
fn check_success(execution: &mut Execution, stage: &PipelineStage, desk: &mut Desk<'_>) {
    let overridden = execution.run().on_success.as_ref().is_some_and(|run| run.status == ConditionStatus::Overridden);
    if let (Some(all), false) = (&stage.on_success, overridden) {
        let (run, result) = conditions::check(&all.conditions, execution, desk.turn);
        execution.run_mut().on_success = Some(run);
        if let Some(result) = result {
            follow(execution, stage, result, desk);
            return;
        }
    }
    execution.run_mut().status = StageStatus::Succeeded;
    events::tell_stage(execution, "SUCCEEDED", desk.turn);
    leave(execution, desk.turn);
}

/// An action has failed: what follows is declared, directly or by conditions.
fn check_failure(execution: &mut Execution, stage: &PipelineStage, desk: &mut Desk<'_>) {
    let result = match &stage.on_failure {
        None => StageResult::Fail,
        Some(rule) if rule.conditions.is_empty() => rule.result.unwrap_or(StageResult::Fail),
        Some(rule) => {
            // A condition that says nothing else has the result of the whole.
            let whole = |known: &Condition| Condition { result: known.result.or(rule.result), ..known.clone() };
            let declared: Vec<Condition> = rule.conditions.iter().map(whole).collect();
            let (run, result) = conditions::check(&declared, execution, desk.turn);
            execution.run_mut().on_failure = Some(run);
            result.unwrap_or(StageResult::Fail)
        }
    };
    follow(execution, stage, result, desk);
}

/// Lets a result follow.
fn follow(execution: &mut Execution, stage: &PipelineStage, result: StageResult, desk: &mut Desk<'_>) {
    match result {
        StageResult::Skip => {
            execution.run_mut().status = StageStatus::Skipped;
            leave(execution, desk.turn);
        }
        // One automatic attempt per pipeline stage and execution (user guide, "Configure stage retry").
        StageResult::Retry if execution.run().automatic_retries == 0 => {
            let mode = stage.on_failure.as_ref().map(OnFailure::retry_mode);
            let mode = mode.unwrap_or(RetryMode::FailedActions);
            retry::begin_again(execution, (mode, RetryTrigger::AutomatedStageRetry), desk.turn);
        }
        StageResult::Fail | StageResult::Rollback | StageResult::Retry => {
            if result == StageResult::Rollback {
                desk.rollbacks.push((execution.id.clone(), execution.at));
            }
            execution.run_mut().status = StageStatus::Failed;
            events::tell_stage(execution, "FAILED", desk.turn);
            end(execution, ExecutionStatus::Failed, desk.turn);
        }
    }
}

/// The pipeline stage is over and done: the next one is waited for, if there is one.
fn leave(execution: &mut Execution, turn: &Turn<'_>) {
    let last = execution.at + 1 == execution.stages.len();
    let stays = execution.rollback_of.is_some() && !turn.settings.continue_after_rollback;
    if last || stays {
        end(execution, ExecutionStatus::Succeeded, turn);
    } else {
        execution.at += 1;
        execution.run_mut().status = StageStatus::Waiting;
    }
}

fn end(execution: &mut Execution, status: ExecutionStatus, turn: &Turn<'_>) {
    if execution.run().status == StageStatus::Waiting {
        execution.run_mut().status = StageStatus::Ahead;
    }
    execution.status = status;
    execution.updated = turn.now;
    let (pipeline, id) = (&execution.declaration.name, &execution.id);
    tracing::info!(pipeline, execution = id, ?status, "execution ended");
    let told = match status {
        ExecutionStatus::InProgress | ExecutionStatus::Stopping => return,
        ExecutionStatus::Stopped => "STOPPED",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Superseded => "SUPERSEDED",
        ExecutionStatus::Failed => "FAILED",
    };
    events::tell_execution(execution, told, turn);
}

/// Keeps the history of each pipeline as long as it is set to be. What a pipeline stage shows as its latest execution
/// stays, however old.
fn forget_the_oldest(state: &mut State, turn: &Turn<'_>) {
    let State { pipelines, jobs, gone, .. } = state;
    for (name, pipeline) in pipelines {
        let mut surplus = pipeline.executions.len().saturating_sub(turn.settings.history);
        if surplus == 0 {
            continue;
        }
        let latest = &pipeline.progress.latest;
        let mut forgotten = BTreeSet::new();
        pipeline.executions.retain(|execution| {
            let shown = latest.values().any(|id| *id == execution.id);
            let stays = surplus == 0 || execution.is_active() || shown;
            if !stays {
                surplus -= 1;
                forgotten.insert(execution.id.clone());
            }
            stays
        });
        if !forgotten.is_empty() {
            jobs.forget(|action| action.pipeline == *name && forgotten.contains(&action.execution));
            gone.extend(forgotten.into_iter().map(|id| Gone::Execution { pipeline: name.clone(), id }));
        }
    }
}

#[cfg(test)]
mod tests;
