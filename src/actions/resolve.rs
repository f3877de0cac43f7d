//! Gives the values of the parameter language their text.

use super::properties::PropertyError;
use super::stop::Stop;
use super::values::{ArtifactAttribute, Value};
use super::workspace::Workspace;
use crate::ports::Artifact;
use crate::release::{Outputs, ServiceName, Stage, Version};

/// Where values come from. What it tells of other services is what the version was wired to, or has in its view, when
/// it began; never what is live by now.
pub(super) struct Sources<'a> {
    /// The property that the values belong to, for messages.
    pub(super) property: &'static str,
    /// The stage that the version is in.
    pub(super) stage: &'a Stage,
    /// The version.
    pub(super) version: &'a Version,
}

impl Sources<'_> {
    /// The text of `value`, which was given to `name`.
    pub(super) async fn text(&self, workspace: &mut Workspace<'_>, name: &str, value: &Value) -> Result<String, Stop> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            Value::ArtifactAtt { artifact, attribute } => {
                Ok(attribute_of(workspace.artifact(self.property, artifact)?, *attribute))
            }
            Value::Param { file, key } => {
                let members = workspace.json(self.property, file).await?;
                let found = members.get(key).and_then(plain);
                let file = file.path.display();
                Ok(found
                    .ok_or_else(|| self.wrong(format!("gives {name} the member {key} of {file}, which has none")))?)
            }
            Value::Live { service, output } => Ok(self.live(service, output)?),
            Value::Blue(what) => Ok(self.blue(name, what)?),
        }
    }

    fn live(&self, service: &ServiceName, output: &str) -> Result<String, PropertyError> {
        let wired = self.version.wiring.get(service).and_then(|wire| wire.outputs.get(output));
        if let Some(value) = wired {
            return Ok(value.clone());
        }
        let in_view = self.outputs_in_view(service).ok_or_else(|| {
            self.wrong(format!(
                "asks for an output of {service}, which is not in the view of {}; name it in DependsOn of DeployBlue",
                self.version.id
            ))
        })?;
        in_view.get(output).cloned().ok_or_else(|| {
            let there: Vec<&str> = in_view.keys().map(String::as_str).collect();
            self.wrong(format!("asks for the output {output} of {service}, which has {}", there.join(", ")))
        })
    }

    fn outputs_in_view(&self, service: &ServiceName) -> Option<&Outputs> {
        let id = self.version.view.get(service)?;
        Some(&self.stage.services.get(service)?.versions.get(id)?.outputs)
    }

    fn blue(&self, name: &str, what: &str) -> Result<String, PropertyError> {
        match what {
            "Version" => Ok(self.version.id.to_string()),
            "StackName" => Ok(self.version.stack.name.clone()),
            output => self.version.outputs.get(output).cloned().ok_or_else(|| {
                let mut there = vec!["Version", "StackName"];
                there.extend(self.version.outputs.keys().map(String::as_str));
                let there = there.join(", ");
                self.wrong(format!("gives {name} Fn::GetBlue with {output}, but here it can be {there}"))
            }),
        }
    }

    fn wrong(&self, why: String) -> PropertyError {
        PropertyError::new(self.property, why)
    }
}

fn attribute_of(artifact: &Artifact, attribute: ArtifactAttribute) -> String {
    match attribute {
        ArtifactAttribute::BucketName => artifact.bucket.clone(),
        ArtifactAttribute::ObjectKey => artifact.key.clone(),
        ArtifactAttribute::Url => format!("https://{}.s3.amazonaws.com/{}", artifact.bucket, artifact.key),
    }
}

/// Text, a number or a truth value as text.
pub(super) fn plain(json: &serde_json::Value) -> Option<String> {
    match json {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}
