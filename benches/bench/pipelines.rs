//! Pipelines with many actions side by side, so that many jobs are available at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::types::{
    ActionCategory, ActionDeclaration, ActionExecutionDetail, ActionOwner, ActionTypeId, ArtifactStore,
    ArtifactStoreType, ExecutionMode, InputArtifact, OutputArtifact, PipelineDeclaration, PipelineType,
    StageDeclaration,
};

use super::world::{ARTIFACT_BUCKET, SOURCE_BUCKET, Source, World};

/// The most actions that a pipeline stage may have, and the most executions that may run side by side (AWS quotas page).
pub(crate) const MOST_ACTIONS: usize = 50;
pub(crate) const MOST_EXECUTIONS: usize = 50;

/// The object that is every pipeline's source.
const SOURCE: &str = "source";

const TEMPLATE: &str = "
Parameters:
  Note: {Type: String, Default: none}
Resources:
  Queue: {Type: AWS::SQS::Queue}
";

/// How long all may take that is waited for here.
const PATIENCE: Duration = Duration::from_secs(600);

/// Stores the source of all pipelines.
pub(crate) async fn push_source(world: &World) {
    world.push(SOURCE, &Source::empty().with("template.yaml", TEMPLATE)).await;
}

/// A pipeline of so many actions of this provider side by side, with these properties and a service each.
pub(crate) async fn create(world: &World, name: &str, (provider, actions): (&str, usize), properties: &[(&str, &str)]) {
    let actions = (0..actions).map(|number| action((name, provider, number), properties)).collect();
    let release = StageDeclaration::builder().name("Release").set_actions(Some(actions)).build().unwrap();
    let store = ArtifactStore::builder().r#type(ArtifactStoreType::S3).location(ARTIFACT_BUCKET).build().unwrap();
    let pipeline = PipelineDeclaration::builder()
        .name(name)
        .role_arn("arn:aws:iam::000000000000:role/pipeline")
        .pipeline_type(PipelineType::V2)
        .execution_mode(ExecutionMode::Parallel)
        .artifact_store(store)
        .stages(source())
        .stages(release)
        .build()
        .unwrap();
    world.codepipeline().create_pipeline().pipeline(pipeline).send().await.unwrap();
}

fn source() -> StageDeclaration {
    let action = ActionDeclaration::builder()
        .name("Source")
        .action_type_id(action_type(ActionCategory::Source, ActionOwner::Aws, "S3"))
        .configuration("S3Bucket", SOURCE_BUCKET)
        .configuration("S3ObjectKey", format!("{SOURCE}.zip"))
        .configuration("PollForSourceChanges", "false")
        .output_artifacts(OutputArtifact::builder().name("Source").build().unwrap());
    StageDeclaration::builder().name("Source").actions(action.build().unwrap()).build().unwrap()
}

fn action((pipeline, provider, number): (&str, &str, usize), properties: &[(&str, &str)]) -> ActionDeclaration {
    let mut action = ActionDeclaration::builder()
        .name(format!("{provider}-{number}"))
        .action_type_id(action_type(ActionCategory::Deploy, ActionOwner::Custom, provider))
        .configuration("Stage", "test")
        .configuration("Service", format!("{pipeline}-{number}"));
    for (name, value) in properties {
        action = action.configuration(*name, *value);
    }
    if provider == "DeployBlue" {
        action = action.input_artifacts(InputArtifact::builder().name("Source").build().unwrap());
    }
    action.build().unwrap()
}

fn action_type(category: ActionCategory, owner: ActionOwner, provider: &str) -> ActionTypeId {
    ActionTypeId::builder().category(category).owner(owner).provider(provider).version("1").build().unwrap()
}

/// Starts so many executions of the pipeline.
pub(crate) async fn start(world: &World, pipeline: &str, executions: usize) {
    for _ in 0..executions {
        world.start_pipeline(pipeline).await;
    }
}

/// The executions of the actions of this provider, by their ids.
pub(crate) async fn actions_of(
    world: &World,
    pipeline: &str,
    provider: &str,
) -> BTreeMap<String, ActionExecutionDetail> {
    let listed = world.codepipeline().list_action_executions().pipeline_name(pipeline).into_paginator().items().send();
    let all: Vec<ActionExecutionDetail> = listed.collect::<Result<Vec<_>, _>>().await.unwrap();
    let is_of = |detail: &ActionExecutionDetail| detail.action_name().is_some_and(|name| name.starts_with(provider));
    let own = all.into_iter().filter(is_of);
    own.map(|detail| (detail.action_execution_id().unwrap().to_owned(), detail)).collect()
}

/// Waits until so many actions of the provider are in progress or have been, and none that is older than those.
pub(crate) async fn await_begun(world: &World, pipeline: &str, (provider, count): (&str, usize)) {
    let deadline = Instant::now() + PATIENCE;
    while actions_of(world, pipeline, provider).await.len() < count {
        assert!(Instant::now() < deadline, "not all of {pipeline} began\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until no execution of the pipeline is in progress.
pub(crate) async fn await_over(world: &World, pipeline: &str) {
    let deadline = Instant::now() + PATIENCE;
    while is_in_progress(world, pipeline).await {
        assert!(Instant::now() < deadline, "not all of {pipeline} is over\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_in_progress(world: &World, pipeline: &str) -> bool {
    let listed = world.codepipeline().list_pipeline_executions().pipeline_name(pipeline).send().await.unwrap();
    let mut statuses = listed.pipeline_execution_summaries().iter().filter_map(|summary| summary.status());
    statuses.any(|status| status.as_str() == "InProgress")
}
