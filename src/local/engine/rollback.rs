//! A pipeline stage runs again with the artifacts and variables of an execution that succeeded there.

use std::sync::Arc;

use super::Turn;
use super::events;
use super::execution::{Execution, ExecutionStatus, StageRun, StageStatus, Trigger};
use super::pipelines::not_found;
use super::state::{Pipeline, State};
use super::tracked::Tracked;
use crate::local::definition::ExecutionMode;
use crate::local::error::{Answer, ErrorKind};

/// What RollbackStage is asked.
pub(crate) struct RollbackRequest {
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    pub(crate) target: String,
}

/// RollbackStage: starts an execution of kind ROLLBACK in one pipeline stage, and returns its id. It waits until the
/// pipeline stage is free, as any execution does.
pub(crate) fn roll_back(state: &mut State, request: &RollbackRequest, turn: &Turn<'_>) -> Answer<String> {
    let Some(pipeline) = state.pipelines.get_mut(&request.pipeline) else {
        return Err(not_found(&request.pipeline, turn));
    };
    let at = check(pipeline, request)?;
    let trigger = Trigger {
        trigger_type: "ManualRollback".to_owned(),
        trigger_detail: format!("arn:aws:iam::{}:root", turn.settings.account_id),
    };
    begin(pipeline, (&request.target, at), trigger, turn)
        .ok_or_else(|| ErrorKind::PipelineExecutionNotFound.because(request.target.clone()))
}

fn check(pipeline: &Pipeline, request: &RollbackRequest) -> Answer<usize> {
    let RollbackRequest { pipeline: name, stage, target } = request;
    let present = pipeline.declaration();
    let Some(at) = present.stages.iter().position(|known| known.name == *stage) else {
        return Err(ErrorKind::StageNotFound.because(format!("Pipeline '{name}' does not have a stage '{stage}'")));
    };
    let Some(execution) = pipeline.execution(target) else {
        let message = format!("Pipeline '{name}' does not have an execution with id '{target}'");
        return Err(ErrorKind::PipelineExecutionNotFound.because(message));
    };
    let refuse = |why: &str| {
        let message = format!("Stage '{stage}' cannot be rolled back to execution '{target}': {why}");
        Err(ErrorKind::UnableToRollbackStage.because(message))
    };
    if at == 0 {
        return refuse("it is the source stage");
    }
    if present.execution_mode == ExecutionMode::Parallel {
        return refuse("the pipeline is in PARALLEL mode");
    }
    if !execution.declaration.same_structure(&present) {
        let message = format!("Execution '{target}' is outdated: the structure of the pipeline has changed since");
        return Err(ErrorKind::PipelineExecutionOutdated.because(message));
    }
    if execution.rollback_of.is_some() {
        return refuse("that is a rollback itself");
    }
    if execution.stages[at].status != StageStatus::Succeeded {
        return refuse("it did not succeed there");
    }
    Ok(at)
}

/// A pipeline stage failed whose result is ROLLBACK: it goes back to the last execution that succeeded there, if there
/// is one. A rollback that fails is not rolled back again.
pub(super) fn begin_automatically(pipeline: &mut Pipeline, (failed, at): (&str, usize), turn: &Turn<'_>) {
    let present = pipeline.declaration();
    let good = |execution: &&Tracked<Execution>| {
        execution.rollback_of.is_none()
            && execution.stages.get(at).is_some_and(|run| run.status == StageStatus::Succeeded)
            && execution.declaration.same_structure(&present)
    };
    let again = pipeline.execution(failed).is_some_and(|execution| execution.rollback_of.is_some());
    let target = pipeline.executions.iter().rev().find(good).map(|execution| execution.id.clone());
    let (Some(target), false) = (target, again) else {
        let name = &present.name;
        tracing::info!(pipeline = name, execution = failed, "there is nothing that the stage could be rolled back to");
        return;
    };
    let trigger = Trigger {
        trigger_type: "AutomatedRollback".to_owned(),
        trigger_detail: format!("{{\"FailedPipelineExecutionId\":\"{failed}\"}}"),
    };
    begin(pipeline, (&target, at), trigger, turn);
}

