//! The parameters of a stack action: from a configuration file, and overridden.

use serde_json::{Map, Value};

use super::{configured, files, misconfigured};
use crate::local::Local;
use crate::local::cloud::StackRequest;
use crate::local::engine::{Errand, Failed};

/// `ParameterOverrides` has at most this many bytes (action reference).
const LARGEST_OVERRIDES: usize = 1024;

/// What the action's configuration says about its stack.
pub(super) async fn request(local: &Local, errand: &Errand) -> Result<StackRequest, Failed> {
    let part = |name: &str| configured(errand, name).unwrap_or_default();
    let template = files::read(local, errand, part("TemplatePath")).await?;
    let file = match configured(errand, "TemplateConfiguration") {
        Some(place) => object(&files::read(local, errand, place).await?, "TemplateConfiguration")?,
        None => Map::new(),
    };
    let section = |name: &str| file.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut parameters = section("Parameters");
    let overrides = part("ParameterOverrides");
    if overrides.len() > LARGEST_OVERRIDES {
        let message =
            format!("ParameterOverrides has {} bytes; at most {LARGEST_OVERRIDES} are allowed", overrides.len());
        return Err(misconfigured(message));
    }
    if !overrides.is_empty() {
        for (name, value) in object(overrides, "ParameterOverrides")? {
            let value = resolved(local, errand, value).await?;
            parameters.insert(name, value);
        }
    }
    Ok(StackRequest {
        name: part("StackName").to_owned(),
        template,
        parameters: texts(parameters),
        tags: texts(section("Tags")),
        capabilities: part("Capabilities")
            .split(',')
            .map(str::trim)
            .filter(|c| !c.is_empty())
            .map(str::to_owned)
            .collect(),
        role: configured(errand, "RoleArn").map(str::to_owned),
        policy: file.get("StackPolicy").map(Value::to_string),
        token: errand.action.action.clone(),
    })
}

fn object(text: &str, what: &str) -> Result<Map<String, Value>, Failed> {
    serde_json::from_str(text).map_err(|error| misconfigured(format!("{what} is not a JSON object: {error}")))
}

fn texts(values: Map<String, Value>) -> Vec<(String, String)> {
    values.into_iter().map(|(name, value)| (name, text(&value))).collect()
}

/// A value as CloudFormation takes it; a list is separated by commas.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// A value with the functions of this action: of an artifact, or of a JSON file in one.
async fn resolved(local: &Local, errand: &Errand, value: Value) -> Result<Value, Failed> {
    let arguments = |function: &str| {
        let found = value.as_object().filter(|object| object.len() == 1)?.get(function)?.as_array()?;
        found.iter().map(|argument| argument.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    };
    if let Some(arguments) = arguments("Fn::GetArtifactAtt") {
        let [artifact, attribute] = &arguments[..] else {
            return Err(misconfigured("Fn::GetArtifactAtt takes an artifact and an attribute"));
        };
        let place = &files::input(errand, artifact)?.object;
        return match attribute.as_str() {
            "BucketName" => Ok(Value::String(place.bucket.clone())),
            "ObjectKey" => Ok(Value::String(place.key.clone())),
            "URL" => Ok(Value::String(format!("https://s3.amazonaws.com/{}/{}", place.bucket, place.key))),
            other => Err(misconfigured(format!("An artifact has no attribute {other}"))),
        };
    }
    if let Some(arguments) = arguments("Fn::GetParam") {
        let [artifact, file, key] = &arguments[..] else {
            return Err(misconfigured("Fn::GetParam takes an artifact, a file and a key"));
        };
        let content = object(&files::read_in(local, errand, (artifact, file)).await?, file)?;
        return content.get(key).cloned().ok_or_else(|| misconfigured(format!("The file '{file}' has no key '{key}'")));
    }
    Ok(value)
}
