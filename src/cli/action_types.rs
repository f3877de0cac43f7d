//! `bluestage actions`: registers, shows and deregisters the three custom action types.
//!
//! What is registered is exactly `pipeline-templates/custom-actions.yaml`, which is built into the program.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Trouble;
use crate::aws::action_types::{ActionTypeDefinition, VERSION};
use crate::aws::{self, ActionTypes, StateLocation};
use crate::ports::ActionKind;

/// The template that accounts deploy, so that both ways give the same action types.
const TEMPLATE: &str = include_str!("../../pipeline-templates/custom-actions.yaml");

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Register the three action types in this account and region; those that are there already stay as they are
    Register(RegisterFlags),
    /// Print which of the three are registered, as JSON
    Show,
    /// Deregister the three action types; pipelines that use them fail from then on
    Deregister,
}

#[derive(Args)]
pub(super) struct RegisterFlags {
    /// Where the workers keep the results of test runs: the console's link to a run leads there; without it there is none
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    state: Option<StateLocation>,
}

/// Does what the verb says.
pub(super) async fn run(verb: Verb) -> Result<(), Trouble> {
    let sdk = aws::configuration().await;
    let action_types = aws::action_types(&sdk);
    let mut out = std::io::stdout();
    match verb {
        Verb::Register(RegisterFlags { state }) => {
            let region = sdk.region().map_or("us-east-1", |region| region.as_ref());
            register(&action_types, &definitions(region, state.as_ref())?).await
        }
        Verb::Show => {
            let shown = action_types.show().await?;
            writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
            Ok(())
        }
        Verb::Deregister => {
            for action in ActionKind::ALL {
                action_types.deregister(action, VERSION).await?;
                writeln!(out, "{action} version {VERSION} is deregistered")?;
            }
            Ok(())
        }
    }
}

async fn register(action_types: &ActionTypes, definitions: &[ActionTypeDefinition]) -> Result<(), Trouble> {
    let there = action_types.show().await?;
    let mut out = std::io::stdout();
    for definition in definitions {
        let ActionTypeDefinition { provider, version, .. } = definition;
        let same = |other: &&ActionTypeDefinition| other.provider == *provider && other.version == *version;
        match there.iter().find(same) {
            None => {
                action_types.register(definition).await?;
                writeln!(out, "{provider} version {version} is registered")?;
            }
            Some(found) if found.properties == definition.properties => {
                writeln!(out, "{provider} version {version} was registered before")?;
            }
            Some(_) => {
                return Err(format!(
                    "{provider} version {version} is registered with other properties than this program's; a worker \
                     of the same release as the registered action types is needed, or a new version of them"
                )
                .into());
            }
        }
    }
    Ok(())
}

/// The definitions in the template, in CodePipeline's own form.
pub(super) fn definitions(region: &str, state: Option<&StateLocation>) -> Result<Vec<ActionTypeDefinition>, Trouble> {
    let template: serde_norway::Value = serde_norway::from_str(TEMPLATE)?;
    let given = Given {
        region,
        bucket: state.map_or("", StateLocation::bucket),
        prefix: state.map(|state| state.key("")).unwrap_or_default(),
    };
    let Value::Object(resources) = given.plain(&template["Resources"]) else {
        return Err("custom-actions.yaml has no resources".into());
    };
    let properties = resources.into_iter().map(|(_, mut resource)| resource["properties"].take());
    let mut definitions: Vec<ActionTypeDefinition> =
        properties.map(serde_json::from_value).collect::<Result<_, _>>()?;
    if state.is_none() {
        let tests = ActionKind::RunIsolatedTests.provider();
        for definition in definitions.iter_mut().filter(|definition| definition.provider == tests) {
            definition.settings.execution_url_template = None;
        }
    }
    Ok(definitions)
}

/// What stands in the template's `!Sub`, the one function that it uses.
struct Given<'a> {
    region: &'a str,
    bucket: &'a str,
    prefix: String,
}

impl Given<'_> {
    /// YAML as JSON, with CloudFormation's member names as CodePipeline writes them (`InputArtifactDetails` becomes
    /// `inputArtifactDetails`).
    fn plain(&self, yaml: &serde_norway::Value) -> Value {
        match yaml {
            serde_norway::Value::Null => Value::Null,
            serde_norway::Value::Bool(truth) => Value::Bool(*truth),
            serde_norway::Value::Number(number) => number.as_i64().map_or(Value::Null, Value::from),
            serde_norway::Value::String(text) => Value::String(text.clone()),
            serde_norway::Value::Sequence(items) => items.iter().map(|item| self.plain(item)).collect(),
            serde_norway::Value::Mapping(members) => Value::Object(self.members_of(members)),
            serde_norway::Value::Tagged(tagged) => match &tagged.value {
                serde_norway::Value::String(text) => Value::String(self.substituted(text)),
                other => self.plain(other),
            },
        }
    }

    fn substituted(&self, text: &str) -> String {
        let with_region = text.replace("${AWS::Region}", self.region);
        with_region.replace("${StateBucket}", self.bucket).replace("${StatePrefix}/", &self.prefix)
    }

    fn members_of(&self, members: &serde_norway::Mapping) -> Map<String, Value> {
        let named = members.iter().filter_map(|(name, value)| Some((name.as_str()?, value)));
        named.map(|(name, value)| (first_letter_small(name), self.plain(value))).collect()
    }
}

fn first_letter_small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_defines_the_three_actions_that_the_worker_serves() {
        let state: StateLocation = "s3://team-state/team".parse().unwrap();
        let definitions = definitions("eu-central-1", Some(&state)).unwrap();
        let providers: Vec<&str> = definitions.iter().map(|definition| definition.provider.as_str()).collect();
        assert_eq!(providers, ActionKind::ALL.map(ActionKind::provider));
        assert!(definitions.iter().all(|definition| definition.version == VERSION));
        let link = definitions[0].settings.execution_url_template.as_deref().unwrap();
        assert!(link.starts_with("https://eu-central-1.console.aws.amazon.com/"), "{link}");
        let report = definitions[1].settings.execution_url_template.as_deref().unwrap();
        let path = "s3/object/team-state?region=eu-central-1&prefix=team/runs/{Config:Stage}/{ExternalExecutionId}/report.html";
        assert_eq!(report, format!("https://eu-central-1.console.aws.amazon.com/{path}"));
    }

    #[test]
    fn without_a_place_for_state_there_is_no_link_to_a_report() {
        let definitions = definitions("eu-central-1", None).unwrap();
        assert_eq!(definitions[1].settings.execution_url_template, None);
        assert!(definitions[0].settings.execution_url_template.is_some());
    }
}
