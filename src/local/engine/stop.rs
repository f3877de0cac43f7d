//! Executions that are stopped, and actions that take too long.

use super::Turn;
use super::act::fail_action;
use super::errand::tell_abandoned;
use super::events;
use super::execution::{ActionExecution, ActionStatus, Execution, ExecutionStatus, StageStatus};
use super::pipelines::not_found;
use super::state::{ActionRef, JobStatus, Jobs, State};
use crate::local::error::{Answer, ErrorKind};

/// What StopPipelineExecution is asked.
pub(crate) struct StopRequest {
    pub(crate) pipeline: String,
    pub(crate) execution: String,
    pub(crate) abandon: bool,
    pub(crate) reason: String,
}

/// Stops an execution: no new action starts, and those in progress are waited for or given up.
pub(crate) fn stop(state: &mut State, request: StopRequest, turn: &Turn<'_>) -> Answer<()> {
    let State { pipelines, jobs, .. } = state;
    let Some(pipeline) = pipelines.get_mut(&request.pipeline) else {
        return Err(not_found(&request.pipeline, turn));
    };
    let id = &request.execution;
    let Some(execution) = pipeline.execution_mut(id).filter(|execution| execution.is_active()) else {
        let message =
            format!("Execution '{id}' of pipeline '{}' is not in progress, so it cannot be stopped", request.pipeline);
        return Err(ErrorKind::PipelineExecutionNotStoppable.because(message));
    };
    // Abandoning after "stop and wait" is allowed (user guide, "Stop a pipeline execution"); anything else is a repeat.
    if execution.stop.is_some() && !request.abandon {
        let message = format!("Execution '{id}' is already being stopped");
        return Err(ErrorKind::DuplicatedStopRequest.because(message));
    }
    execution.status = ExecutionStatus::Stopping;
    execution.stop = Some(request.reason);
    execution.updated = turn.now;
    events::tell_execution(execution, "STOPPING", turn);
    if execution.run().status == StageStatus::InProgress {
        execution.run_mut().status = StageStatus::Stopping;
        events::tell_stage(execution, "STOPPING", turn);
    }
    if request.abandon {
        abandon(execution, jobs, turn);
    }
    Ok(())
}

/// Gives up the actions in progress. Nobody tells their workers: these learn it from their next report.
fn abandon(execution: &mut Execution, jobs: &mut Jobs, turn: &Turn<'_>) {
    for index in 0..execution.actions.len() {
        let action = &mut execution.actions[index];
        if action.status == ActionStatus::InProgress {
            action.status = ActionStatus::Abandoned;
            action.updated = turn.now;
            jobs.close_for(&action.id, JobStatus::Failed);
            tell_abandoned(execution, &execution.actions[index], turn);
        }
    }
}

/// Fails the actions whose time is up, or the time of whose job is.
pub(crate) fn expire(state: &mut State, turn: &Turn<'_>) {
    let late = late(state, turn);
    let State { pipelines, jobs, .. } = state;
    for (reference, message) in late {
        jobs.close_for(&reference.action, JobStatus::TimedOut);
        let pipeline = pipelines.get_mut(&reference.pipeline);
        if let Some(execution) = pipeline.and_then(|pipeline| pipeline.execution_mut(&reference.execution)) {
            fail_action(execution, &reference.action, ("Timeout".to_owned(), message), turn);
        }
    }
}

