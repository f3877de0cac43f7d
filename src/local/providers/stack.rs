//! The CloudFormation action, in all its modes.
//!
//! Its meaning is that of the user guide's action reference. Where that is silent: a change set without changes counts
//! as made, and carrying it out does nothing, because that is what a pipeline that deploys twice needs.

use super::{configured, files, misconfigured, parameters, refused, source, wait};
use crate::local::Local;
use crate::local::cloud::{ChangeSetState, NewChangeSet, StackState};
use crate::local::engine::{self, Errand, Failed, Finished};

/// What a stack is replaced for in the mode REPLACE_ON_FAILURE.
const FAILED: [&str; 5] =
    ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"];

/// The statuses in which a stack has become what was asked for.
const GOOD: [&str; 3] = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"];

/// A stack that is only a name with a change set.
const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

/// Carries the action out; `None` when nobody wants it any more.
pub(super) async fn run(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    match configured(errand, "ActionMode").unwrap_or_default() {
        "CREATE_UPDATE" => deploy(local, errand, false).await,
        "REPLACE_ON_FAILURE" => deploy(local, errand, true).await,
        "DELETE_ONLY" => match remove(local, errand).await? {
            true => Ok(Some(Finished::default())),
            false => Ok(None),
        },
        "CHANGE_SET_REPLACE" => make_change_set(local, errand).await,
        "CHANGE_SET_EXECUTE" => execute_change_set(local, errand).await,
        other => Err(misconfigured(format!("There is no ActionMode {other}"))),
    }
}

fn name(errand: &Errand) -> &str {
    configured(errand, "StackName").unwrap_or_default()
}

async fn look(local: &Local, errand: &Errand) -> Result<Option<StackState>, Failed> {
    let found = local.cloud().stack(name(errand)).await.map_err(|error| refused(&error))?;
    Ok(found.filter(|stack| stack.status != "DELETE_COMPLETE"))
}

/// Waits until nothing happens to the stack, and tells how it stands. The outer `None` says that nobody waits any more,
/// the inner one that there is no such stack.
async fn settled(local: &Local, errand: &Errand) -> Result<Option<Option<StackState>>, Failed> {
    loop {
        let stack = look(local, errand).await?;
        let moving = |stack: &StackState| {
            stack.status.ends_with("_IN_PROGRESS")
                && stack.status != IN_REVIEW
                && !GOOD.contains(&stack.status.as_str())
        };
        if !stack.as_ref().is_some_and(moving) {
            return Ok(Some(stack));
        }
        if !wait(local, errand).await {
            return Ok(None);
        }
    }
}

async fn deploy(local: &Local, errand: &Errand, replace: bool) -> Result<Option<Finished>, Failed> {
    let request = parameters::request(local, errand).await?;
    // After a restart of ours the stack may still be moving by what we began; otherwise CloudFormation is to refuse.
    let mut stack = match errand.begun {
        Some(_) => match settled(local, errand).await? {
            Some(stack) => stack,
            None => return Ok(None),
        },
        None => look(local, errand).await?,
    };
    if replace && stack.as_ref().is_some_and(|stack| FAILED.contains(&stack.status.as_str())) {
        if !remove(local, errand).await? {
            return Ok(None);
        }
        stack = None;
    }
    local.change(|state, turn| engine::begun(state, &errand.action, &request.name, turn));
    let begun = match stack.filter(|stack| stack.status != IN_REVIEW) {
        Some(_) => local.cloud().update_stack(&request).await.map(|_| ()),
        None => local.cloud().create_stack(&request).await,
    };
    begun.map_err(|error| refused(&error))?;
    done(local, errand).await
}

/// Waits for the end of what was begun, and judges it.
async fn done(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    let Some(stack) = settled(local, errand).await? else {
        return Ok(None);
    };
    let stack = stack.ok_or_else(|| ("JobFailed".to_owned(), format!("Stack '{}' is gone", name(errand))))?;
    local.change(|state, turn| engine::begun(state, &errand.action, &stack.id, turn));
    if !GOOD.contains(&stack.status.as_str()) {
        let why = stack.reason.unwrap_or_else(|| "CloudFormation gives no reason".to_owned());
        let message = format!("Stack '{}' is in the status {}: {why}", name(errand), stack.status);
        return Err(("JobFailed".to_owned(), message));
    }
    store_outputs(local, errand, &stack.outputs).await?;
    let summary = Some(format!("Stack {} is in the status {}", name(errand), stack.status));
    Ok(Some(Finished { revision: None, variables: stack.outputs.into_iter().collect(), summary }))
}

