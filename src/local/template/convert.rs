//! CloudFormation's properties in the API's form.
//!
//! The two differ in the case of the first letter, in types (CloudFormation takes `"1"` for `1`), and in a few places
//! in structure. The service model's shapes say where a name is the API's and where it is the user's own.

use serde_json::{Map, Value, json};

use super::parameters::text;
use crate::local::shape::{PIPELINE, Shape};

/// Where an input of CreatePipeline has what DisableStageTransition is to be told afterwards. Not of the API.
pub(super) const CLOSED: &str = "closedTransitions";

/// A pipeline resource as the input of CreatePipeline.
pub(super) fn pipeline(mut properties: Value) -> Result<Value, String> {
    let (mut tags, mut closed) = (Value::Null, Vec::new());
    if let Some(members) = properties.as_object_mut() {
        // It tells CloudFormation what to do after an update; a local pipeline is never updated by a template.
        members.remove("RestartExecutionOnUpdate");
        if let Some(Value::Array(disabled)) = members.remove("DisableInboundStageTransitions") {
            closed = disabled.iter().map(transition).collect();
        }
        tags = members.remove("Tags").unwrap_or_default();
        if let Some(stores) = members.remove("ArtifactStores") {
            members.insert("ArtifactStores".to_owned(), stores_by_region(stores)?);
        }
    }
    let pipeline = to_api(properties, &PIPELINE, "")?;
    let tags = tags.as_array().map(|tags| tags.iter().map(tag).collect::<Vec<_>>());
    let mut input = json!({"pipeline": pipeline, "tags": tags});
    if !closed.is_empty() {
        input[CLOSED] = Value::Array(closed);
    }
    Ok(input)
}

/// One of the transitions that a template disables, as the input of DisableStageTransition has it.
fn transition(disabled: &Value) -> Value {
    let part = |name: &str| disabled.get(name).map(text).unwrap_or_default();
    json!({"stageName": part("StageName"), "reason": part("Reason")})
}

fn tag(tag: &Value) -> Value {
    let part = |name: &str| tag.get(name).map(text).unwrap_or_default();
    json!({"key": part("Key"), "value": part("Value")})
}

fn stores_by_region(stores: Value) -> Result<Value, String> {
    let mut by_region = Map::new();
    for store in stores.as_array().ok_or("ArtifactStores is not a list")? {
        let region = store.get("Region").and_then(Value::as_str).ok_or("ArtifactStores has an entry without Region")?;
        by_region.insert(region.to_owned(), store.get("ArtifactStore").cloned().unwrap_or_default());
    }
    Ok(Value::Object(by_region))
}

/// Brings a value into the form of `shape`. What does not fit stays as it is: the check of the shape words it.
pub(super) fn to_api(value: Value, shape: &Shape, at: &str) -> Result<Value, String> {
    Ok(match (shape, value) {
        (Shape::Object(members), Value::Object(properties)) if !members.is_empty() => {
            let mut converted = Map::new();
            for (name, property) in properties {
                let api_name = lower_first(&name);
                let Some(member) = members.iter().find(|member| member.name == api_name) else {
                    let place = if at.is_empty() { "the resource" } else { at };
                    return Err(format!("{place} has an unknown property {name}"));
                };
                let place = format!("{at}/{name}").trim_start_matches('/').to_owned();
                converted.insert(api_name, to_api(property, member.shape, &place)?);
            }
            Value::Object(converted)
        }
        (Shape::List { of, .. }, Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, item)| to_api(item, of, &format!("{at}[{index}]"))).collect::<Result<_, _>>()?
        }
        (Shape::Map { value: of, .. }, Value::Object(entries)) => {
            let mut converted = Map::new();
            for (name, entry) in entries {
                let entry = to_api(entry, of, &format!("{at}/{name}"))?;
                converted.insert(name, entry);
            }
            Value::Object(converted)
        }
        (Shape::Text(_) | Shape::OneOf(_), value) => Value::String(text(&value)),
        (Shape::Whole(..), Value::String(number)) => number.parse::<i64>().map_or(Value::String(number), Value::from),
        (Shape::Flag, Value::String(flag)) => flag.parse::<bool>().map_or(Value::String(flag), Value::Bool),
        (_, other) => other,
    })
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_api_are_recased_and_names_of_the_user_are_not() {
        let converted = pipeline(json!({
            "Name": "p",
            "ArtifactStores": [{"Region": "us-east-1", "ArtifactStore": {"Type": "S3", "Location": "b"}}],
            "Stages": [{"Name": "Deploy", "Actions": [{"Name": "A", "RunOrder": "2",
                "ActionTypeId": {"Category": "Deploy", "Owner": "Custom", "Provider": "X", "Version": 1},
                "Configuration": {"StackName": "s", "Keep": 1, "ParameterOverrides": {"A": ["a", "b"]}}}]}],
        }));
        let expected = json!({"pipeline": {
            "name": "p",
            "stages": [{"name": "Deploy", "actions": [{"name": "A", "runOrder": 2,
                "actionTypeId": {"category": "Deploy", "owner": "Custom", "provider": "X", "version": "1"},
                "configuration": {"StackName": "s", "Keep": "1",
                    "ParameterOverrides": "{\"A\":[\"a\",\"b\"]}"}}]}],
            "artifactStores": {"us-east-1": {"type": "S3", "location": "b"}},
        }, "tags": null});
        assert_eq!(converted.unwrap(), expected);
    }

    #[test]
    fn a_template_may_disable_transitions() {
        let properties = json!({"Name": "p", "DisableInboundStageTransitions": [{"StageName": "a", "Reason": "b"}]});
        let converted = pipeline(properties).unwrap();
        assert_eq!(converted[CLOSED], json!([{"stageName": "a", "reason": "b"}]));
    }

    #[test]
    fn an_unknown_property_is_named_with_its_place() {
        let refused = pipeline(json!({"Stages": [{"Name": "a", "Action": []}]})).unwrap_err();
        assert_eq!(refused, "Stages[0] has an unknown property Action");
    }
}
