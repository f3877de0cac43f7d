//! Stacks on CloudFormation.
//!
//! [`status`] says what each status means, [`change_set`] how a stack is made, [`apply`] how a fixed one is brought to
//! what was tested, [`events`] why one failed, [`parameter`] how one is changed,
//! [`template`] how a template gets there, [`account`] what all stacks together tell. This file puts them together.
//! `DescribeStacks` is answered about five times a second for a whole account, so it is asked for one stack at a time, for
//! many of them there is a listing, and only [`account`] asks without a name.

mod account;
mod apply;
mod change_set;
mod events;
mod parameter;
mod status;
mod template;

use async_trait::async_trait;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};
use aws_sdk_cloudformation::types::{DeletionMode, Stack, StackStatus};

use self::change_set::{ChangeSet, Progress, Purpose};
use self::status::{Standing, standing};
use super::fault::{fault, rejected, says, unavailable};
use super::state_bucket::StateBucket;
use crate::ports::{
    Changing, Declared, Deleting, Deletion, FailedResource, Fault, MadeFrom, ParameterChange, ReadyStack, ReadyStacks,
    StackSpec, StackState, Stacks, StacksAtWork, TaggedStack,
};
use crate::release::{Outputs, StackRef};

/// CloudFormation's stacks in this account and region; templates that are too large for a request go through `state`.
pub(super) struct CloudFormationStacks {
    pub(super) client: Client,
    pub(super) state: StateBucket,
}

#[async_trait]
impl Stacks for CloudFormationStacks {
    async fn declared(&self, template: &str) -> Result<Declared, Fault> {
        let template = template::ready(&self.state, template).await?;
        let request = self.client.validate_template();
        let answer = request.set_template_body(template.body).set_template_url(template.url).send().await;
        let told = answer.map_err(|error| fault("validate the template", &error))?;
        let parameters = told.parameters.unwrap_or_default().into_iter();
        Ok(Declared {
            parameters: parameters
                .filter_map(|told| Some((told.parameter_key?, told.default_value.is_some())))
                .collect(),
        })
    }

    async fn ensure(&self, spec: &StackSpec) -> Result<StackState, Fault> {
        match self.describe(&spec.stack).await? {
            Some(stack) => match self.attach(spec, stack).await? {
                Some(state) => Ok(state),
                None => self.begin(spec).await,
            },
            None if spec.stack.id.is_some() => Ok(taken_away(&spec.stack)),
            None => self.begin(spec).await,
        }
    }

    async fn read(&self, stack: &StackRef) -> Result<StackState, Fault> {
        match self.describe(stack).await? {
            Some(stack) => self.state(stack).await,
            None => Ok(StackState::Absent),
        }
    }

    async fn all_ready(&self) -> Result<ReadyStacks, Fault> {
        account::ready(&self.client).await
    }

    async fn all_at_work(&self) -> Result<StacksAtWork, Fault> {
        account::at_work(&self.client).await
    }

    async fn made_from(&self, stack: &StackRef) -> Result<MadeFrom, Fault> {
        self.ingredients(stack).await
    }

    async fn apply(&self, spec: &StackSpec, change_set: &str) -> Result<StackState, Fault> {
        self.bring_to(spec, change_set).await
    }

    async fn set_parameter(&self, stack: &StackRef, change: &ParameterChange) -> Result<Changing, Fault> {
        match self.describe(stack).await? {
            Some(found) => parameter::set(&self.client, &found, change).await,
            None => Err(rejected(
                format!("set {} of stack {}", change.name, key(stack)),
                "the stack does not exist".to_owned(),
            )),
        }
    }

    async fn delete(&self, stack: &StackRef, how: Deletion) -> Result<Deleting, Fault> {
        let name = key(stack);
        let request = self.client.delete_stack().stack_name(name);
        let request = match how {
            Deletion::Whole => request,
            Deletion::Forced => request.deletion_mode(DeletionMode::ForceDeleteStack),
        };
        match request.send().await {
            Ok(_) => Ok(Deleting::Begun),
            Err(error) if says(&error, "ValidationError", "does not exist") => Ok(Deleting::Begun),
            Err(error) if says(&error, "ValidationError", "TerminationProtection") => Ok(Deleting::Protected),
            Err(error) => {
                let refused = fault(format!("delete stack {name}"), &error);
                Err(if says(&error, "ValidationError", "while in status") {
                    worth_asking_again(refused)
                } else {
                    refused
                })
            }
        }
    }

    async fn tagged(&self, prefix: &str) -> Result<Vec<TaggedStack>, Fault> {
        account::tagged(&self.client, prefix).await
    }

    async fn account_limit(&self) -> Result<Option<usize>, Fault> {
        account::limit(&self.client).await
    }
}

