//! What happens is told as EventBridge events, in the form that the user guide documents ("Monitoring CodePipeline
//! events").

use serde_json::{Value, json};

use super::Turn;
use super::execution::{ActionExecution, Artifact, Execution};

/// One event, yet without what the outside adds: id, source and account.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) detail_type: &'static str,
    pub(crate) pipeline: String,
    pub(crate) detail: Value,
}

/// Tells how an execution stands now.
pub(super) fn tell_execution(execution: &Execution, state: &str, turn: &Turn<'_>) {
    let mut detail = common(execution, state);
    detail["execution-trigger"] = json!({
        "trigger-type": execution.trigger.trigger_type,
        "trigger-detail": execution.trigger.trigger_detail,
    });
    if let Some(reason) = execution.stop.as_ref().filter(|reason| !reason.is_empty()) {
        detail["stop-execution-comments"] = json!(reason);
    }
    tell(execution, ("CodePipeline Pipeline Execution State Change", detail), turn);
}

/// Tells how the present pipeline stage of an execution stands now.
pub(super) fn tell_stage(execution: &Execution, state: &str, turn: &Turn<'_>) {
    let mut detail = common(execution, state);
    detail["stage"] = json!(execution.stage().name);
    tell(execution, ("CodePipeline Stage Execution State Change", detail), turn);
}

/// Tells how an action stands now.
pub(super) fn tell_action(execution: &Execution, action: &ActionExecution, state: &str, turn: &Turn<'_>) {
    let id = &action.declaration.action_type_id;
    let mut detail = common(execution, state);
    detail["stage"] = json!(action.stage);
    detail["action"] = json!(action.name);
    detail["action-execution-id"] = json!(action.id);
    detail["region"] = json!(turn.settings.region);
    detail["type"] = json!({
        "owner": id.owner, "provider": id.provider, "category": id.category, "version": id.version,
    });
    detail["input-artifacts"] = artifacts(&action.inputs);
    detail["output-artifacts"] = artifacts(&action.outputs);
    if let Some(result) = result(action) {
        detail["execution-result"] = result;
    }
    tell(execution, ("CodePipeline Action Execution State Change", detail), turn);
}

fn common(execution: &Execution, state: &str) -> Value {
    json!({
        "pipeline": execution.declaration.name,
        "execution-id": execution.id,
        "state": state,
        "version": execution.version,
        "pipeline-execution-attempt": execution.attempt(),
    })
}

fn artifacts(all: &[Artifact]) -> Value {
    let place = |artifact: &Artifact| {
        json!({
            "name": artifact.name,
            "s3location": {"bucket": artifact.object.bucket, "key": artifact.object.key},
        })
    };
    all.iter().map(place).collect()
}

fn result(action: &ActionExecution) -> Option<Value> {
    let mut result = serde_json::Map::new();
    let mut add = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            result.insert(name.to_owned(), json!(value));
        }
    };
    let error = action.error.as_ref();
    add("external-execution-url", action.external_url.as_ref());
    add("external-execution-summary", error.map(|(_, message)| message).or(action.summary.as_ref()));
    add("external-execution-id", action.external_id.as_ref());
    add("error-code", error.map(|(code, _)| code));
    (!result.is_empty()).then_some(Value::Object(result))
}

fn tell(execution: &Execution, (detail_type, detail): (&'static str, Value), turn: &Turn<'_>) {
    let pipeline = execution.declaration.name.clone();
    turn.events.borrow_mut().push(Event { detail_type, pipeline, detail });
}