fn late(state: &State, turn: &Turn<'_>) -> Vec<(ActionRef, String)> {
    let over = |action: &&ActionExecution| action.status == ActionStatus::InProgress && action.deadline <= turn.elapsed;
    let mut late = Vec::new();
    for (pipeline, known) in &state.pipelines {
        for execution in known.executions.iter().filter(|execution| execution.is_active()) {
            for action in execution.actions.iter().filter(over) {
                let waited = turn.now.duration_since(action.started).unwrap_or_default().as_secs();
                let message = format!("The action did not complete in time; it was given {waited} seconds");
                let (execution, action) = (execution.id.clone(), action.id.clone());
                late.push((ActionRef { pipeline: pipeline.clone(), execution, action }, message));
            }
        }
    }
    let jobs = state.jobs.by_id.values().filter(|job| !job.status.is_final());
    for job in jobs.filter(|job| job.deadline.is_some_and(|deadline| deadline <= turn.elapsed)) {
        late.push((job.action.clone(), "The job did not complete within the time-out of its action type".to_owned()));
    }
    late
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scenario::{Scenario, action};
    use super::*;

    fn stop_request(execution: &str, abandon: bool) -> StopRequest {
        StopRequest { pipeline: "p".to_owned(), execution: execution.to_owned(), abandon, reason: "enough".to_owned() }
    }

    #[test]
    fn a_stop_waits_for_what_runs_and_starts_nothing_more() {
        let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1), action("b", 2)], &json!({}));
        let execution = scenario.start();
        let jobs = scenario.take();
        scenario.change(|state, turn| stop(state, stop_request(&execution, false), turn)).unwrap();
        let again = scenario.change(|state, turn| stop(state, stop_request(&execution, false), turn));
        assert_eq!(again.unwrap_err().kind, ErrorKind::DuplicatedStopRequest);
        scenario.succeed(&jobs["a"]).unwrap();
        assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Stopped);
        assert!(scenario.poll().is_empty());
    }

    #[test]
    fn the_worker_of_an_abandoned_action_learns_it_from_its_report() {
        let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1)], &json!({}));
        let execution = scenario.start();
        let jobs = scenario.take();
        scenario.change(|state, turn| stop(state, stop_request(&execution, true), turn)).unwrap();
        let stopped = scenario.execution(&execution);
        assert_eq!(stopped.status, ExecutionStatus::Stopped);
        assert_eq!(stopped.actions[1].status, ActionStatus::Abandoned);
        let late = scenario.succeed(&jobs["a"]).unwrap_err();
        assert_eq!(late.kind, ErrorKind::InvalidJobState);
    }

    #[test]
    fn an_execution_that_waits_can_be_stopped_and_lets_nobody_wait_behind_it() {
        let mut scenario = Scenario::with("QUEUED", &[action("a", 1)], &json!({}));
        let first = scenario.start();
        let jobs = scenario.take();
        let waiting = scenario.start();
        scenario.change(|state, turn| stop(state, stop_request(&waiting, false), turn)).unwrap();
        assert_eq!(scenario.execution(&waiting).status, ExecutionStatus::Stopped);
        scenario.succeed(&jobs["a"]).unwrap();
        assert_eq!(scenario.execution(&first).status, ExecutionStatus::Succeeded);
    }

    #[test]
    fn an_action_times_out_across_its_continuation_jobs() {
        let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1)], &json!({}));
        let execution = scenario.start();
        let timeout = scenario.settings.action_timeout;
        let job = scenario.take()["a"].clone();
        scenario.go_on(&job, "token").unwrap();
        scenario.pass(timeout);
        let next = scenario.take()["a"].clone();
        scenario.change(expire);
        assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Failed);
        assert_eq!(scenario.state.jobs.by_id[&next].status, JobStatus::TimedOut);
        assert_eq!(scenario.succeed(&next).unwrap_err().kind, ErrorKind::InvalidJobState);
    }

    #[test]
    fn a_job_whose_own_time_is_up_fails_its_action() {
        let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1)], &json!({}));
        let execution = scenario.start();
        let job = scenario.take()["a"].clone();
        let limit = std::time::Duration::from_secs(60);
        scenario.state.jobs.by_id.get_mut(&job).unwrap().deadline = Some(limit);
        scenario.pass(limit);
        scenario.change(expire);
        assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Failed);
        assert_eq!(scenario.state.jobs.by_id[&job].status, JobStatus::TimedOut);
    }
}
