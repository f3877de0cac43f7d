//! CreatePipeline, UpdatePipeline, GetPipeline, ListPipelines, DeletePipeline.

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::time;
use super::pages::{Page, page};
use super::{read as decode, tags};
use crate::local::definition::{PipelineDeclaration, Tags, mask};
use crate::local::engine::{self, State, Turn};
use crate::local::error::{Answer, ErrorKind};

/// The largest page of ListPipelines (API reference: 1 to 1,000).
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct Declared {
    pipeline: PipelineDeclaration,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    version: Option<u64>,
}

pub(super) fn create(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let new: Declared = decode(input)?;
    let tags = tags::of_input(new.tags)?;
    let listed = listed(&tags);
    let created = engine::create(state, (new.pipeline, tags), turn)?;
    if turn.settings.start_on_create {
        engine::start_new(state, &created.name, turn);
    }
    Ok(json!({"pipeline": created, "tags": listed}))
}

pub(super) fn update(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let new: Declared = decode(input)?;
    let updated = engine::update(state, new.pipeline, turn)?;
    Ok(json!({"pipeline": updated}))
}

pub(super) fn read(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Wanted = decode(input)?;
    let pipeline = engine::find(state, &wanted.name, turn)?;
    let newest = pipeline.declaration();
    let version = wanted.version.unwrap_or(newest.version);
    let Some(declaration) = pipeline.definition.versions.iter().find(|known| known.version == version) else {
        let message = format!("Pipeline '{}' does not have a version {version}", wanted.name);
        return Err(ErrorKind::PipelineVersionNotFound.because(message));
    };
    Ok(json!({
        "pipeline": mask(declaration, &state.types),
        "metadata": {
            "pipelineArn": turn.settings.pipeline_arn(&wanted.name),
            "created": time(pipeline.definition.created),
            "updated": time(pipeline.definition.updated),
        },
    }))
}

pub(super) fn list(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let asked: Page = decode(input)?;
    let items = state.pipelines.iter().map(|(name, pipeline)| {
        let declaration = pipeline.declaration();
        let summary = json!({
            "name": name,
            "version": declaration.version,
            "pipelineType": declaration.pipeline_type,
            "executionMode": declaration.execution_mode,
            "created": time(pipeline.definition.created),
            "updated": time(pipeline.definition.updated),
        });
        (name.clone(), summary)
    });
    page(items.collect(), &asked, ("pipelines", PAGE))
}

pub(super) fn delete(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let wanted: Wanted = decode(input)?;
    engine::delete(state, &wanted.name);
    Ok(json!({}))
}

/// Tags as the answer to a creation repeats them.
fn listed(tags: &Tags) -> Vec<Value> {
    tags.listed().into_iter().map(|(_, tag)| tag).collect()
}
