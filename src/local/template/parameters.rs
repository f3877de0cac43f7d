//! The values of a template's parameters.

use std::collections::BTreeMap;

use serde_json::Value;

use super::LoadError;
use super::files::Stack;

/// The value of every declared parameter: given, or its default.
pub(super) fn values(stack: &Stack) -> Result<BTreeMap<String, Value>, LoadError> {
    let mut values = BTreeMap::new();
    let declared = stack.document.get("Parameters").and_then(Value::as_object);
    for (name, declaration) in declared.into_iter().flatten() {
        let given = stack.parameters.get(name).or_else(|| declaration.get("Default"));
        let Some(given) = given else {
            let message = format!(
                "the parameter {name} has no value and no default; give it with --parameter {name}=VALUE or in a \
                 stack deployment file"
            );
            return Err(LoadError::in_file(&stack.file, message));
        };
        let value = typed(given, declaration.get("Type").and_then(Value::as_str).unwrap_or("String"));
        check(name, &value, declaration).map_err(|message| LoadError::in_file(&stack.file, message))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Parameters are strings, or lists of strings.
fn typed(given: &Value, kind: &str) -> Value {
    let text = text(given);
    if kind == "CommaDelimitedList" || kind.starts_with("List<") {
        text.split(',').map(|item| Value::from(item.trim())).collect()
    } else {
        Value::String(text)
    }
}

fn check(name: &str, value: &Value, declaration: &Value) -> Result<(), String> {
    let kind = declaration.get("Type").and_then(Value::as_str);
    if let (Some("Number"), Value::String(text)) = (kind, value)
        && text.parse::<f64>().is_err()
    {
        return Err(format!("the parameter {name} is a Number, but its value is '{text}'"));
    }
    let Some(Value::Array(allowed)) = declaration.get("AllowedValues") else {
        return Ok(());
    };
    let allowed: Vec<String> = allowed.iter().map(text).collect();
    let given = value.as_array().map_or_else(|| vec![text(value)], |items| items.iter().map(text).collect());
    match given.iter().find(|item| !allowed.contains(item)) {
        Some(item) => Err(format!("the parameter {name} has the value '{item}'; allowed are {}", allowed.join(", "))),
        None => Ok(()),
    }
}

/// A scalar as CloudFormation writes it into a string; anything else as JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
