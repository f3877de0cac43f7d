use serde_json::json;

use super::super::scenario::{Scenario, action};
use super::super::{TransitionRequest, close, open};
use super::*;

fn one_action(mode: &str) -> Scenario {
    Scenario::with(mode, &[action("run", 1)], &json!({}))
}

#[test]
fn equal_run_orders_run_together_and_the_next_waits_for_all_of_them() {
    let actions = [action("late", 7), action("a", 1), action("b", 1)];
    let mut scenario = Scenario::with("PARALLEL", &actions, &json!({}));
    let execution = scenario.start();
    let jobs = scenario.take();
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["a", "b"]);
    scenario.succeed(&jobs["a"]).unwrap();
    assert!(scenario.poll().is_empty());
    scenario.succeed(&jobs["b"]).unwrap();
    let late = scenario.take();
    scenario.succeed(&late["late"]).unwrap();
    assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Succeeded);
}

#[test]
fn a_failed_action_lets_its_neighbours_finish() {
    let mut scenario = Scenario::with("PARALLEL", &[action("a", 1), action("b", 1)], &json!({}));
    let execution = scenario.start();
    let jobs = scenario.take();
    scenario.fail(&jobs["a"]).unwrap();
    assert_eq!(scenario.execution(&execution).status, ExecutionStatus::InProgress);
    scenario.succeed(&jobs["b"]).unwrap();
    assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Failed);
    assert_eq!(scenario.test_stage(&execution), StageStatus::Failed);
}

#[test]
fn a_waiting_execution_is_overtaken_by_a_newer_one_but_the_one_inside_is_not() {
    let mut scenario = one_action("SUPERSEDED");
    let inside = scenario.start();
    let jobs = scenario.take();
    let waiting = scenario.start();
    assert_eq!(scenario.test_stage(&waiting), StageStatus::Waiting);
    let newest = scenario.start();
    assert_eq!(scenario.execution(&waiting).status, ExecutionStatus::Superseded);
    assert_eq!(scenario.execution(&inside).status, ExecutionStatus::InProgress);
    scenario.fail(&jobs["run"]).unwrap();
    assert_eq!(scenario.test_stage(&newest), StageStatus::InProgress);
}

#[test]
fn queued_executions_enter_in_the_order_in_which_they_started() {
    let mut scenario = one_action("QUEUED");
    let ids = [scenario.start(), scenario.start(), scenario.start()];
    for id in ids {
        let jobs = scenario.take();
        assert_eq!(jobs.len(), 1);
        assert_eq!(scenario.test_stage(&id), StageStatus::InProgress);
        scenario.succeed(&jobs["run"]).unwrap();
        assert_eq!(scenario.execution(&id).status, ExecutionStatus::Succeeded);
    }
}

#[test]
fn parallel_executions_do_not_know_one_another() {
    let mut scenario = one_action("PARALLEL");
    scenario.start();
    scenario.start();
    assert_eq!(scenario.poll().len(), 2);
}

#[test]
fn a_stage_that_retries_does_so_once_with_new_action_executions() {
    let retry = json!({"onFailure": {"result": "RETRY", "retryConfiguration": {"retryMode": "ALL_ACTIONS"}}});
    let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1), action("b", 2)], &retry);
    let execution = scenario.start();
    let second = scenario.start();
    for _ in 0..2 {
        let jobs = scenario.take();
        scenario.succeed(&jobs["a"]).unwrap();
        let jobs = scenario.take();
        scenario.fail(&jobs["b"]).unwrap();
    }
    let failed = scenario.execution(&execution);
    assert_eq!(failed.status, ExecutionStatus::Failed);
    // The source and two attempts of two actions, each with an id of its own.
    let ids: BTreeSet<_> = failed.actions.iter().map(|a| &a.id).collect();
    assert_eq!(ids.len(), 5);
    // The retry kept the pipeline stage locked; only its end lets the next one in.
    assert_eq!(scenario.test_stage(&second), StageStatus::InProgress);
}

#[test]
fn a_retry_of_failed_actions_keeps_what_has_succeeded() {
    let retry = json!({"onFailure": {"result": "RETRY"}});
    let mut scenario = Scenario::with("SUPERSEDED", &[action("a", 1), action("b", 1)], &retry);
    let execution = scenario.start();
    let jobs = scenario.take();
    scenario.succeed(&jobs["a"]).unwrap();
    scenario.fail(&jobs["b"]).unwrap();
    let jobs = scenario.take();
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["b"]);
    scenario.succeed(&jobs["b"]).unwrap();
    assert_eq!(scenario.execution(&execution).status, ExecutionStatus::Succeeded);
}

#[test]
fn only_so_many_executions_are_kept_and_never_one_that_runs() {
    let mut scenario = one_action("PARALLEL");
    scenario.settings.history = 2;
    let running = scenario.start();
    let old = scenario.take();
    let mut ended = Vec::new();
    for _ in 0..3 {
        ended.push(scenario.start());
        let jobs = scenario.take();
        scenario.succeed(&jobs["run"]).unwrap();
    }
    let kept: Vec<&str> = scenario.state.pipelines["p"].executions.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(kept, [&running, &ended[2]]);
    // The jobs of the forgotten are forgotten too.
    assert_eq!(scenario.state.jobs.by_id.len(), 2);
    scenario.succeed(&old["run"]).unwrap();
    assert_eq!(scenario.state.gone.len(), 2);
}

#[test]
fn everything_that_happens_is_told_in_order() {
    let mut scenario = one_action("SUPERSEDED");
    scenario.start();
    let jobs = scenario.take();
    scenario.fail(&jobs["run"]).unwrap();
    let told = [
        "pipeline STARTED",
        "Source STARTED",
        "Fetch STARTED",
        "Fetch SUCCEEDED",
        "Source SUCCEEDED",
        "Test STARTED",
        "run STARTED",
        "run FAILED",
        "Test FAILED",
        "pipeline FAILED",
    ];
    assert_eq!(scenario.told, told);
}

#[test]
fn a_closed_transition_lets_nobody_in_until_it_is_opened() {
    let mut scenario = one_action("PARALLEL");
    let request = TransitionRequest { pipeline: "p".to_owned(), stage: "Test".to_owned(), inbound: true };
    scenario.change(|state, turn| close(state, &request, "no".to_owned(), turn)).unwrap();
    let execution = scenario.start();
    assert_eq!(scenario.test_stage(&execution), StageStatus::Waiting);
    scenario.change(|state, turn| open(state, &request, turn)).unwrap();
    assert_eq!(scenario.test_stage(&execution), StageStatus::InProgress);
}

#[test]
fn a_condition_on_failure_decides_what_follows() {
    let rule = |value: &str| {
        json!({"onFailure": {"conditions": [{"result": "SKIP", "rules": [{"name": "r",
            "ruleTypeId": {"category": "Rule", "provider": "VariableCheck"},
            "configuration": {"Variable": "#{codepipeline.PipelineExecutionId}", "Operator": "NE", "Value": value}}]}]}})
    };
    // The result follows when the condition does not hold.
    for (holds, status) in [(true, StageStatus::Failed), (false, StageStatus::Skipped)] {
        let value = if holds { "x" } else { "#{codepipeline.PipelineExecutionId}" };
        let mut scenario = Scenario::with("PARALLEL", &[action("run", 1)], &rule(value));
        let execution = scenario.start();
        let jobs = scenario.take();
        scenario.fail(&jobs["run"]).unwrap();
        assert_eq!(scenario.test_stage(&execution), status);
    }
}
