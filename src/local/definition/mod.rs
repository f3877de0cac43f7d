//! What is declared: pipelines and action types, and the rules they must keep.
//!
//! Read `pipeline.rs` (the form), then `rules.rs` and `action_rules.rs` (what CreatePipeline refuses), then `action_type.rs` and
//! `secrets.rs`.

mod action_rules;
mod action_type;
mod pipeline;
mod rules;
mod secrets;

pub(crate) use action_type::{
    ActionType, ActionTypeId, ArtifactCount, Property, RegisteredTypes, TypeSettings, is_s3_source,
};
pub(crate) use pipeline::{
    ActionDeclaration, ArtifactStore, EncryptionKey, ExecutionMode, FailureResult, PipelineDeclaration, PipelineStage,
    RetryMode,
};
pub(crate) use rules::check;
pub(crate) use secrets::{mask, masked_configuration, restore};
