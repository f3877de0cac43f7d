//! Jobs are handed out: workers poll for them and acknowledge them.
//!
//! The rules are the API reference's; where it is silent, `settings.rs` says what was chosen and why.

use std::collections::BTreeMap;

use super::Turn;
use super::execution::{ActionExecution, Execution};
use super::state::{Job, JobStatus, State};
use crate::local::definition::{ActionType, ActionTypeId};
use crate::local::error::{Answer, ErrorKind};
use crate::local::settings::AcknowledgeAgain;

/// Who polls, and for what.
pub(crate) struct PollRequest {
    /// Whose jobs this poll is for: `Custom` or `ThirdParty`.
    pub(crate) owner: &'static str,
    pub(crate) type_id: ActionTypeId,
    pub(crate) batch: Option<usize>,
    pub(crate) query: BTreeMap<String, String>,
}

/// Hands out the jobs of an action type that are due, oldest first; returns their ids.
pub(crate) fn poll(state: &mut State, request: &PollRequest, turn: &Turn<'_>) -> Answer<Vec<String>> {
    let PollRequest { owner, type_id, batch, query } = request;
    if type_id.owner != *owner {
        let message = format!("ActionType with owner '{}' is not supported", type_id.owner);
        return Err(ErrorKind::Validation.because(message));
    }
    let Some(known) = state.types.find(type_id) else {
        return Err(ErrorKind::ActionTypeNotFound.because(format!("{type_id} is not available")));
    };
    check_query(known, query)?;
    let maximum = turn.settings.batch_maximum;
    let batch = batch.unwrap_or(maximum).min(maximum);
    let due = state.jobs.open.iter().filter(|id| {
        let job = state.jobs.by_id.get(*id);
        job.is_some_and(|job| job.due <= turn.elapsed && job.type_id == *type_id && matches_query(state, job, query))
    });
    let ids: Vec<String> = due.take(batch).cloned().collect();
    for id in &ids {
        if let Some(job) = state.jobs.by_id.get_mut(id) {
            job.status = JobStatus::Dispatched;
            job.nonce += 1;
            job.due = turn.elapsed + turn.settings.redelivery;
        }
    }
    Ok(ids)
}

/// A type with a queryable property must be asked by it; one without must not be.
fn check_query(known: &ActionType, query: &BTreeMap<String, String>) -> Answer<()> {
    let asked = query.keys().next().map(String::as_str);
    let queryable = known.queryable().map(|property| property.name.as_str());
    let message = match (queryable, asked) {
        (Some(name), None) => {
            format!("{} has the queryable property '{name}'; queryParam must give its value", known.id)
        }
        (Some(name), Some(other)) if name != other => {
            format!("{} is queryable by '{name}', not by '{other}'", known.id)
        }
        (None, Some(other)) => format!("{} has no queryable property '{other}'; queryParam must be empty", known.id),
        _ => return Ok(()),
    };
    Err(ErrorKind::Validation.because(message))
}

fn matches_query(state: &State, job: &Job, query: &BTreeMap<String, String>) -> bool {
    let found = find(state, job);
    query.iter().all(|(name, wanted)| {
        let value = found.and_then(|(_, action)| action.resolved.get(name));
        value.is_some_and(|value| value == wanted)
    })
}

/// The execution and the action that a job is for.
pub(super) fn find<'a>(state: &'a State, job: &Job) -> Option<(&'a Execution, &'a ActionExecution)> {
    let execution = state.pipelines.get(&job.action.pipeline)?.execution(&job.action.execution)?;
    let action = execution.action(&job.action.action)?;
    Some((execution, action))
}

/// A job with all that its worker is told.
pub(crate) fn job_context<'a>(state: &'a State, id: &str) -> Answer<(&'a Job, &'a Execution, &'a ActionExecution)> {
    let job = state.jobs.by_id.get(id).ok_or_else(|| unknown(id))?;
    let (execution, action) = find(state, job).ok_or_else(|| unknown(id))?;
    Ok((job, execution, action))
}

/// The job is the caller's, if it holds the newest nonce.
pub(crate) fn acknowledge(state: &mut State, id: &str, nonce: &str, turn: &Turn<'_>) -> Answer<JobStatus> {
    let job = state.jobs.by_id.get_mut(id).ok_or_else(|| unknown(id))?;
    let again = job.status != JobStatus::Dispatched;
    let refused = again && turn.settings.acknowledge_again == AcknowledgeAgain::Refused;
    if job.nonce == 0 || nonce != job.nonce.to_string() || refused {
        let message =
            format!("The nonce '{nonce}' for job '{id}' is not valid: the job was handed out again or is taken");
        return Err(ErrorKind::InvalidNonce.because(message));
    }
    if !again {
        job.status = JobStatus::InProgress;
        state.jobs.open.retain(|open| open != id);
    }
    Ok(state.jobs.by_id[id].status)
}

