//! CloudFormation, as a pipeline's CloudFormation action uses it.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, ChangeSetType, Parameter, Tag};

use super::super::fault::{detail, says};
use super::{Emulated, Refusal};

/// A stack that is to be created or updated.
#[derive(Debug)]
pub struct StackInput<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its template, whole.
    pub template: &'a str,
    /// Parameters by name.
    pub parameters: &'a [(String, String)],
    /// Tags by key.
    pub tags: &'a [(String, String)],
    /// What the template may do.
    pub capabilities: &'a [String],
    /// The role by which CloudFormation acts.
    pub role: Option<&'a str>,
    /// The stack policy, as JSON.
    pub policy: Option<&'a str>,
    /// Tells one attempt from the next.
    pub token: &'a str,
}

/// How a stack stands.
#[derive(Debug)]
pub struct StackStanding {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Why it has that status.
    pub reason: Option<String>,
    /// Its outputs by key.
    pub outputs: Vec<(String, String)>,
}

impl Emulated {
    /// How a stack stands; `None` if there is none of this name.
    pub async fn stack(&self, name: &str) -> Result<Option<StackStanding>, Refusal> {
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await;
        let stacks = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default(),
            Err(error) if says(&error, "ValidationError", "does not exist") => return Ok(None),
            Err(error) => return Err(Refusal::Other(detail(&error))),
        };
        Ok(stacks.into_iter().next().map(|stack| {
            let outputs = stack.outputs().iter();
            let outputs = outputs.filter_map(|output| Some((output.output_key.clone()?, output.output_value.clone()?)));
            StackStanding {
                outputs: outputs.collect(),
                status: stack.stack_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                id: stack.stack_id.unwrap_or_default(),
                reason: stack.stack_status_reason,
            }
        }))
    }

    /// Begins to create a stack.
    pub async fn create_stack(&self, stack: &StackInput<'_>) -> Result<(), Refusal> {
        let request = self.cloudformation.create_stack();
        let request = request
            .stack_name(stack.name)
            .template_body(stack.template)
            .set_parameters(Some(parameters(stack)))
            .set_tags(Some(tags(stack)))
            .set_capabilities(Some(capabilities(stack)))
            .set_role_arn(stack.role.map(str::to_owned))
            .set_stack_policy_body(stack.policy.map(str::to_owned))
            .client_request_token(stack.token);
        request.send().await.map(|_| ()).map_err(|error| Refusal::Other(detail(&error)))
    }

    /// Begins to update a stack; `false` if there is nothing to update.
    pub async fn update_stack(&self, stack: &StackInput<'_>) -> Result<bool, Refusal> {
        let request = self.cloudformation.update_stack();
        let request = request
            .stack_name(stack.name)
            .template_body(stack.template)
            .set_parameters(Some(parameters(stack)))
            .set_tags(Some(tags(stack)))
            .set_capabilities(Some(capabilities(stack)))
            .set_role_arn(stack.role.map(str::to_owned))
            .set_stack_policy_body(stack.policy.map(str::to_owned))
            .client_request_token(stack.token);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if says(&error, "ValidationError", "No updates are to be performed") => Ok(false),
            Err(error) => Err(Refusal::Other(detail(&error))),
        }
    }

    /// Begins to delete a stack.
    pub async fn delete_stack(&self, name: &str, role: Option<&str>) -> Result<(), Refusal> {
        let request = self.cloudformation.delete_stack().stack_name(name).set_role_arn(role.map(str::to_owned));
        request.send().await.map(|_| ()).map_err(|error| Refusal::Other(detail(&error)))
    }

    /// Begins to make a change set, for a stack that exists or one that is to be.
    pub async fn create_change_set(
        &self,
        stack: &StackInput<'_>,
        (name, creates): (&str, bool),
    ) -> Result<(), Refusal> {
        let kind = if creates { ChangeSetType::Create } else { ChangeSetType::Update };
        let request = self.cloudformation.create_change_set();
        let request = request
            .stack_name(stack.name)
            .change_set_name(name)
            .change_set_type(kind)
            .template_body(stack.template)
            .set_parameters(Some(parameters(stack)))
            .set_tags(Some(tags(stack)))
            .set_capabilities(Some(capabilities(stack)))
            .set_role_arn(stack.role.map(str::to_owned));
        request.send().await.map(|_| ()).map_err(|error| Refusal::Other(detail(&error)))
    }

    /// Status and reason of a change set; `None` if there is none of this name.
    pub async fn change_set(&self, stack: &str, name: &str) -> Result<Option<(String, Option<String>)>, Refusal> {
        let request = self.cloudformation.describe_change_set().stack_name(stack).change_set_name(name);
        match request.send().await {
            Ok(told) => {
                let status = told.status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default();
                Ok(Some((status, told.status_reason)))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(Refusal::Other(detail(&error))),
        }
    }

    /// Deletes a change set; one that does not exist is fine.
    pub async fn delete_change_set(&self, stack: &str, name: &str) -> Result<(), Refusal> {
        let request = self.cloudformation.delete_change_set().stack_name(stack).change_set_name(name);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(Refusal::Other(detail(&error))),
        }
    }

    /// Begins to carry out a change set.
    pub async fn execute_change_set(&self, stack: &str, name: &str) -> Result<(), Refusal> {
        let request = self.cloudformation.execute_change_set().stack_name(stack).change_set_name(name);
        request.send().await.map(|_| ()).map_err(|error| Refusal::Other(detail(&error)))
    }
}

fn is_missing<E: ProvideErrorMetadata>(error: &super::super::fault::Failed<E>) -> bool {
    error.code() == Some("ChangeSetNotFound")
        || error.code() == Some("ChangeSetNotFoundException")
        || says(error, "ValidationError", "does not exist")
}

fn parameters(stack: &StackInput<'_>) -> Vec<Parameter> {
    let pair =
        |(name, value): &(String, String)| Parameter::builder().parameter_key(name).parameter_value(value).build();
    stack.parameters.iter().map(pair).collect()
}

fn tags(stack: &StackInput<'_>) -> Vec<Tag> {
    stack.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn capabilities(stack: &StackInput<'_>) -> Vec<Capability> {
    stack.capabilities.iter().map(|name| Capability::from(name.as_str())).collect()
}