/// Writes the stack's outputs as a file into the output artifact, if the action wants that.
async fn store_outputs(local: &Local, errand: &Errand, outputs: &[(String, String)]) -> Result<(), Failed> {
    let Some(file) = configured(errand, "OutputFileName") else {
        return Ok(());
    };
    let outputs = outputs.iter().map(|(key, value)| (key.clone(), serde_json::Value::from(value.clone())));
    let content = serde_json::Value::Object(outputs.collect()).to_string();
    let zip = files::packed(file, &content);
    let zip = zip.map_err(|error| misconfigured(format!("OutputFileName '{file}' could not be written: {error}")))?;
    source::store(local, errand, zip).await
}

/// Deletes the stack and waits until it is gone; a stack that does not exist is fine. `false` when nobody waits.
async fn remove(local: &Local, errand: &Errand) -> Result<bool, Failed> {
    if look(local, errand).await?.is_none() {
        return Ok(true);
    }
    let role = configured(errand, "RoleArn");
    local.cloud().delete_stack(name(errand), role).await.map_err(|error| refused(&error))?;
    match settled(local, errand).await? {
        None => Ok(false),
        Some(None) => Ok(true),
        Some(Some(stack)) => {
            let why = stack.reason.unwrap_or_default();
            let message = format!("Stack '{}' could not be deleted: {} {why}", name(errand), stack.status);
            Err(("JobFailed".to_owned(), message))
        }
    }
}

async fn make_change_set(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    let request = parameters::request(local, errand).await?;
    let change_set = configured(errand, "ChangeSetName").unwrap_or_default();
    let stack = look(local, errand).await?;
    let creates = stack.as_ref().is_none_or(|stack| stack.status == IN_REVIEW);
    let cloud = local.cloud();
    if stack.is_some() {
        cloud.delete_change_set(&request.name, change_set).await.map_err(|error| refused(&error))?;
    }
    local.change(|state, turn| engine::begun(state, &errand.action, &request.name, turn));
    let new = NewChangeSet { name: change_set, creates };
    cloud.create_change_set(&request, new).await.map_err(|error| refused(&error))?;
    loop {
        let state = cloud.change_set(&request.name, change_set).await.map_err(|error| refused(&error))?;
        match state {
            Some(state) if state.status == "CREATE_COMPLETE" || is_empty(&state) => break,
            Some(state) if state.status == "FAILED" => {
                let why = state.reason.unwrap_or_default();
                return Err(("JobFailed".to_owned(), format!("Change set '{change_set}' could not be made: {why}")));
            }
            _ if wait(local, errand).await => (),
            _ => return Ok(None),
        }
    }
    let outputs = stack.map(|stack| stack.outputs).unwrap_or_default();
    store_outputs(local, errand, &outputs).await?;
    let summary = Some(format!("Change set {change_set} was made"));
    Ok(Some(Finished { revision: None, variables: outputs.into_iter().collect(), summary }))
}

/// Whether a change set failed because there is nothing to change; only its reason tells.
fn is_empty(state: &ChangeSetState) -> bool {
    let reason = state.reason.as_deref().unwrap_or_default();
    let empty = reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
    state.status == "FAILED" && empty
}

async fn execute_change_set(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    let change_set = configured(errand, "ChangeSetName").unwrap_or_default();
    let cloud = local.cloud();
    let state = cloud.change_set(name(errand), change_set).await.map_err(|error| refused(&error))?;
    match state {
        // After a restart of ours it may be under way or over already.
        None if errand.begun.is_some() => (),
        None => {
            let message = format!("Change set '{change_set}' of stack '{}' does not exist", name(errand));
            return Err(misconfigured(message));
        }
        Some(state) if is_empty(&state) => (),
        Some(_) => {
            local.change(|state, turn| engine::begun(state, &errand.action, name(errand), turn));
            cloud.execute_change_set(name(errand), change_set).await.map_err(|error| refused(&error))?;
        }
    }
    done(local, errand).await
}
