//! What an action's declaration must keep, given its action type.

use super::{ActionDeclaration, ActionType, ArtifactCount, Property, Provider, RegisteredTypes};
use crate::local::error::{Answer, ApiError, ErrorKind};

/// The value of a queryable property has at most 20 characters (API reference of ActionConfigurationProperty).
const LONGEST_QUERYABLE: usize = 20;

/// Checks one action.
pub(super) fn check(action: &ActionDeclaration, types: &RegisteredTypes) -> Answer<()> {
    let (name, id) = (&action.name, &action.action_type_id);
    let Some(known) = types.find(id) else {
        if id.owner != "Custom" {
            return Err(unsupported(action, types));
        }
        return Err(refusal(format!("{id} in action '{name}' is not available; create the action type first")));
    };
    check_count(name, ("input", action.input_artifacts.len()), known.input_artifact_details)?;
    check_count(name, ("output", action.output_artifacts.len()), known.output_artifact_details)?;
    check_members(action)?;
    let unknown = action.configuration.keys().find(|key| known.property(key).is_none());
    if let Some(key) = unknown {
        return Err(refusal(format!(
            "Action configuration for action '{name}' contains unknown configuration '{key}'"
        )));
    }
    for property in &known.action_configuration_properties {
        check_property(action, property)?;
    }
    match Provider::of(id) {
        Some(Provider::CloudFormation) => check_stack_action(action),
        Some(Provider::CodeBuild) => check_build_action(action),
        _ => Ok(()),
    }
}

/// What each mode of the CloudFormation action needs besides the stack's name (action reference, "Configuration").
fn check_stack_action(action: &ActionDeclaration) -> Answer<()> {
    let mode = action.configuration.get("ActionMode").map(String::as_str).unwrap_or_default();
    let needed: &[&str] = match mode {
        "CREATE_UPDATE" | "REPLACE_ON_FAILURE" => &["TemplatePath", "RoleArn"],
        "CHANGE_SET_REPLACE" => &["TemplatePath", "RoleArn", "ChangeSetName"],
        "CHANGE_SET_EXECUTE" => &["ChangeSetName"],
        "DELETE_ONLY" => &["RoleArn"],
        variable if variable.contains("#{") => &[],
        other => {
            return Err(refusal(format!(
                "Action configuration for action '{}' has the ActionMode '{other}'; it is one of CREATE_UPDATE, \
                 REPLACE_ON_FAILURE, DELETE_ONLY, CHANGE_SET_REPLACE and CHANGE_SET_EXECUTE",
                action.name
            )));
        }
    };
    match needed.iter().find(|key| !action.configuration.contains_key(**key)) {
        None => Ok(()),
        Some(key) => Err(refusal(format!(
            "Action configuration for action '{}' is missing configuration '{key}', which {mode} needs",
            action.name
        ))),
    }
}

fn check_build_action(action: &ActionDeclaration) -> Answer<()> {
    let several = action.input_artifacts.len() > 1;
    if several && !action.configuration.contains_key("PrimarySource") {
        return Err(refusal(format!(
            "Action configuration for action '{}' is missing configuration 'PrimarySource', which several input \
             artifacts need",
            action.name
        )));
    }
    if action.configuration.get("BatchEnabled").is_some_and(|value| value == "true") {
        let message =
            format!("Action '{}' has BatchEnabled, which the local CodePipeline does not support", action.name);
        return Err(refusal(message));
    }
    Ok(())
}

fn refusal(message: String) -> ApiError {
    ErrorKind::InvalidActionDeclaration.because(message)
}

fn unsupported(action: &ActionDeclaration, types: &RegisteredTypes) -> ApiError {
    let path = |known: &ActionType| format!("{}/{}/{}", known.id.owner, known.id.category, known.id.provider);
    let supported: Vec<String> = types.all().map(path).collect();
    refusal(format!(
        "Action '{}': {} is not supported by the local CodePipeline; it supports {}, and custom action types that you \
         create",
        action.name,
        action.action_type_id,
        supported.join(", ")
    ))
}

fn check_count(action: &str, (kind, given): (&str, usize), allowed: ArtifactCount) -> Answer<()> {
    let (least, most) = (allowed.minimum_count, allowed.maximum_count);
    if (least..=most).contains(&given) {
        return Ok(());
    }
    Err(refusal(format!("Action '{action}' has {given} {kind} artifacts; its action type takes {least} to {most}")))
}

/// Refuses the members that only other providers' actions have.
fn check_members(action: &ActionDeclaration) -> Answer<()> {
    let name = &action.name;
    let is_approval = Provider::of(&action.action_type_id) == Some(Provider::Approval);
    let foreign = [
        ("commands", action.commands.is_some()),
        ("outputVariables", action.output_variables.is_some()),
        ("environmentVariables", action.environment_variables.is_some()),
        ("timeoutInMinutes", action.timeout_in_minutes.is_some() && !is_approval),
    ];
    if let Some((member, _)) = foreign.into_iter().find(|(_, used)| *used) {
        return Err(refusal(format!("Action '{name}' has '{member}', which its action type does not support")));
    }
    if action.action_type_id.owner == "Custom" && action.region.is_some() {
        return Err(refusal(format!("Action '{name}' has a region; custom actions cannot be cross-Region")));
    }
    Ok(())
}

fn check_property(action: &ActionDeclaration, property: &Property) -> Answer<()> {
    let (name, key) = (&action.name, &property.name);
    let refuse = |what: &str| Err(refusal(format!("Action configuration for action '{name}' {what}")));
    let Some(value) = action.configuration.get(key) else {
        if property.required {
            return refuse(&format!("is missing required configuration '{key}'"));
        }
        return Ok(());
    };
    let kind = property.kind.as_deref().unwrap_or("String");
    // A value with a variable in it is only known when the action starts.
    let typed = value.contains("#{")
        || match kind {
            "Number" => value.parse::<f64>().is_ok(),
            "Boolean" => value == "true" || value == "false",
            _ => true,
        };
    if !typed {
        return refuse(&format!("has a value for '{key}' that is not a {kind}"));
    }
    if property.queryable && value.chars().count() > LONGEST_QUERYABLE {
        return refuse(&format!(
            "has a value for the queryable property '{key}' that is longer than {LONGEST_QUERYABLE} characters"
        ));
    }
    Ok(())
}