impl CloudFormationStacks {
    /// The stack as CloudFormation tells it; `None` when it does not know it.
    async fn describe(&self, stack: &StackRef) -> Result<Option<Stack>, Fault> {
        let name = key(stack);
        let request = self.client.describe_stacks().stack_name(name);
        match request.send().await {
            Ok(answer) => Ok(answer.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if says(&error, "ValidationError", "does not exist") => Ok(None),
            Err(error) => Err(fault(format!("ask how stack {name} stands"), &error)),
        }
    }

    /// Nobody has begun to make the stack, as far as CloudFormation tells.
    async fn begin(&self, spec: &StackSpec) -> Result<StackState, Fault> {
        let template = template::ready(&self.state, &spec.template).await?;
        if let Some(set) = change_set::create(&self.client, spec, (template, &Purpose::create())).await? {
            let progress = change_set::look(&self.client, &set).await?;
            return self.carry_out(spec, &set, progress).await;
        }
        // Another worker, or an earlier attempt whose answer was lost, was faster.
        let Some(stack) = self.describe(&spec.stack).await? else {
            return Err(unavailable(
                format!("create stack {}", spec.stack.name),
                "CloudFormation says both that it exists and that it does not".to_owned(),
            ));
        };
        let set = ChangeSet::of(&id_of(&stack), &spec.stack.name, &Purpose::create());
        let attached = self.attach(spec, stack).await?;
        Ok(attached.unwrap_or_else(|| in_review(&set)))
    }

    /// Someone has begun to make the stack: goes on from there. `None` when it waits for a change set that is not there.
    async fn attach(&self, spec: &StackSpec, stack: Stack) -> Result<Option<StackState>, Fault> {
        let state = match stack.stack_status().map(standing) {
            Some(Standing::Waiting) => {
                let set = ChangeSet::of(&id_of(&stack), &spec.stack.name, &Purpose::create());
                match change_set::look(&self.client, &set).await? {
                    Progress::Missing => return Ok(None),
                    progress => self.carry_out(spec, &set, progress).await?,
                }
            }
            // Its name must not be used again, so waiting for it to be gone would end in making it anew.
            Some(Standing::Leaving | Standing::Gone) => {
                taken_away(&StackRef { id: Some(id_of(&stack)), ..spec.stack.clone() })
            }
            _ => self.state(stack).await?,
        };
        Ok(Some(state))
    }

    /// Executes the change set if it is ready for that, and tells how the stack stands.
    async fn carry_out(&self, spec: &StackSpec, set: &ChangeSet, progress: Progress) -> Result<StackState, Fault> {
        match progress {
            Progress::Missing | Progress::Pending => Ok(in_review(set)),
            Progress::Refused(reason) => Ok(failed(&spec.stack.name, &set.stack_id, reason)),
            Progress::Ready(arn) => {
                change_set::execute(&self.client, &arn, &spec.request_token).await?;
                self.after_execution(spec, set).await
            }
            Progress::Executed => self.after_execution(spec, set).await,
        }
    }

    async fn after_execution(&self, spec: &StackSpec, set: &ChangeSet) -> Result<StackState, Fault> {
        let made = StackRef { id: Some(set.stack_id.clone()), ..spec.stack.clone() };
        match self.describe(&made).await? {
            // CloudFormation takes a moment to begin; by then the change set is no longer available.
            Some(stack) if is_waiting(&stack) => Ok(in_review(set)),
            Some(stack) => self.state(stack).await,
            None => Ok(taken_away(&made)),
        }
    }

    async fn state(&self, stack: Stack) -> Result<StackState, Fault> {
        let id = id_of(&stack);
        let status = stack.stack_status().cloned();
        let status = status.unwrap_or_else(|| StackStatus::from("UNKNOWN"));
        Ok(match standing(&status) {
            Standing::Gone => StackState::Absent,
            Standing::Waiting | Standing::Moving | Standing::Leaving => {
                StackState::InProgress { id, doing: status.as_str().to_owned() }
            }
            Standing::Usable => StackState::Ready(ready(stack, id)),
            Standing::Broken => StackState::Failed { because: events::blame(&self.client, &stack, &id).await?, id },
        })
    }
}

/// By its id where that is known: names are found only while the stack exists, ids for 90 days after.
fn key(stack: &StackRef) -> &str {
    stack.id.as_ref().unwrap_or(&stack.name)
}

fn id_of(stack: &Stack) -> String {
    let told = stack.stack_id().or(stack.stack_name());
    told.unwrap_or_default().to_owned()
}

fn is_waiting(stack: &Stack) -> bool {
    stack.stack_status().map(standing) == Some(Standing::Waiting)
}

fn in_review(set: &ChangeSet) -> StackState {
    StackState::InProgress { id: set.stack_id.clone(), doing: StackStatus::ReviewInProgress.as_str().to_owned() }
}

fn failed(name: &str, id: &str, reason: String) -> StackState {
    StackState::Failed {
        id: id.to_owned(),
        because: FailedResource { resource: name.to_owned(), kind: "AWS::CloudFormation::Stack".to_owned(), reason },
    }
}

fn taken_away(stack: &StackRef) -> StackState {
    let reason = "the stack was deleted while it was being made".to_owned();
    failed(&stack.name, key(stack), reason)
}

fn ready(stack: Stack, id: String) -> ReadyStack {
    let changed_at = last_changed(stack.last_updated_time, stack.creation_time);
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let outputs: Outputs =
        outputs.filter_map(|told| Some((told.output_key?, told.output_value.unwrap_or_default()))).collect();
    ReadyStack { id, changed_at, outputs }
}

/// When a stack was last changed, in the one form in which all tell it: it is kept, and compared with what others told.
fn last_changed(updated: Option<DateTime>, created: Option<DateTime>) -> Option<String> {
    updated.or(created).and_then(|at| at.fmt(DateTimeFormat::DateTime).ok())
}

/// A stack that is being updated refuses to be deleted until that is over.
fn worth_asking_again(refused: Fault) -> Fault {
    match refused {
        Fault::Rejected { doing, detail } => unavailable(doing, detail),
        other => other,
    }
}
