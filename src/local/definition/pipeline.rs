//! A pipeline's declaration, in the API's form.
//!
//! None of these types can be printed with `{:?}`: an action's configuration may hold secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ActionTypeId;

/// What CreatePipeline is given and GetPipeline returns.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PipelineDeclaration {
    pub(crate) name: String,
    pub(crate) role_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_store: Option<ArtifactStore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_stores: Option<BTreeMap<String, ArtifactStore>>,
    pub(crate) stages: Vec<PipelineStage>,
    #[serde(default = "first_version")]
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) execution_mode: ExecutionMode,
    #[serde(default)]
    pub(crate) pipeline_type: PipelineType,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) variables: Vec<VariableDeclaration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) triggers: Vec<Value>,
}

/// How executions of one pipeline get past each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ExecutionMode {
    /// One execution per pipeline stage at a time; who waits is overtaken by who comes later.
    #[default]
    Superseded,
    /// One execution per pipeline stage at a time, in order.
    Queued,
    /// Each on its own.
    Parallel,
}

/// Which generation of the service a pipeline belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PipelineType {
    #[default]
    V1,
    V2,
}

/// The bucket that artifacts live in.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArtifactStore {
    pub(crate) r#type: String,
    pub(crate) location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encryption_key: Option<EncryptionKey>,
}

/// The KMS key that artifacts are encrypted with.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EncryptionKey {
    pub(crate) id: String,
    pub(crate) r#type: String,
}

/// A variable of the pipeline itself.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableDeclaration {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// One phase of a pipeline (AWS says "stage").
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PipelineStage {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) blockers: Vec<Value>,
    pub(crate) actions: Vec<ActionDeclaration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_failure: Option<OnFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_success: Option<Conditions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before_entry: Option<Conditions>,
}

/// What is checked before a pipeline stage is entered, or left.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Conditions {
    pub(crate) conditions: Vec<Condition>,
}

/// Rules that must all succeed, and what happens when one does not.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Condition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<StageResult>,
    #[serde(default)]
    pub(crate) rules: Vec<RuleDeclaration>,
}

/// One rule of a condition.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RuleDeclaration {
    pub(crate) name: String,
    pub(crate) rule_type_id: RuleTypeId,
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) input_artifacts: Vec<ArtifactName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_in_minutes: Option<u32>,
}

/// Names a kind of rule.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuleTypeId {
    pub(crate) category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    pub(crate) provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// What happens when a pipeline stage fails.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OnFailure {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<StageResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_configuration: Option<RetryConfiguration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
}

/// What follows from a failed pipeline stage, or from a condition that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum StageResult {
    Rollback,
    Fail,
    Retry,
    Skip,
}

/// How a pipeline stage is retried by itself.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RetryConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_mode: Option<RetryMode>,
}

/// Which actions a retry runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RetryMode {
    FailedActions,
    AllActions,
}

/// One action of a pipeline stage.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionDeclaration {
    pub(crate) name: String,
    pub(crate) action_type_id: ActionTypeId,
    #[serde(default = "first_run_order")]
    pub(crate) run_order: u32,
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) output_artifacts: Vec<ArtifactName>,
    #[serde(default)]
    pub(crate) input_artifacts: Vec<ArtifactName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Members that exist for other providers only. They are kept so that their use can be refused by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commands: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_variables: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) environment_variables: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_in_minutes: Option<u32>,
}

/// An artifact by its name in the pipeline.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ArtifactName {
    pub(crate) name: String,
}

fn first_version() -> u64 {
    1
}

fn first_run_order() -> u32 {
    1
}

impl PipelineDeclaration {
    /// The artifact store of `region`; a pipeline has one for all its actions, or one per region.
    pub(crate) fn store(&self, region: &str) -> Option<&ArtifactStore> {
        let by_region = || self.artifact_stores.as_ref()?.get(region);
        self.artifact_store.as_ref().or_else(by_region)
    }

    /// All actions, with the pipeline stage each is in.
    pub(crate) fn actions(&self) -> impl Iterator<Item = (&PipelineStage, &ActionDeclaration)> {
        self.stages.iter().flat_map(|stage| stage.actions.iter().map(move |action| (stage, action)))
    }

    /// Whether both run the same: all that matters to an execution, so not the version and not the role.
    pub(crate) fn same_structure(&self, other: &Self) -> bool {
        self.stages == other.stages
    }
}

impl OnFailure {
    /// Which actions an automatic retry runs again; without a mode those that failed.
    pub(crate) fn retry_mode(&self) -> RetryMode {
        let configured = self.retry_configuration.as_ref().and_then(|c| c.retry_mode);
        configured.unwrap_or(RetryMode::FailedActions)
    }
}
