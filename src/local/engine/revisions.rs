//! Something has changed at a source: its pipeline starts.

use super::execution::Execution;
use super::pipelines::not_found;
use super::state::{Pipeline, State};
use super::{StartRequest, Turn, start};
use crate::local::definition::{ActionDeclaration, Provider};
use crate::local::error::{Answer, ErrorKind};

/// The revision of a source that does not exist.
pub(crate) const ABSENT: &str = "";

/// What PutActionRevision says.
pub(crate) struct NewRevision {
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    pub(crate) action: String,
    pub(crate) revision: String,
}

/// PutActionRevision: starts an execution unless the revision is known already; with the execution's id.
pub(crate) fn put_revision(state: &mut State, new: &NewRevision, turn: &Turn<'_>) -> Answer<(bool, String)> {
    let Some(pipeline) = state.pipelines.get_mut(&new.pipeline) else {
        return Err(not_found(&new.pipeline, turn));
    };
    check_names(pipeline, new)?;
    let newest = pipeline.executions.last().map(|execution| execution.id.clone());
    match newest {
        Some(id) if pipeline.progress.seen.get(&new.action) == Some(&new.revision) => Ok((false, id)),
        _ => {
            pipeline.progress.seen.insert(new.action.clone(), new.revision.clone());
            let mut request = StartRequest::by("PutActionRevision", &new.pipeline);
            request.trigger.trigger_detail.clone_from(&new.action);
            start(state, request, turn).map(|id| (true, id))
        }
    }
}

fn check_names(pipeline: &Pipeline, new: &NewRevision) -> Answer<()> {
    let declaration = pipeline.declaration();
    let Some(stage) = declaration.stages.iter().find(|known| known.name == new.stage) else {
        let message = format!("Pipeline '{}' does not have a stage '{}'", new.pipeline, new.stage);
        return Err(ErrorKind::StageNotFound.because(message));
    };
    match stage.actions.iter().find(|known| known.name == new.action) {
        None => {
            let message = format!("Stage '{}' does not have an action '{}'", new.stage, new.action);
            Err(ErrorKind::ActionNotFound.because(message))
        }
        Some(action) if action.action_type_id.category != "Source" => {
            Err(ErrorKind::Validation.because(format!("Action '{}' is not a source", new.action)))
        }
        Some(_) => Ok(()),
    }
}

/// A source action that is watched for changes.
pub(crate) struct Watched {
    pub(crate) pipeline: String,
    pub(crate) action: ActionDeclaration,
    pub(crate) provider: Provider,
}

/// All source actions that are watched.
pub(crate) fn watched(state: &State) -> Vec<Watched> {
    let declarations = state.pipelines.values().map(Pipeline::declaration);
    let mut found = Vec::new();
    for declaration in declarations {
        for (_, action) in declaration.actions() {
            // Polling is the default of the S3 source (action reference, "PollForSourceChanges").
            let off = action.configuration.get("PollForSourceChanges").is_some_and(|value| value == "false");
            if let (Some(provider @ (Provider::S3 | Provider::LocalDirectory)), false) =
                (Provider::of(&action.action_type_id), off)
            {
                found.push(Watched { pipeline: declaration.name.clone(), action: action.clone(), provider });
            }
        }
    }
    found
}

/// Whether a revision is one that nobody has seen.
pub(crate) fn is_news(state: &State, source: &Watched, revision: &str) -> bool {
    let Some(pipeline) = state.pipelines.get(&source.pipeline) else {
        return false;
    };
    // An execution that is reading its sources right now is about to learn the revision by itself.
    let reading = |execution: &Execution| execution.is_active() && execution.at == 0;
    let seen = pipeline.progress.seen.get(&source.action.name);
    !pipeline.executions.iter().any(|execution| reading(execution)) && seen.is_none_or(|seen| seen != revision)
}

/// Starts an execution if the revision is a new one. The first revision ever seen is only remembered: what was there
/// before the pipeline is for its owner to start.
pub(crate) fn notice(state: &mut State, source: &Watched, revision: &str, turn: &Turn<'_>) {
    if !is_news(state, source, revision) {
        return;
    }
    let name = &source.action.name;
    let pipeline = state.pipelines.get_mut(&source.pipeline);
    let before = pipeline.and_then(|known| known.progress.seen.insert(name.clone(), revision.to_owned()));
    if revision != ABSENT && before.is_some() {
        begin(state, ("PollForSourceChanges", &source.pipeline, name), turn);
    }
}

/// EventBridge tells of an object in S3: the pipelines that have it as their source start. How many did.
pub(crate) fn object_changed(state: &mut State, (bucket, key): (&str, &str), turn: &Turn<'_>) -> usize {
    let mut matching = Vec::new();
    for pipeline in state.pipelines.values() {
        let declaration = pipeline.declaration();
        let of = |action: &ActionDeclaration, name: &str, value: &str| {
            action.configuration.get(name).is_some_and(|configured| configured == value)
        };
        let source = declaration.actions().map(|(_, action)| action).find(|action| {
            let s3 = Provider::of(&action.action_type_id) == Some(Provider::S3);
            s3 && of(action, "S3Bucket", bucket) && of(action, "S3ObjectKey", key)
        });
        matching.extend(source.map(|action| (declaration.name.clone(), action.name.clone())));
    }
    for (pipeline, action) in &matching {
        begin(state, ("CloudWatchEvent", pipeline, action), turn);
    }
    matching.len()
}

/// Starts a pipeline for a source.
pub(super) fn begin(state: &mut State, (trigger, pipeline, detail): (&str, &str, &str), turn: &Turn<'_>) {
    let mut request = StartRequest::by(trigger, pipeline);
    detail.clone_into(&mut request.trigger.trigger_detail);
    if let Err(refused) = start(state, request, turn) {
        tracing::warn!(pipeline, %refused, "a source changed, but the pipeline did not start");
    }
}
