//! What CreatePipeline and UpdatePipeline refuse, beyond the shape of the request.
//!
//! The rules and limits are those of the user guide ("Pipeline structure reference", "Quotas"). What the local
//! CodePipeline cannot run is refused here too, by name: a pipeline that is accepted runs as it would on AWS.

use std::collections::BTreeSet;

use super::pipeline::PipelineType;
use super::{
    ActionDeclaration, ExecutionMode, PipelineDeclaration, PipelineStage, RegisteredTypes, action_rules, conditions,
};
use crate::local::error::{Answer, ErrorKind};

/// A pipeline has 2 to 50 stages (AWS quotas page).
const STAGES: std::ops::RangeInclusive<usize> = 2..=50;
/// A pipeline stage has at most 50 actions (AWS quotas page).
const MOST_ACTIONS: usize = 50;
/// A pipeline has at most 500 actions (AWS quotas page).
const MOST_ACTIONS_IN_ALL: usize = 500;

/// Checks a pipeline against the rules and the registered action types.
pub(crate) fn check(pipeline: &PipelineDeclaration, types: &RegisteredTypes) -> Answer<()> {
    check_pipeline(pipeline)?;
    check_sources(pipeline)?;
    for stage in &pipeline.stages {
        check_pipeline_stage(stage)?;
        conditions::check(stage)?;
        for action in &stage.actions {
            action_rules::check(action, types)?;
        }
    }
    check_artifacts(pipeline)
}

fn check_pipeline(pipeline: &PipelineDeclaration) -> Answer<()> {
    let refuse = |message: &str| Err(ErrorKind::InvalidStructure.because(message));
    let v2_only = pipeline.execution_mode != ExecutionMode::Superseded
        || !pipeline.variables.is_empty()
        || pipeline.stages.iter().any(conditions::used);
    if pipeline.artifact_store.is_some() == pipeline.artifact_stores.is_some() {
        return refuse("Pipeline must have either artifactStore or artifactStores, and not both");
    }
    if !STAGES.contains(&pipeline.stages.len()) {
        return refuse("Pipeline has invalid number of stages. It should have between 2 and 50 stages");
    }
    if pipeline.pipeline_type == PipelineType::V1 && v2_only {
        return refuse(
            "Pipeline variables, stage conditions and the execution modes QUEUED and PARALLEL need pipelineType V2",
        );
    }
    if !pipeline.stages.iter().all(|stage| conditions::fit(stage, pipeline.execution_mode)) {
        return refuse("A pipeline in PARALLEL mode cannot roll back; use another result or another mode");
    }
    if !pipeline.triggers.is_empty() {
        return refuse(
            "Triggers are not supported by the local CodePipeline: they belong to Git connections, which it does not have",
        );
    }
    if pipeline.actions().count() > MOST_ACTIONS_IN_ALL {
        return Err(ErrorKind::LimitExceeded.because("Pipeline has more than 500 actions"));
    }
    if let Some(twice) = repeated(pipeline.stages.iter().map(|stage| &stage.name)) {
        return refuse(&format!(
            "Pipeline has a duplicate stage name '{twice}'. Stage names must be unique within a pipeline"
        ));
    }
    let namespaces = pipeline.actions().filter_map(|(_, action)| action.namespace.as_ref());
    match repeated(namespaces) {
        Some(twice) => refuse(&format!(
            "Variable namespace '{twice}' is used by two actions; namespaces must be unique within a pipeline"
        )),
        None => Ok(()),
    }
}

/// Source actions are in the first pipeline stage, and nothing else is.
fn check_sources(pipeline: &PipelineDeclaration) -> Answer<()> {
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let (first, name) = (index == 0, &stage.name);
        for action in &stage.actions {
            let source = action.action_type_id.category == "Source";
            let message = match (first, source) {
                (true, false) => format!("Pipeline stage '{name}' should only have Source actions, as it is the first"),
                (false, true) => format!("Pipeline stage '{name}' must not have Source actions: only the first may"),
                (true, true) | (false, false) => continue,
            };
            return Err(ErrorKind::InvalidStructure.because(message));
        }
    }
    Ok(())
}

fn check_pipeline_stage(stage: &PipelineStage) -> Answer<()> {
    let name = &stage.name;
    let refuse = |message: String| Err(ErrorKind::InvalidStageDeclaration.because(message));
    if stage.actions.is_empty() {
        return refuse(format!("Stage '{name}' has no actions. It should have at least 1 action"));
    }
    if stage.actions.len() > MOST_ACTIONS {
        return refuse(format!("Stage '{name}' has more than {MOST_ACTIONS} actions"));
    }
    if let Some(twice) = repeated(stage.actions.iter().map(|action| &action.name)) {
        return refuse(format!(
            "Stage '{name}' has a duplicate action name '{twice}'. Action names must be unique within a stage"
        ));
    }
    if !stage.blockers.is_empty() {
        let message = format!("Stage '{name}' has blockers, which AWS reserves for itself");
        return Err(ErrorKind::InvalidBlockerDeclaration.because(message));
    }
    Ok(())
}

/// An artifact has one producer, and that runs before its consumers.
fn check_artifacts(pipeline: &PipelineDeclaration) -> Answer<()> {
    let outputs = pipeline.actions().flat_map(|(_, action)| &action.output_artifacts);
    if let Some(twice) = repeated(outputs.map(|artifact| &artifact.name)) {
        let message = format!("Output artifact name '{twice}' must be unique within the pipeline");
        return Err(ErrorKind::InvalidActionDeclaration.because(message));
    }
    let mut made: BTreeSet<&str> = BTreeSet::new();
    for stage in &pipeline.stages {
        let mut actions: Vec<&ActionDeclaration> = stage.actions.iter().collect();
        actions.sort_by_key(|action| action.run_order);
        for together in actions.chunk_by(|a, b| a.run_order == b.run_order) {
            check_inputs(together, &made)?;
            let outputs = together.iter().flat_map(|action| &action.output_artifacts);
            made.extend(outputs.map(|artifact| artifact.name.as_str()));
        }
    }
    Ok(())
}

fn check_inputs(actions: &[&ActionDeclaration], made: &BTreeSet<&str>) -> Answer<()> {
    for action in actions {
        let missing = action.input_artifacts.iter().find(|input| !made.contains(input.name.as_str()));
        if let Some(input) = missing {
            let message = format!(
                "Input Artifact Bundle {} in action {} is not the output of an action that runs before it",
                input.name, action.name
            );
            return Err(ErrorKind::InvalidActionDeclaration.because(message));
        }
    }
    Ok(())
}

fn repeated<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(name.as_str())).map(String::as_str)
}