/// A third party shows whose job it works on.
pub(crate) fn check_client(state: &State, id: &str, token: &str, turn: &Turn<'_>) -> Answer<()> {
    let job = state.jobs.by_id.get(id).ok_or_else(|| unknown(id))?;
    if job.type_id.owner != "ThirdParty" {
        let message = format!("Job '{id}' belongs to an action type with owner '{}'", job.type_id.owner);
        return Err(ErrorKind::InvalidClientToken.because(message));
    }
    if token != turn.settings.client_token {
        return Err(ErrorKind::InvalidClientToken.because("The client token is not valid"));
    }
    Ok(())
}

/// A function was invoked with a job: from now on it is the function's.
pub(crate) fn hand_over(state: &mut State, id: &str) {
    let open = state.jobs.by_id.get_mut(id).filter(|job| job.status.is_waiting());
    if let Some(job) = open {
        job.status = JobStatus::InProgress;
        state.jobs.open.retain(|open| open != id);
    }
}

/// The refusal for a job that does not exist.
pub(super) fn unknown(id: &str) -> crate::local::error::ApiError {
    ErrorKind::JobNotFound.because(format!("Job with id '{id}' does not exist"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scenario::{Scenario, action};
    use super::*;

    fn started() -> Scenario {
        let mut scenario = Scenario::with("PARALLEL", &[action("run", 1)], &json!({}));
        scenario.start();
        scenario
    }

    #[test]
    fn each_redelivery_has_a_new_nonce_and_only_the_newest_acknowledges() {
        let mut scenario = started();
        let first = scenario.poll();
        assert!(scenario.poll().is_empty());
        scenario.pass(scenario.settings.redelivery);
        let second = scenario.poll();
        assert_eq!(first[0].0, second[0].0);
        let stale = scenario.acknowledge(&first[0].0, &first[0].1).unwrap_err();
        assert_eq!(stale.kind, ErrorKind::InvalidNonce);
        let status = scenario.acknowledge(&second[0].0, &second[0].1).unwrap();
        assert_eq!(status, JobStatus::InProgress);
        scenario.pass(scenario.settings.redelivery);
        assert!(scenario.poll().is_empty(), "an acknowledged job is never offered again");
    }

    #[test]
    fn whether_the_owner_may_acknowledge_again_is_a_setting() {
        let mut scenario = started();
        let polled = scenario.poll();
        let (id, nonce) = &polled[0];
        scenario.acknowledge(id, nonce).unwrap();
        assert_eq!(scenario.acknowledge(id, nonce).unwrap(), JobStatus::InProgress);
        scenario.settings.acknowledge_again = AcknowledgeAgain::Refused;
        assert_eq!(scenario.acknowledge(id, nonce).unwrap_err().kind, ErrorKind::InvalidNonce);
    }

    #[test]
    fn a_result_is_taken_only_once_and_only_after_the_acknowledgement() {
        let mut scenario = started();
        let polled = scenario.poll();
        let (id, nonce) = &polled[0];
        assert_eq!(scenario.succeed(id).unwrap_err().kind, ErrorKind::InvalidJobState);
        scenario.acknowledge(id, nonce).unwrap();
        scenario.succeed(id).unwrap();
        assert_eq!(scenario.fail(id).unwrap_err().kind, ErrorKind::InvalidJobState);
        assert_eq!(scenario.succeed("no").unwrap_err().kind, ErrorKind::JobNotFound);
    }

    #[test]
    fn a_continuation_token_makes_a_new_job_after_the_delay() {
        let mut scenario = started();
        let first = scenario.take()["run"].clone();
        scenario.go_on(&first, "half-way").unwrap();
        assert!(scenario.poll().is_empty());
        scenario.pass(scenario.settings.continuation);
        let second = scenario.take()["run"].clone();
        assert_ne!(first, second);
        let (job, _, _) = job_context(&scenario.state, &second).unwrap();
        assert_eq!(job.continuation.as_deref(), Some("half-way"));
        assert_eq!(job.action.action, scenario.state.jobs.by_id[&first].action.action);
    }

    #[test]
    fn a_poll_hands_out_at_most_the_batch_and_leaves_the_rest_pollable() {
        let mut scenario = started();
        scenario.settings.batch_maximum = 1;
        scenario.start();
        assert_eq!(scenario.poll().len(), 1);
        assert_eq!(scenario.poll().len(), 1);
        assert!(scenario.poll().is_empty());
    }
}
