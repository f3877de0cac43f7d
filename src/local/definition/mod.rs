//! What is declared: pipelines and action types, and the rules they must keep.
//!
//! Read `pipeline.rs` (the form), then `rules.rs` and `action_rules.rs` (what CreatePipeline refuses), then `action_type.rs`,
//! `builtin.rs` (what needs no worker), `secrets.rs` and `tags.rs`.

mod action_rules;
mod action_type;
mod builtin;
mod conditions;
mod pipeline;
mod rules;
mod secrets;
mod tags;

pub(crate) use action_type::{
    ActionType, ActionTypeId, ArtifactCount, Property, RegisteredTypes, ThirdPartyType, TypeSettings,
};
pub(crate) use builtin::{Provider, VARIABLE_CHECK, VARIABLE_CHECK_PROPERTIES};
pub(crate) use pipeline::{
    ActionDeclaration, ArtifactStore, Condition, EncryptionKey, ExecutionMode, OnFailure, PipelineDeclaration,
    PipelineStage, RetryMode, RuleDeclaration, StageResult,
};
pub(crate) use rules::check;
pub(crate) use secrets::{mask, masked_configuration, restore};
pub(crate) use tags::{Tag, Tags};
