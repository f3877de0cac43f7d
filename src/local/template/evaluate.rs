//! Evaluates a template: which of its resources concern us, and what their properties are.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::files::Stack;
use super::{ACTION_TYPE, Finding, Findings, LoadError, PIPELINE, convert, parameters};
use crate::local::settings::Settings;
use crate::local::shape;

/// How deep functions may refer to one another: conditions and names that refer to themselves end here.
const DEEPEST: usize = 100;

/// A template under evaluation.
pub(super) struct Template<'a> {
    pub(super) stack: &'a Stack,
    pub(super) settings: &'a Settings,
    pub(super) parameters: BTreeMap<String, Value>,
}

/// An evaluated value; `None` is `AWS::NoValue`, which removes the property.
pub(super) type Evaluated = Result<Option<Value>, String>;

/// Adds the action types and pipelines of one template to the findings.
pub(super) fn collect(stack: &Stack, settings: &Settings, findings: &mut Findings) -> Result<(), LoadError> {
    let resources = stack.document.get("Resources").and_then(Value::as_object);
    let (ours, others): (Vec<_>, Vec<_>) =
        resources.into_iter().flatten().partition(|(_, resource)| matches!(kind(resource), ACTION_TYPE | PIPELINE));
    let file = stack.file.display();
    let skipped = others.iter().map(|(name, resource)| format!("{file} {name} ({})", kind(resource)));
    findings.skipped.extend(skipped);
    if ours.is_empty() {
        // The parameters of a template that does not concern us need no values.
        return Ok(());
    }
    let template = Template { stack, settings, parameters: parameters::values(stack)? };
    for (name, resource) in ours {
        let Some(finding) = template.finding(name, resource)? else {
            continue;
        };
        match kind(resource) {
            ACTION_TYPE => findings.action_types.push(finding),
            _ => findings.pipelines.push(finding),
        }
    }
    Ok(())
}

fn kind(resource: &Value) -> &str {
    let kind = resource.get("Type").and_then(Value::as_str);
    kind.unwrap_or_default()
}

impl Template<'_> {
    fn finding(&self, name: &str, resource: &Value) -> Result<Option<Finding>, LoadError> {
        let input = self.resource(name, resource).map_err(|message| LoadError {
            file: self.stack.file.clone(),
            resource: Some(name.to_owned()),
            message,
        })?;
        Ok(input.map(|input| Finding { file: self.stack.file.clone(), resource: name.to_owned(), input }))
    }

    /// The API input that a resource stands for, or `None` if its condition is false.
    fn resource(&self, name: &str, resource: &Value) -> Evaluated {
        if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
            && !self.condition(condition, 0)?
        {
            return Ok(None);
        }
        let empty = Value::Object(Map::new());
        let properties = self.value(resource.get("Properties").unwrap_or(&empty), 0)?.unwrap_or(empty);
        if resource.get("Type").and_then(Value::as_str) == Some(ACTION_TYPE) {
            return convert::to_api(properties, &shape::CUSTOM_ACTION_TYPE, "").map(Some);
        }
        let mut input = convert::pipeline(properties)?;
        let pipeline = &mut input["pipeline"];
        if pipeline.get("name").is_none() {
            pipeline["name"] = Value::String(self.generated_name(name));
        }
        Ok(Some(input))
    }

    /// Evaluates a value: functions are replaced by what they give.
    pub(super) fn value(&self, value: &Value, depth: usize) -> Evaluated {
        if depth > DEEPEST {
            return Err("functions refer to one another in a circle".to_owned());
        }
        let depth = depth + 1;
        match value {
            Value::Object(members) => {
                if let Some((name, argument)) = function(members) {
                    return self.call(name, argument, depth);
                }
                let mut evaluated = Map::new();
                for (name, member) in members {
                    if let Some(member) = self.value(member, depth)? {
                        evaluated.insert(name.clone(), member);
                    }
                }
                Ok(Some(Value::Object(evaluated)))
            }
            Value::Array(items) => {
                let mut evaluated = Vec::new();
                for item in items {
                    evaluated.extend(self.value(item, depth)?);
                }
                Ok(Some(Value::Array(evaluated)))
            }
            scalar => Ok(Some(scalar.clone())),
        }
    }

    /// Whether a condition of the template holds.
    pub(super) fn condition(&self, name: &str, depth: usize) -> Result<bool, String> {
        let conditions = self.stack.document.get("Conditions");
        let Some(condition) = conditions.and_then(|all| all.get(name)) else {
            return Err(format!("the condition {name} is not declared"));
        };
        self.truth(condition, depth)
    }

    /// Whether a condition function holds.
    pub(super) fn truth(&self, condition: &Value, depth: usize) -> Result<bool, String> {
        match self.value(condition, depth)? {
            Some(Value::Bool(truth)) => Ok(truth),
            other => Err(format!("a condition gives {}, not true or false", other.unwrap_or_default())),
        }
    }

    /// The name that a resource without one is given.
    pub(super) fn generated_name(&self, resource: &str) -> String {
        format!("{}-{resource}", self.stack.name)
    }
}

/// An object with the one member `Ref`, `Condition` or `Fn::…` is a function.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    let is_function = name == "Ref" || name.starts_with("Fn::") || name == "Condition" && argument.is_string();
    is_function.then_some((name.as_str(), argument))
}
