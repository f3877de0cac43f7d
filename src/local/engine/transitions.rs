//! The way into a pipeline stage is closed and opened.

use super::Turn;
use super::pipelines::not_found;
use super::state::{ClosedTransition, Pipeline, State};
use crate::local::error::{Answer, ErrorKind};

/// Which transition.
pub(crate) struct TransitionRequest {
    pub(crate) pipeline: String,
    pub(crate) stage: String,
    /// Into the stage, or out of it.
    pub(crate) inbound: bool,
}

/// DisableStageTransition: executions wait before the pipeline stage.
pub(crate) fn close(state: &mut State, request: &TransitionRequest, reason: String, turn: &Turn<'_>) -> Answer<()> {
    let (pipeline, stage) = entered(state, request, turn)?;
    pipeline.definition.closed.insert(stage, ClosedTransition { reason, at: turn.now });
    Ok(())
}

/// EnableStageTransition: who waits may go on.
pub(crate) fn open(state: &mut State, request: &TransitionRequest, turn: &Turn<'_>) -> Answer<()> {
    let (pipeline, stage) = entered(state, request, turn)?;
    pipeline.definition.closed.remove(&stage);
    Ok(())
}

/// The pipeline, and the stage that the transition leads into: out of one is into the next.
fn entered<'a>(
    state: &'a mut State,
    request: &TransitionRequest,
    turn: &Turn<'_>,
) -> Answer<(&'a mut Pipeline, String)> {
    let (name, stage) = (&request.pipeline, &request.stage);
    let Some(pipeline) = state.pipelines.get_mut(name) else {
        return Err(not_found(name, turn));
    };
    let stages = &pipeline.declaration().stages;
    let Some(at) = stages.iter().position(|known| known.name == *stage) else {
        return Err(ErrorKind::StageNotFound.because(format!("Pipeline '{name}' does not have a stage '{stage}'")));
    };
    let refuse = |why: &str| Err(ErrorKind::Validation.because(format!("Stage '{stage}' {why}")));
    match (request.inbound, stages.get(at + 1)) {
        (true, _) if at == 0 => refuse("is the first; no transition leads into it"),
        (true, _) => Ok((pipeline, stage.clone())),
        (false, Some(next)) => Ok((pipeline, next.name.clone())),
        (false, None) => refuse("is the last; no transition leads out of it"),
    }
}
