//! Work that nobody polls for: the driver does it, or asks the emulator to.
//!
//! An errand says everything its doer needs, and follows from what is kept: after a restart the errands of all actions
//! in progress are given out again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::act::{fail_action, succeed_action};
use super::execution::{ActionExecution, ActionStatus, Artifact, Execution, SourceRevision};
use super::start::SourceOverride;
use super::state::{ActionRef, Pipeline, State};
use super::{Turn, events};
use crate::local::definition::Provider;

/// What is to be done.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) action: ActionRef,
    pub(crate) provider: Provider,
    /// When, on the monotonic clock.
    pub(crate) due: Duration,
    /// The job that the doer is given, if it reports by itself.
    pub(crate) job: Option<String>,
    pub(crate) configuration: BTreeMap<String, String>,
    pub(crate) inputs: Vec<Artifact>,
    pub(crate) outputs: Vec<Artifact>,
    /// The key of the artifact store, if one is declared.
    pub(crate) kms_key: Option<String>,
    /// The revisions that were asked for instead of the newest.
    pub(crate) overrides: Vec<SourceOverride>,
    /// What the provider calls the work that has begun already.
    pub(crate) begun: Option<String>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Finished {
    /// Id and summary of the revision that a source found.
    pub(crate) revision: Option<(String, String)>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) summary: Option<String>,
}

/// Why nothing came of it: code and message.
pub(crate) type Failed = (String, String);

/// The errand of an action.
pub(super) fn errand(execution: &Execution, action: &ActionExecution, provider: Provider, turn: &Turn<'_>) -> Errand {
    let store = execution.declaration.store(&turn.settings.region);
    let mine = |wanted: &&SourceOverride| wanted.action_name == action.name;
    Errand {
        action: ActionRef {
            pipeline: execution.declaration.name.clone(),
            execution: execution.id.clone(),
            action: action.id.clone(),
        },
        provider,
        due: turn.elapsed,
        job: None,
        configuration: action.resolved.clone(),
        inputs: action.inputs.clone(),
        outputs: action.outputs.clone(),
        kms_key: store.and_then(|store| store.encryption_key.as_ref()).map(|key| key.id.clone()),
        overrides: execution.overrides.iter().filter(mine).cloned().collect(),
        begun: action.external_id.clone(),
    }
}

/// Gives out the errands of all actions in progress again. What was under way ended with the process before.
pub(crate) fn resume(state: &mut State, turn: &Turn<'_>) {
    let mut errands = Vec::new();
    let executions = state.pipelines.values().flat_map(|pipeline| &pipeline.executions);
    for execution in executions.filter(|execution| execution.is_active()) {
        for action in execution.actions.iter().filter(|action| action.status == ActionStatus::InProgress) {
            let provider = match Provider::of(&action.declaration.action_type_id) {
                None | Some(Provider::Approval) => continue,
                Some(provider) => provider,
            };
            let mut errand = errand(execution, action, provider, turn);
            if provider == Provider::Lambda {
                // A function that was invoked reports by itself; one that was not has a job that still waits.
                let Some(job) = state.jobs.live(&action.id).filter(|job| job.status.is_waiting()) else {
                    continue;
                };
                (errand.job, errand.due) = (Some(job.id.clone()), job.due);
            }
            errands.push(errand);
        }
    }
    state.errands = errands;
}

/// Whether an errand is still wanted: meanwhile the action may have been abandoned or have timed out.
pub(crate) fn is_wanted(state: &State, reference: &ActionRef) -> bool {
    let pipeline = state.pipelines.get(&reference.pipeline);
    let execution = pipeline.and_then(|pipeline| pipeline.execution(&reference.execution));
    let action = execution.and_then(|execution| execution.action(&reference.action));
    action.is_some_and(|action| action.status == ActionStatus::InProgress)
}

/// Records what the provider calls its work, as soon as that is known.
pub(crate) fn begun(state: &mut State, reference: &ActionRef, external_id: &str, turn: &Turn<'_>) {
    if let Some((_, action)) = in_progress(state, reference) {
        action.external_id = Some(external_id.to_owned());
        action.updated = turn.now;
    }
}

/// Completes an action whose errand is done.
pub(crate) fn finish(state: &mut State, reference: &ActionRef, done: Finished, turn: &Turn<'_>) {
    let Some((pipeline, action)) = in_progress_mut(state, reference) else {
        return;
    };
    let newest = !pipeline
        .execution(&reference.execution)
        .is_some_and(|execution| execution.overrides.iter().any(|wanted| wanted.action_name == action));
    let Some(execution) = pipeline.execution_mut(&reference.execution) else {
        return;
    };
    if let Some(found) = execution.action_mut(&reference.action) {
        found.summary = done.summary.or(found.summary.take());
        if let Some((id, summary)) = &done.revision {
            for output in &mut found.outputs {
                output.revision = Some(id.clone());
                output.revision_summary = Some(summary.clone());
            }
        }
    }
    if let Some((id, summary)) = &done.revision {
        note_source(execution, &action, (id, Some(summary)));
    }
    succeed_action(execution, &reference.action, done.variables, turn);
    // An older revision that was asked for says nothing about what is new.
    if let (Some((id, _)), true) = (done.revision, newest) {
        pipeline.progress.seen.insert(action, id);
    }
}

/// Remembers which revision a source action found in this execution.
pub(super) fn note_source(execution: &mut Execution, action: &str, (id, summary): (&str, Option<&String>)) {
    execution.source_revisions.retain(|known| known.action_name != action);
    execution.source_revisions.push(SourceRevision {
        action_name: action.to_owned(),
        revision_id: id.to_owned(),
        revision_summary: summary.cloned(),
    });
}

