//! The job operations of third parties.
//!
//! They are those of custom actions with two differences: a poll only names the jobs (the nonce comes with the
//! details), and whoever works on one shows a client token.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{jobs, read};
use crate::local::definition::ActionTypeId;
use crate::local::engine::{self, PollRequest, State, Turn};
use crate::local::error::Answer;

/// Names whose job it is. AWS gives one to each account that uses the third party's action; here there is one account.
const CLIENT_ID: &str = "00000000-0000-4000-8000-000000000000";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Poll {
    action_type_id: ActionTypeId,
    max_batch_size: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    job_id: String,
    client_token: String,
}

pub(super) fn poll(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Poll = read(input)?;
    let request = PollRequest {
        owner: "ThirdParty",
        type_id: wanted.action_type_id,
        batch: wanted.max_batch_size,
        query: BTreeMap::new(),
    };
    let jobs = engine::poll(state, &request, turn)?;
    let jobs: Vec<Value> = jobs.into_iter().map(|id| json!({"clientId": CLIENT_ID, "jobId": id})).collect();
    Ok(json!({"jobs": jobs}))
}

pub(super) fn acknowledge(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    check(state, &input, turn)?;
    jobs::acknowledge(state, input, turn)
}

pub(super) fn details(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let shown = check(state, &input, turn)?;
    let mut details = jobs::job(state, &shown.job_id, turn)?;
    details["accountId"] = Value::Null;
    Ok(json!({"jobDetails": details}))
}

pub(super) fn put_success(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    check(state, &input, turn)?;
    jobs::put_success(state, input, turn)
}

pub(super) fn put_failure(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    check(state, &input, turn)?;
    jobs::put_failure(state, input, turn)
}

fn check(state: &State, input: &Value, turn: &Turn<'_>) -> Answer<Shown> {
    let shown: Shown = read(input.clone())?;
    engine::check_client(state, &shown.job_id, &shown.client_token, turn)?;
    Ok(shown)
}
