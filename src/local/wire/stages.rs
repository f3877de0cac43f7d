//! What people do to a pipeline stage: transitions, approvals, conditions, rollbacks; and PutActionRevision.

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::time;
use super::read;
use crate::local::engine::{
    self, ApprovalResult, NewRevision, OverrideRequest, RollbackRequest, State, TransitionRequest, Turn,
};
use crate::local::error::Answer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transition {
    pipeline_name: String,
    stage_name: String,
    transition_type: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Approval {
    pipeline_name: String,
    stage_name: String,
    action_name: String,
    result: ApprovalAnswer,
    token: String,
}

#[derive(Deserialize)]
struct ApprovalAnswer {
    summary: String,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Override {
    pipeline_name: String,
    stage_name: String,
    pipeline_execution_id: String,
    condition_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rollback {
    pipeline_name: String,
    stage_name: String,
    target_pipeline_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revised {
    pipeline_name: String,
    stage_name: String,
    action_name: String,
    action_revision: ActionRevision,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionRevision {
    revision_id: String,
}

impl Transition {
    fn request(&self) -> TransitionRequest {
        TransitionRequest {
            pipeline: self.pipeline_name.clone(),
            stage: self.stage_name.clone(),
            inbound: self.transition_type == "Inbound",
        }
    }
}

pub(super) fn disable(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Transition = read(input)?;
    engine::close(state, &wanted.request(), wanted.reason, turn)?;
    Ok(json!({}))
}

pub(super) fn enable(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Transition = read(input)?;
    engine::open(state, &wanted.request(), turn)?;
    Ok(json!({}))
}

pub(super) fn put_approval(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let given: Approval = read(input)?;
    let result = ApprovalResult {
        pipeline: given.pipeline_name,
        stage: given.stage_name,
        action: given.action_name,
        approved: given.result.status == "Approved",
        summary: given.result.summary,
        token: given.token,
    };
    engine::put_approval(state, result, turn)?;
    Ok(json!({"approvedAt": time(turn.now)}))
}

pub(super) fn override_condition(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Override = read(input)?;
    let request = OverrideRequest {
        pipeline: wanted.pipeline_name,
        stage: wanted.stage_name,
        execution: wanted.pipeline_execution_id,
        before_entry: wanted.condition_type == "BEFORE_ENTRY",
    };
    engine::override_condition(state, &request, turn)?;
    Ok(json!({}))
}

pub(super) fn roll_back(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Rollback = read(input)?;
    let request = RollbackRequest {
        pipeline: wanted.pipeline_name,
        stage: wanted.stage_name,
        target: wanted.target_pipeline_execution_id,
    };
    let id = engine::roll_back(state, &request, turn)?;
    Ok(json!({"pipelineExecutionId": id}))
}

pub(super) fn put_revision(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let given: Revised = read(input)?;
    let new = NewRevision {
        pipeline: given.pipeline_name,
        stage: given.stage_name,
        action: given.action_name,
        revision: given.action_revision.revision_id,
    };
    let (is_new, id) = engine::put_revision(state, &new, turn)?;
    Ok(json!({"newRevision": is_new, "pipelineExecutionId": id}))
}
