//! What was found in files is declared, action types first.

use serde_json::Value;

use super::convert::CLOSED;
use super::{Finding, Findings, LoadError, Loaded};
use crate::local::definition::PipelineDeclaration;
use crate::local::engine::{self, State, TransitionRequest, Turn};
use crate::local::error::{Answer, ErrorKind};
use crate::local::{shape, wire};

/// Declares everything. Pipelines may use the action types of any file.
pub(in crate::local) fn declare(state: &mut State, found: Findings, turn: &Turn<'_>) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded { skipped: found.skipped.clone(), ..Loaded::default() };
    for finding in &found.action_types {
        let id = declare_action_type(state, finding).map_err(|refused| finding.refused(&refused))?;
        loaded.action_types.extend(id);
    }
    for finding in &found.pipelines {
        let name = declare_pipeline(state, finding, (&loaded.pipelines, turn));
        loaded.pipelines.push(name.map_err(|refused| finding.refused(&refused))?);
    }
    Ok(Loaded { found, ..loaded })
}

/// The id of the action type, or `None` if another file has declared the very same: many stacks may bring along one
/// type.
fn declare_action_type(state: &mut State, finding: &Finding) -> Answer<Option<String>> {
    shape::violations(&finding.input, &shape::CUSTOM_ACTION_TYPE)?;
    let (action_type, tags) = wire::action_type(finding.input.clone())?;
    if state.types.find(&action_type.id) == Some(&action_type) {
        return Ok(None);
    }
    let id = action_type.id.to_string();
    state.types.register(action_type, tags)?;
    Ok(Some(id))
}

/// A pipeline that was kept from an earlier start is updated when its file has changed; two files that declare the same
/// pipeline are an error.
fn declare_pipeline(state: &mut State, finding: &Finding, (declared, turn): (&[String], &Turn<'_>)) -> Answer<String> {
    let pipeline = finding.input.get("pipeline").cloned().unwrap_or(Value::Null);
    shape::violations(&pipeline, &shape::PIPELINE)?;
    let declaration: PipelineDeclaration =
        serde_json::from_value(pipeline).map_err(|error| ErrorKind::Serialization.because(error.to_string()))?;
    let tags = wire::tags(finding.input.get("tags").cloned().unwrap_or_default())?;
    let name = declaration.name.clone();
    let kept = state.pipelines.get(&declaration.name).filter(|_| !declared.contains(&declaration.name));
    match kept.map(engine::Pipeline::declaration) {
        None => {
            engine::create(state, (declaration, tags), turn)?;
            close(state, &name, (finding, turn))?;
        }
        Some(kept) if *kept == (PipelineDeclaration { version: kept.version, ..declaration.clone() }) => (),
        Some(_) => {
            engine::update(state, declaration, turn)?;
        }
    }
    Ok(name)
}

/// Disables the transitions that a template disables.
fn close(state: &mut State, pipeline: &str, (finding, turn): (&Finding, &Turn<'_>)) -> Answer<()> {
    for closed in finding.input.get(CLOSED).and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| closed[name].as_str().unwrap_or_default().to_owned();
        let (pipeline, stage) = (pipeline.to_owned(), part("stageName"));
        engine::close(state, &TransitionRequest { pipeline, stage, inbound: true }, part("reason"), turn)?;
    }
    Ok(())
}

impl Finding {
    fn refused(&self, refused: &crate::local::error::ApiError) -> LoadError {
        LoadError { file: self.file.clone(), resource: Some(self.resource.clone()), message: refused.to_string() }
    }
}