fn begin(pipeline: &mut Pipeline, (target, at): (&str, usize), trigger: Trigger, turn: &Turn<'_>) -> Option<String> {
    let target = pipeline.execution(target)?;
    let mut stages: Vec<StageRun> = target.declaration.stages.iter().map(|_| StageRun::default()).collect();
    stages[at].status = StageStatus::Waiting;
    let execution = Execution {
        id: turn.dice.uuid(),
        declaration: Arc::clone(&target.declaration),
        version: target.version,
        status: ExecutionStatus::InProgress,
        status_summary: None,
        trigger,
        client_token: None,
        variables: target.variables.clone(),
        overrides: Vec::new(),
        started: turn.now,
        updated: turn.now,
        stop: None,
        rollback_of: Some(target.id.clone()),
        stages,
        at,
        actions: Vec::new(),
        artifacts: target.artifacts.clone(),
        outputs: target.outputs.clone(),
        source_revisions: target.source_revisions.clone(),
    };
    let id = execution.id.clone();
    events::tell_execution(&execution, "STARTED", turn);
    pipeline.executions.push(Tracked::new(execution));
    Some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scenario::{Scenario, action};
    use super::*;

    #[test]
    fn a_failed_stage_goes_back_to_the_last_execution_that_succeeded_there_and_no_further() {
        let more = json!({"onFailure": {"result": "ROLLBACK"}});
        let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1)], &more);
        let good = scenario.start();
        let jobs = scenario.take();
        scenario.succeed(&jobs["a"]).unwrap();
        scenario.start();
        let jobs = scenario.take();
        scenario.fail(&jobs["a"]).unwrap();
        let back = scenario.state.pipelines["p"].executions.last().unwrap().id.clone();
        assert_eq!(scenario.execution(&back).rollback_of.as_ref(), Some(&good));
        let jobs = scenario.take();
        scenario.fail(&jobs["a"]).unwrap();
        assert_eq!(scenario.execution(&back).status, ExecutionStatus::Failed);
        assert_eq!(scenario.state.pipelines["p"].executions.len(), 3, "a rollback was rolled back");
    }

    #[test]
    fn a_rollback_waits_for_its_stage() {
        let mut scenario = Scenario::with("QUEUED", &[action("a", 1)], &json!({}));
        let good = scenario.start();
        let jobs = scenario.take();
        scenario.succeed(&jobs["a"]).unwrap();
        let inside = scenario.start();
        let jobs = scenario.take();
        let request = RollbackRequest { pipeline: "p".to_owned(), stage: "Test".to_owned(), target: good };
        let back = scenario.change(|state, turn| roll_back(state, &request, turn)).unwrap();
        assert_eq!(scenario.test_stage(&back), StageStatus::Waiting);
        scenario.succeed(&jobs["a"]).unwrap();
        assert_eq!(scenario.execution(&inside).status, ExecutionStatus::Succeeded);
        assert_eq!(scenario.test_stage(&back), StageStatus::InProgress);
    }

    #[test]
    fn whether_a_rollback_goes_on_into_the_next_stage_is_a_setting() {
        for (goes_on, status) in [(false, ExecutionStatus::Succeeded), (true, ExecutionStatus::InProgress)] {
            let mut scenario = Scenario::with("QUEUED", &[action("a", 1)], &json!({}));
            scenario.add_stage("After", &[action("b", 1)]);
            scenario.settings.continue_after_rollback = goes_on;
            let good = scenario.start();
            for name in ["a", "b"] {
                let jobs = scenario.take();
                scenario.succeed(&jobs[name]).unwrap();
            }
            let request = RollbackRequest { pipeline: "p".to_owned(), stage: "Test".to_owned(), target: good };
            let back = scenario.change(|state, turn| roll_back(state, &request, turn)).unwrap();
            let jobs = scenario.take();
            scenario.succeed(&jobs["a"]).unwrap();
            assert_eq!(scenario.execution(&back).status, status);
            assert_eq!(scenario.poll().len(), usize::from(goes_on));
        }
    }
}
