//! CloudFormation's stacks, of which every version has one.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::fault::Fault;
use super::glances::ReadyStacks;
use super::waits::StacksAtWork;
use crate::release::{Moment, Outputs, StackRef, StageName};

/// The parameters that a template declares, each with whether it has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Parameter name to "has a default".
    pub parameters: BTreeMap<String, bool>,
}

/// The stack that should exist.
#[derive(Clone, Debug)]
pub struct StackSpec {
    /// Which stack: its name is deterministic and never used for another; its id is given once known.
    pub stack: StackRef,
    /// The stage it belongs to.
    pub stage: StageName,
    /// The template's text.
    pub template: String,
    /// The template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The stack's tags.
    pub tags: BTreeMap<String, String>,
    /// The capabilities that the pipeline's author grants, such as `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// The role that CloudFormation acts as; without one it acts as the worker.
    pub role_arn: Option<String>,
    /// The same for every attempt to make this stack: how CloudFormation recognises a repeated request. Letters,
    /// digits and hyphens, at most 128.
    pub request_token: String,
}

/// A stack that is ready for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyStack {
    /// Its id (ARN).
    pub id: String,
    /// When it was last changed, or made, as CloudFormation tells it.
    pub changed_at: Option<String>,
    /// What it gives out.
    pub outputs: Outputs,
}

/// The resource that made a stack fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedResource {
    /// Its logical id, or the stack's name when no resource is to blame.
    pub resource: String,
    /// Its type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// Why it failed, in CloudFormation's words.
    pub reason: String,
}

/// What a stack was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeFrom {
    /// The template's text, as it was given.
    pub template: String,
    /// Its parameters; none for the value of one that CloudFormation does not show (`NoEcho`).
    pub parameters: BTreeMap<String, Option<String>>,
}

/// A change of one parameter of a stack; template, other parameters, role and capabilities stay as they are.
#[derive(Clone, Debug)]
pub struct ParameterChange {
    /// The parameter.
    pub name: String,
    /// Its new value.
    pub value: String,
    /// The same for every attempt to make this change. Letters, digits and hyphens, at most 128.
    pub request_token: String,
}

/// Whether a change of a stack has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changing {
    /// It has; the stack is in progress until it is made.
    Begun,
    /// There is nothing to change.
    Nothing,
}

/// How a stack is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// With everything that is in it, or not at all.
    Whole,
    /// Without the resources that could not be deleted before: they stay, in no stack. Only for a stack whose deletion
    /// has failed.
    Forced,
}

/// Whether a deletion has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Deleting {
    /// It has, or there is nothing to delete.
    Begun,
    /// Somebody has protected the stack against it.
    Protected,
}

/// A stack that carries certain tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaggedStack {
    /// The stack, with its id.
    pub stack: StackRef,
    /// Those tags.
    pub tags: BTreeMap<String, String>,
    /// When its making began, as CloudFormation tells it.
    pub made_at: Option<Moment>,
    /// What is being done to it, in CloudFormation's word, if something is.
    pub doing: Option<String>,
}

/// How a stack stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackState {
    /// There is none, or no more.
    Absent,
    /// Something is being done to it.
    InProgress {
        /// Its id (ARN).
        id: String,
        /// CloudFormation's word for what, such as `CREATE_IN_PROGRESS`.
        doing: String,
    },
    /// It is ready for use.
    Ready(ReadyStack),
    /// Making, changing or deleting it failed.
    Failed {
        /// Its id (ARN).
        id: String,
        /// The first resource that really failed, not one that was cancelled for it.
        because: FailedResource,
    },
}

/// Makes, reads and deletes stacks.
#[async_trait]
pub trait Stacks: Send + Sync {
    /// What the template declares; refused when CloudFormation finds the template invalid.
    async fn declared(&self, template: &str) -> Result<Declared, Fault>;

    /// Does the next needful thing so that the stack comes to exist, and tells how it stands. Call it until it is
    /// ready or failed. It attaches to whatever an earlier call, or another worker, has begun.
    async fn ensure(&self, spec: &StackSpec) -> Result<StackState, Fault>;

    /// How the stack stands; by its id when that is known.
    async fn read(&self, stack: &StackRef) -> Result<StackState, Fault>;

    /// Every stack that is ready. It looks at all stacks of the account and region, a hundred with each call. It may miss
    /// one, and show one as it was a moment ago: [`super::Glances`] asks it, and sees to that.
    async fn all_ready(&self) -> Result<ReadyStacks, Fault>;

    /// Every stack at which CloudFormation is at work; it may miss one, too, and show one at which it was a moment ago.
    async fn all_at_work(&self) -> Result<StacksAtWork, Fault>;

    /// What the stack was made from.
    async fn made_from(&self, stack: &StackRef) -> Result<MadeFrom, Fault>;

    /// Does the next needful thing so that a stack with a fixed name comes to be as `spec` says, by a change set of this
    /// name, and tells how it stands. Call it until it is ready or failed.
    async fn apply(&self, spec: &StackSpec, change_set: &str) -> Result<StackState, Fault>;

    /// Begins to change one parameter of the stack.
    async fn set_parameter(&self, stack: &StackRef, change: &ParameterChange) -> Result<Changing, Fault>;

    /// Begins to delete the stack; by its id when that is known. A stack that is not there is no fault.
    async fn delete(&self, stack: &StackRef, how: Deletion) -> Result<Deleting, Fault>;

    /// Every stack that carries a tag whose name begins so, but for those inside of another stack. It looks at all
    /// stacks of the account and region, so it is not to be asked often.
    async fn tagged(&self, prefix: &str) -> Result<Vec<TaggedStack>, Fault>;

    /// How many stacks this account may have in this region, if CloudFormation tells.
    async fn account_limit(&self) -> Result<Option<usize>, Fault>;
}
