//! Workers report: an action is done, goes on, or failed.

use std::collections::BTreeMap;

use super::Turn;
use super::act::{execution_url, fail_action, job_deadline, succeed_action};
use super::errand::{Errand, errand, note_source};
use super::execution::Execution;
use super::jobs::{find, unknown};
use super::state::{Job, JobStatus, State};
use crate::local::definition::Provider;
use crate::local::error::{Answer, ErrorKind};

/// All output variables of one action together have at most this many bytes (AWS quotas page: 122,880).
const LARGEST_OUTPUT_VARIABLES: usize = 122_880;

/// Progress that a worker reports.
#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) summary: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) percent: Option<u64>,
}

/// A report of success, or of progress when it carries a continuation token.
#[derive(Default)]
pub(crate) struct JobSuccess {
    pub(crate) continuation: Option<String>,
    pub(crate) progress: Progress,
    pub(crate) variables: BTreeMap<String, String>,
    /// Id and summary of the revision that a source action found.
    pub(crate) revision: Option<(String, Option<String>)>,
}

/// A report of failure.
pub(crate) struct JobFailure {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) external_id: Option<String>,
}

/// PutJobSuccessResult: the action is done, or goes on in a new job that carries the continuation token.
pub(crate) fn put_success(state: &mut State, id: &str, report: JobSuccess, turn: &Turn<'_>) -> Answer<()> {
    check_in_progress(state, id)?;
    if report.continuation.is_some() && !report.variables.is_empty() {
        let message = "outputVariables must not be given together with a continuationToken";
        return Err(ErrorKind::Validation.because(message));
    }
    let size: usize = report.variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_OUTPUT_VARIABLES {
        let message = format!("The output variables have {size} bytes; at most {LARGEST_OUTPUT_VARIABLES} are allowed");
        return Err(ErrorKind::OutputVariablesSizeExceeded.because(message));
    }
    note(state, id, report.progress, turn);
    state.jobs.close(id, JobStatus::Succeeded);
    if let Some(token) = report.continuation {
        go_on(state, id, token, turn);
        return Ok(());
    }
    let Some((execution, action_id)) = execution_of(state, id) else {
        return Ok(());
    };
    if let (Some((revision, summary)), Some(action)) = (report.revision, execution.action_mut(&action_id)) {
        for output in &mut action.outputs {
            output.revision = Some(revision.clone());
            output.revision_summary.clone_from(&summary);
        }
        let (name, source) = (action.name.clone(), action.declaration.action_type_id.category == "Source");
        if source {
            note_source(execution, &name, (&revision, summary.as_ref()));
        }
    }
    succeed_action(execution, &action_id, report.variables, turn);
    Ok(())
}

/// PutJobFailureResult: the action failed.
pub(crate) fn put_failure(state: &mut State, id: &str, report: JobFailure, turn: &Turn<'_>) -> Answer<()> {
    check_in_progress(state, id)?;
    let progress = Progress { external_id: report.external_id, ..Progress::default() };
    note(state, id, progress, turn);
    state.jobs.close(id, JobStatus::Failed);
    if let Some((execution, action_id)) = execution_of(state, id) {
        fail_action(execution, &action_id, (report.kind, report.message), turn);
    }
    Ok(())
}

fn check_in_progress(state: &State, id: &str) -> Answer<()> {
    let job = state.jobs.by_id.get(id).ok_or_else(|| unknown(id))?;
    let status = job.status;
    // A function need not acknowledge, and may report before its invocation was answered.
    let invoked = Provider::of(&job.type_id) == Some(Provider::Lambda) && !status.is_final();
    if status == JobStatus::InProgress || invoked {
        return Ok(());
    }
    let message = format!("Job '{id}' is in state {status:?}; a result can only be put for a job that is InProgress");
    Err(ErrorKind::InvalidJobState.because(message))
}

/// Records progress on the action. What is not reported stays as it was.
fn note(state: &mut State, id: &str, progress: Progress, turn: &Turn<'_>) {
    let Some(job) = state.jobs.by_id.get(id) else {
        return;
    };
    let known = state.types.find(&job.type_id).cloned();
    let Some((execution, action_id)) = execution_of(state, id) else {
        return;
    };
    let Some(action) = execution.action_mut(&action_id) else {
        return;
    };
    action.external_id = progress.external_id.or(action.external_id.take());
    action.summary = progress.summary.or(action.summary.take());
    action.percent = progress.percent.or(action.percent);
    action.external_url = known.and_then(|known| execution_url(action, &known));
    action.updated = turn.now;
}

/// The next job of the same action execution: a new id, to be polled and acknowledged like any other.
fn go_on(state: &mut State, id: &str, token: String, turn: &Turn<'_>) {
    let Some(done) = state.jobs.by_id.get(id) else {
        return;
    };
    let Some((execution, action)) = find(state, done) else {
        return;
    };
    let due = turn.elapsed + turn.settings.continuation;
    let next = Job {
        id: turn.dice.uuid(),
        action: done.action.clone(),
        type_id: done.type_id.clone(),
        status: JobStatus::Queued,
        nonce: 0,
        due,
        deadline: job_deadline(&state.types, action, due),
        continuation: Some(token),
        encryption_key: done.encryption_key.clone(),
        number: 0,
    };
    if let Some(provider @ Provider::Lambda) = Provider::of(&next.type_id) {
        let again = Errand { job: Some(next.id.clone()), due, ..errand(execution, action, provider, turn) };
        state.errands.push(again);
    }
    state.jobs.add(next);
}

fn execution_of<'a>(state: &'a mut State, id: &str) -> Option<(&'a mut Execution, String)> {
    let reference = state.jobs.by_id.get(id)?.action.clone();
    let execution = state.pipelines.get_mut(&reference.pipeline)?.execution_mut(&reference.execution)?;
    Some((execution, reference.action))
}