/// Fails an action whose errand could not be done.
pub(crate) fn fail(state: &mut State, reference: &ActionRef, failed: Failed, turn: &Turn<'_>) {
    if in_progress(state, reference).is_none() {
        return;
    }
    // A function that could not be invoked will not report either.
    state.jobs.close_for(&reference.action, super::JobStatus::Failed);
    let pipeline = state.pipelines.get_mut(&reference.pipeline);
    if let Some(execution) = pipeline.and_then(|pipeline| pipeline.execution_mut(&reference.execution)) {
        fail_action(execution, &reference.action, failed, turn);
    }
}

/// An action that is still in progress, and its name.
fn in_progress<'a>(state: &'a mut State, reference: &ActionRef) -> Option<(String, &'a mut ActionExecution)> {
    if !is_wanted(state, reference) {
        return None;
    }
    let pipeline = state.pipelines.get_mut(&reference.pipeline)?;
    let action = pipeline.execution_mut(&reference.execution)?.action_mut(&reference.action)?;
    Some((action.name.clone(), action))
}

/// The pipeline of an action that is still in progress, and the action's name.
fn in_progress_mut<'a>(state: &'a mut State, reference: &ActionRef) -> Option<(&'a mut Pipeline, String)> {
    let (name, _) = in_progress(state, reference)?;
    Some((state.pipelines.get_mut(&reference.pipeline)?, name))
}

/// Tells that an action was given up.
pub(super) fn tell_abandoned(execution: &Execution, action: &ActionExecution, turn: &Turn<'_>) {
    events::tell_action(execution, action, "ABANDONED", turn);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::scenario::Scenario;
    use super::super::{JobFailure, StartRequest, expire, hand_over, put_failure, start};
    use super::*;

    fn built_in(category: &str, provider: &str, configuration: &Value) -> Value {
        let id = json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"});
        json!({"name": "act", "actionTypeId": id, "configuration": configuration})
    }

    fn function() -> Scenario {
        let invoke = built_in("Invoke", "Lambda", &json!({"FunctionName": "f"}));
        let mut scenario = Scenario::with("PARALLEL", &[invoke], &json!({}));
        let request = StartRequest::by("StartPipelineExecution", "p");
        scenario.change(|state, turn| start(state, request, turn)).unwrap();
        let source = scenario.state.errands.remove(0);
        scenario.change(|state, turn| finish(state, &source.action, Finished::default(), turn));
        scenario
    }

    #[test]
    fn a_function_that_was_not_invoked_before_a_restart_is_invoked_after_it() {
        let mut scenario = function();
        let job = scenario.state.errands[0].job.clone().unwrap();
        scenario.change(resume);
        assert_eq!(scenario.state.errands.len(), 1);
        assert_eq!(scenario.state.errands[0].job.as_ref(), Some(&job));
        scenario.change(|state, _| hand_over(state, &job));
        scenario.change(resume);
        assert!(scenario.state.errands.is_empty(), "it would be invoked twice");
    }

    #[test]
    fn a_function_that_goes_on_is_invoked_again_after_the_delay_and_may_report_before_its_invocation_is_answered() {
        let mut scenario = function();
        let first = scenario.state.errands.remove(0).job.unwrap();
        scenario.go_on(&first, "more").unwrap();
        let again = scenario.state.errands.remove(0);
        assert_eq!(again.due, scenario.settings.continuation);
        assert_ne!(again.job.as_ref(), Some(&first));
        let report = JobFailure { kind: "JobFailed".to_owned(), message: "red".to_owned(), external_id: None };
        scenario.change(|state, turn| put_failure(state, &again.job.unwrap(), report, turn)).unwrap();
        assert!(!is_wanted(&scenario.state, &again.action));
    }

    #[test]
    fn an_errand_of_an_abandoned_action_changes_nothing_any_more() {
        let mut scenario = function();
        let errand = scenario.state.errands.remove(0);
        scenario.change(|state, turn| fail(state, &errand.action, ("JobFailed".to_owned(), "no".to_owned()), turn));
        scenario.change(|state, turn| finish(state, &errand.action, Finished::default(), turn));
        let execution = scenario.execution(&errand.action.execution);
        assert_eq!(execution.action(&errand.action.action).unwrap().status, ActionStatus::Failed);
        // Nor does the function's own report.
        let late = scenario.succeed(&errand.job.unwrap()).unwrap_err();
        assert_eq!(late.kind, crate::local::error::ErrorKind::InvalidJobState);
    }

    #[test]
    fn an_approval_that_nobody_gives_fails_after_seven_days_or_as_declared() {
        for (declared, allowed) in [(None, 7 * 24 * 60), (Some(30), 30)] {
            let mut ask = built_in("Approval", "Manual", &json!({}));
            if let Some(minutes) = declared {
                ask["timeoutInMinutes"] = json!(minutes);
            }
            let mut scenario = Scenario::with("PARALLEL", &[ask], &json!({}));
            let execution = scenario.start();
            let status = |scenario: &Scenario| scenario.execution(&execution).actions[1].status;
            scenario.pass(Duration::from_mins(allowed - 1));
            scenario.change(expire);
            assert_eq!(status(&scenario), ActionStatus::InProgress);
            scenario.pass(Duration::from_mins(1));
            scenario.change(expire);
            assert_eq!(status(&scenario), ActionStatus::Failed);
        }
    }
}
