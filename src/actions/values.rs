//! The little language of parameter values: plain text, or one of four functions.
//!
//! Two are the native CloudFormation action's (`Fn::GetArtifactAtt`, `Fn::GetParam`; CodePipeline user guide, "Using
//! parameter override functions"), two are ours (`Fn::GetLive`, `Fn::GetBlue`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::properties::{ArtifactPath, PropertyError, artifact_path};
use crate::release::ServiceName;

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Plain text.
    Text(String),
    /// Where an input artifact is: `{"Fn::GetArtifactAtt": [artifact, attribute]}`.
    ArtifactAtt {
        /// The artifact's name.
        artifact: String,
        /// What of it.
        attribute: ArtifactAttribute,
    },
    /// A member of a JSON file in an input artifact: `{"Fn::GetParam": [artifact, file, key]}`.
    Param {
        /// The file.
        file: ArtifactPath,
        /// The member's name.
        key: String,
    },
    /// An output of the version of another service in the view: `{"Fn::GetLive": [service, output]}`.
    Live {
        /// The service.
        service: ServiceName,
        /// The output.
        output: String,
    },
    /// Something of the blue version itself: `{"Fn::GetBlue": what}`.
    Blue(String),
}

/// What `Fn::GetArtifactAtt` can tell of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArtifactAttribute {
    /// The bucket's name.
    BucketName,
    /// The object's key.
    ObjectKey,
    /// The object's address.
    Url,
}

/// A JSON object from names to values: template parameters.
pub(super) fn parse_parameters(property: &str, text: &str) -> Result<BTreeMap<String, Value>, PropertyError> {
    let json: Json = serde_json::from_str(text).map_err(|error| not_json(property, &error))?;
    let Json::Object(members) = json else {
        return Err(PropertyError::new(property, "must be a JSON object from parameter names to values"));
    };
    members.into_iter().map(|(name, value)| Ok((name.clone(), parse_value(property, &name, value)?))).collect()
}

/// A variable that the pipeline's author gives the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) secrecy: Secrecy,
}

/// What a variable's value is, and who may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// The value, for everybody.
    Plain,
    /// The value, hidden in everything that is kept of the run.
    Hidden,
    /// The name of a parameter of Systems Manager.
    Parameter,
    /// The name of a secret of Secrets Manager.
    Secret,
}

/// A JSON array of `{"name", "value", "type"}`, as the `CodeBuild` action has it: environment variables.
pub(super) fn parse_environment(property: &str, text: &str) -> Result<Vec<Variable>, PropertyError> {
    let json: Json = serde_json::from_str(text).map_err(|error| not_json(property, &error))?;
    let Json::Array(entries) = json else {
        return Err(PropertyError::new(property, "must be a JSON array of {\"name\", \"value\"} objects"));
    };
    entries.into_iter().map(|entry| parse_variable(property, entry)).collect()
}

fn parse_variable(property: &str, entry: Json) -> Result<Variable, PropertyError> {
    let wrong = |why: String| PropertyError::new(property, why);
    let Json::Object(mut entry) = entry else {
        return Err(wrong(format!("holds {entry}, but each entry must be an object with a name and a value")));
    };
    let Some(Json::String(name)) = entry.remove("name") else {
        return Err(wrong("has an entry without a name".to_owned()));
    };
    if !is_variable_name(&name) {
        let why = format!("names a variable \"{name}\", but a name has only letters, digits and _, no digit first");
        return Err(wrong(why));
    }
    if name.starts_with("BLUESTAGE_") {
        return Err(wrong(format!("sets {name}, but names that start with BLUESTAGE_ are bluestage's own")));
    }
    let value = entry.remove("value").ok_or_else(|| wrong(format!("gives {name} no value")))?;
    let kind = entry.remove("type").unwrap_or_else(|| "PLAINTEXT".into());
    let secrecy = parse_secrecy(&kind).ok_or_else(|| {
        let known = "PLAINTEXT, SECRET, PARAMETER_STORE and SECRETS_MANAGER";
        wrong(format!("gives {name} the type {kind}, but the types are {known}"))
    })?;
    if let Some(unknown) = entry.keys().next() {
        return Err(wrong(format!("gives {name} a member \"{unknown}\", but knows only name, value and type")));
    }
    Ok(Variable { value: parse_value(property, &name, value)?, name, secrecy })
}

