//! What CreatePipeline is told of a pipeline of our own making.

use aws_sdk_codepipeline::types::{
    ActionCategory, ActionDeclaration, ActionOwner, ActionTypeId, ArtifactStore, ArtifactStoreType, ExecutionMode,
    FailureConditions, InputArtifact, OutputArtifact, PipelineDeclaration, PipelineType, Result as StageResult,
    RetryConfiguration, StageDeclaration, StageRetryMode,
};

use super::pipelines::{PipelineOptions, Properties};
use super::{ARTIFACT_BUCKET, SOURCE_BUCKET};

/// The pipeline of this name: a source, and one pipeline stage with the actions that have properties.
pub(super) fn declaration(name: &str, options: &PipelineOptions) -> PipelineDeclaration {
    let release = StageDeclaration::builder()
        .name("Release")
        .set_actions(Some(actions(options)))
        .set_on_failure(options.retried.then(retry_all_actions))
        .build();
    let mut stages = vec![source_stage(name)];
    if options.approved {
        stages.push(approval_stage());
    }
    stages.push(release.expect("a pipeline stage"));
    let mode = if options.superseded { ExecutionMode::Superseded } else { ExecutionMode::Parallel };
    let store = ArtifactStore::builder().r#type(ArtifactStoreType::S3).location(ARTIFACT_BUCKET).build();
    let pipeline = PipelineDeclaration::builder()
        .name(name)
        .role_arn("arn:aws:iam::000000000000:role/pipeline")
        .pipeline_type(PipelineType::V2)
        .execution_mode(mode)
        .artifact_store(store.expect("a store"))
        .set_stages(Some(stages))
        .build();
    pipeline.expect("a pipeline")
}

fn actions(options: &PipelineOptions) -> Vec<ActionDeclaration> {
    let mut actions = Vec::new();
    let all = [("DeployBlue", &options.deploy), ("RunIsolatedTests", &options.test), ("Promote", &options.promote)];
    for (order, (provider, properties)) in (1..).zip(all) {
        if let Some(properties) = properties {
            actions.push(custom_action(provider, order, properties));
        }
    }
    actions
}

fn retry_all_actions() -> FailureConditions {
    let all = RetryConfiguration::builder().retry_mode(StageRetryMode::AllActions);
    let conditions = FailureConditions::builder().result(StageResult::Retry);
    conditions.retry_configuration(all.build()).build()
}

fn source_stage(pipeline: &str) -> StageDeclaration {
    let action = ActionDeclaration::builder()
        .name("Source")
        .action_type_id(action_type(ActionCategory::Source, ActionOwner::Aws, "S3"))
        .configuration("S3Bucket", SOURCE_BUCKET)
        .configuration("S3ObjectKey", format!("{pipeline}.zip"))
        .configuration("PollForSourceChanges", "false")
        .output_artifacts(OutputArtifact::builder().name("Source").build().expect("an artifact"))
        .build();
    let stage = StageDeclaration::builder().name("Source").actions(action.expect("an action"));
    stage.build().expect("a pipeline stage")
}

fn approval_stage() -> StageDeclaration {
    let action = ActionDeclaration::builder()
        .name("Approve")
        .action_type_id(action_type(ActionCategory::Approval, ActionOwner::Aws, "Manual"))
        .build();
    let stage = StageDeclaration::builder().name("Approval").actions(action.expect("an action"));
    stage.build().expect("a pipeline stage")
}

fn custom_action(provider: &str, order: i32, properties: &Properties) -> ActionDeclaration {
    let category = if provider == "RunIsolatedTests" { ActionCategory::Test } else { ActionCategory::Deploy };
    let mut action = ActionDeclaration::builder().name(provider).run_order(order).action_type_id(action_type(
        category,
        ActionOwner::Custom,
        provider,
    ));
    for (name, value) in properties {
        action = action.configuration(name, value);
    }
    if provider != "Promote" {
        action = action.input_artifacts(InputArtifact::builder().name("Source").build().expect("an artifact"));
    }
    if provider == "RunIsolatedTests" {
        action = action.output_artifacts(OutputArtifact::builder().name("Results").build().expect("an artifact"));
    }
    action.build().expect("an action")
}

fn action_type(category: ActionCategory, owner: ActionOwner, provider: &str) -> ActionTypeId {
    let id = ActionTypeId::builder().category(category).owner(owner).provider(provider).version("1");
    id.build().expect("an action type")
}
