//! Pipelines are created, updated and deleted.

use super::state::{Gone, Pipeline, State};
use super::{StartRequest, Turn, start};
use crate::local::definition::{self, PipelineDeclaration, Tags};
use crate::local::error::{Answer, ApiError, ErrorKind};

/// Creates a pipeline in its first version.
pub(crate) fn create(
    state: &mut State,
    (mut new, tags): (PipelineDeclaration, Tags),
    turn: &Turn<'_>,
) -> Answer<PipelineDeclaration> {
    definition::check(&new, &state.types)?;
    let name = new.name.clone();
    if state.pipelines.contains_key(&name) {
        let message =
            format!("A pipeline with the name '{name}' already exists in account '{}'", turn.settings.account_id);
        return Err(ErrorKind::PipelineNameInUse.because(message));
    }
    new.version = 1;
    let pipeline = Pipeline::new(new.clone(), tags, turn.now);
    state.pipelines.insert(name, pipeline);
    Ok(definition::mask(&new, &state.types))
}

/// Starts the execution that AWS starts when a pipeline is created.
pub(crate) fn start_new(state: &mut State, name: &str, turn: &Turn<'_>) {
    // A pipeline with a variable without a default cannot start by itself; AWS then simply does not start it.
    let _refused = start(state, StartRequest::by("CreatePipeline", name), turn);
}

/// Replaces a pipeline's declaration by a new version. Executions that run keep the one they started with.
pub(crate) fn update(state: &mut State, mut new: PipelineDeclaration, turn: &Turn<'_>) -> Answer<PipelineDeclaration> {
    let Some(pipeline) = state.pipelines.get_mut(&new.name) else {
        return Err(not_found(&new.name, turn));
    };
    let old = pipeline.declaration();
    definition::restore(&mut new, &old, &state.types)?;
    definition::check(&new, &state.types)?;
    new.version = old.version + 1;
    pipeline.add_version(new.clone());
    pipeline.definition.updated = turn.now;
    Ok(definition::mask(&new, &state.types))
}

/// Deletes a pipeline with its history. Its jobs end; deleting what does not exist is no error, as on AWS.
pub(crate) fn delete(state: &mut State, name: &str) {
    if state.pipelines.remove(name).is_none() {
        return;
    }
    state.errands.retain(|errand| errand.action.pipeline != name);
    state.jobs.forget(|action| action.pipeline == name);
    state.gone.push(Gone::Pipeline(name.to_owned()));
}

/// The pipeline of this name.
pub(crate) fn find<'a>(state: &'a State, name: &str, turn: &Turn<'_>) -> Answer<&'a Pipeline> {
    state.pipelines.get(name).ok_or_else(|| not_found(name, turn))
}

/// The refusal for a pipeline that does not exist.
pub(super) fn not_found(name: &str, turn: &Turn<'_>) -> ApiError {
    let account = &turn.settings.account_id;
    ErrorKind::PipelineNotFound.because(format!("Account '{account}' does not have a pipeline with name '{name}'"))
}