fn parse_secrecy(kind: &Json) -> Option<Secrecy> {
    match kind.as_str()? {
        "PLAINTEXT" => Some(Secrecy::Plain),
        "SECRET" => Some(Secrecy::Hidden),
        "PARAMETER_STORE" => Some(Secrecy::Parameter),
        "SECRETS_MANAGER" => Some(Secrecy::Secret),
        _ => None,
    }
}

fn parse_value(property: &str, name: &str, json: Json) -> Result<Value, PropertyError> {
    match json {
        Json::String(text) => Ok(Value::Text(text)),
        Json::Number(number) => Ok(Value::Text(number.to_string())),
        Json::Bool(truth) => Ok(Value::Text(truth.to_string())),
        Json::Object(function) => parse_function(property, name, function),
        Json::Array(_) | Json::Null => {
            Err(PropertyError::new(property, format!("gives {name} a value that is neither text nor a function")))
        }
    }
}

fn parse_function(property: &str, name: &str, function: Map<String, Json>) -> Result<Value, PropertyError> {
    let wrong = |form: &str| PropertyError::new(property, format!("gives {name} a function that is not {form}"));
    let mut members = function.into_iter();
    let (Some((called, argument)), None) = (members.next(), members.next()) else {
        return Err(wrong("an object with exactly one member"));
    };
    let arguments = texts(&argument);
    match (called.as_str(), arguments.as_slice()) {
        ("Fn::GetArtifactAtt", [artifact, attribute]) => Ok(Value::ArtifactAtt {
            artifact: artifact.clone(),
            attribute: parse_attribute(attribute)
                .ok_or_else(|| wrong("Fn::GetArtifactAtt with BucketName, ObjectKey or URL"))?,
        }),
        ("Fn::GetParam", [artifact, file, key]) => {
            Ok(Value::Param { file: artifact_path(property, &format!("{artifact}::{file}"))?, key: key.clone() })
        }
        ("Fn::GetLive", [service, output]) => Ok(Value::Live {
            service: service.parse().map_err(|error| PropertyError::new(property, format!("is wrong: {error}")))?,
            output: output.clone(),
        }),
        ("Fn::GetBlue", [what]) => Ok(Value::Blue(what.clone())),
        ("Fn::GetArtifactAtt", _) => Err(wrong("Fn::GetArtifactAtt with [artifact, attribute]")),
        ("Fn::GetParam", _) => Err(wrong("Fn::GetParam with [artifact, file, key]")),
        ("Fn::GetLive", _) => Err(wrong("Fn::GetLive with [service, output]")),
        ("Fn::GetBlue", _) => Err(wrong("Fn::GetBlue with one text")),
        _ => Err(wrong("Fn::GetArtifactAtt, Fn::GetParam, Fn::GetLive or Fn::GetBlue")),
    }
}

/// The arguments of a function: one text, or an array of texts. Anything else is no arguments.
fn texts(argument: &Json) -> Vec<String> {
    let one = |json: &Json| json.as_str().map(str::to_owned);
    match argument {
        Json::Array(many) => many.iter().map(one).collect::<Option<_>>().unwrap_or_default(),
        other => one(other).into_iter().collect(),
    }
}

fn parse_attribute(name: &str) -> Option<ArtifactAttribute> {
    match name {
        "BucketName" => Some(ArtifactAttribute::BucketName),
        "ObjectKey" => Some(ArtifactAttribute::ObjectKey),
        "URL" => Some(ArtifactAttribute::Url),
        _ => None,
    }
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn not_json(property: &str, error: &serde_json::Error) -> PropertyError {
    PropertyError::new(property, format!("is not JSON: {error}"))
}

/// The outputs of other services that these values need.
pub(super) fn wired_to<'a>(values: impl Iterator<Item = &'a Value>) -> BTreeMap<ServiceName, BTreeSet<String>> {
    let mut wired: BTreeMap<ServiceName, BTreeSet<String>> = BTreeMap::new();
    for value in values {
        if let Value::Live { service, output } = value {
            wired.entry(service.clone()).or_default().insert(output.clone());
        }
    }
    wired
}
