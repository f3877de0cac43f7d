//! Sets one parameter of a stack and leaves all else of it as it is.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{Parameter, Stack};

use super::super::fault::{fault, says};
use crate::ports::{Changing, Fault, ParameterChange};

/// Begins the update, or finds that there is nothing to change.
pub(super) async fn set(client: &Client, stack: &Stack, change: &ParameterChange) -> Result<Changing, Fault> {
    let name = stack.stack_id().or(stack.stack_name()).unwrap_or_default();
    let request = client
        .update_stack()
        .stack_name(name)
        .use_previous_template(true)
        .set_parameters(Some(parameters(stack, change)))
        // CloudFormation asks for the capabilities again; its role stays by itself.
        .set_capabilities(stack.capabilities.clone())
        .client_request_token(&change.request_token);
    match request.send().await {
        Ok(_) => Ok(Changing::Begun),
        Err(error) if says(&error, "ValidationError", "No updates are to be performed") => Ok(Changing::Nothing),
        // Our own request of before, whose answer was lost.
        Err(error) if says(&error, "TokenAlreadyExistsException", "") => Ok(Changing::Begun),
        Err(error) => Err(fault(format!("set {} of stack {name} to {}", change.name, change.value), &error)),
    }
}

fn parameters(stack: &Stack, change: &ParameterChange) -> Vec<Parameter> {
    let keys = stack.parameters().iter().filter_map(|parameter| parameter.parameter_key());
    let others = keys.filter(|key| *key != change.name);
    let kept = others.map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
    let changed = Parameter::builder().parameter_key(&change.name).parameter_value(&change.value).build();
    kept.chain([changed]).collect()
}
