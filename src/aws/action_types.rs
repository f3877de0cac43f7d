//! The custom action types that a pipeline's author sees: registered once per account and region.
//!
//! A definition is plain JSON in the form that `aws codepipeline create-custom-action-type --cli-input-json` reads, so
//! that the same file serves both tools. Nothing of the SDK shows in it.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::error::BuildError;
use aws_sdk_codepipeline::operation::create_custom_action_type::builders::CreateCustomActionTypeFluentBuilder;
use aws_sdk_codepipeline::types::{
    ActionCategory, ActionConfigurationProperty, ActionConfigurationPropertyType, ActionOwner, ActionType,
    ActionTypeId, ActionTypeSettings, ArtifactDetails,
};
use serde::{Deserialize, Serialize};

use super::fault::{self, fault};
use crate::ports::{ActionKind, Fault};

/// Every action type of ours has this version. A deregistered version can only come back with an identical definition
/// (CodePipeline API reference, `DeleteCustomActionType`), so a changed definition needs the next one.
pub const VERSION: &str = "1";

/// A custom action type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActionTypeDefinition {
    /// `Deploy` or `Test`.
    pub category: String,
    /// The provider's name, as a pipeline names it.
    pub provider: String,
    /// The version, as a pipeline names it.
    pub version: String,
    /// Where the console's links lead.
    #[serde(default)]
    pub settings: Links,
    /// The properties that a pipeline's author can set, at most 10.
    #[serde(rename = "configurationProperties")]
    pub properties: Vec<Property>,
    /// How many artifacts it reads.
    #[serde(rename = "inputArtifactDetails")]
    pub inputs: Counts,
    /// How many artifacts it writes.
    #[serde(rename = "outputArtifactDetails")]
    pub outputs: Counts,
}

/// Where the console's links lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Links {
    /// From the action to what it works on; `{Config:Stage}` stands for a property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_url_template: Option<String>,
    /// From an execution of it to its details; `{ExternalExecutionId}` stands for what the worker answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_url_template: Option<String>,
    /// To where its properties are explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_url_template: Option<String>,
    /// To where a third party's side of it is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party_configuration_url: Option<String>,
}

/// A property that a pipeline's author can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Whether it must be set.
    pub required: bool,
    /// Whether it identifies the action's configuration.
    pub key: bool,
    /// Whether its value is hidden everywhere but in a job.
    pub secret: bool,
    /// Whether workers can ask for jobs by its value.
    #[serde(default)]
    pub queryable: bool,
    /// What it is for, at most 160 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `String`, `Number` or `Boolean`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// How many artifacts an action may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// At least this many.
    #[serde(rename = "minimumCount")]
    pub least: i32,
    /// At most this many.
    #[serde(rename = "maximumCount")]
    pub most: i32,
}

/// Registers, shows and deregisters action types.
#[derive(Clone, Debug)]
pub struct ActionTypes(Client);

impl ActionTypes {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    /// Registers the action type in this account and region.
    ///
    /// # Errors
    /// When CodePipeline refuses it, or cannot be asked.
    pub async fn register(&self, definition: &ActionTypeDefinition) -> Result<(), Fault> {
        let doing = format!("register the action type {}", definition.provider);
        let request = filled(self.0.create_custom_action_type(), definition)
            .map_err(|bad| fault::rejected(doing.clone(), bad.to_string()))?;
        let answer = request.send().await;
        answer.map(drop).map_err(|error| fault(doing, &error))
    }

    /// Which of our action types are registered, in whatever version.
    ///
    /// # Errors
    /// When CodePipeline cannot be asked.
    pub async fn show(&self) -> Result<Vec<ActionTypeDefinition>, Fault> {
        let request = self.0.list_action_types();
        let mut pages = request.action_owner_filter(ActionOwner::Custom).into_paginator().send();
        let mut shown = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault("list the custom action types", &error))?;
            let all = page.action_types.into_iter();
            shown.extend(all.filter_map(definition).filter(is_ours));
        }
        Ok(shown)
    }

    /// Deregisters this version of the action type. Pipelines that still use it fail from then on.
    ///
    /// # Errors
    /// When CodePipeline refuses, or cannot be asked.
    pub async fn deregister(&self, action: ActionKind, version: &str) -> Result<(), Fault> {
        let request = self.0.delete_custom_action_type();
        let answer = request.category(category(action)).provider(action.provider()).version(version).send().await;
        answer.map(drop).map_err(|error| {
            let doing = format!("deregister the action type {action} version {version}");
            fault(doing, &error)
        })
    }
}

/// The id under which pipelines and workers name this action.
pub(super) fn id_of(action: ActionKind) -> Result<ActionTypeId, BuildError> {
    ActionTypeId::builder()
        .owner(ActionOwner::Custom)
        .category(category(action))
        .provider(action.provider())
        .version(VERSION)
        .build()
}

fn category(action: ActionKind) -> ActionCategory {
    match action {
        ActionKind::DeployBlue | ActionKind::Promote => ActionCategory::Deploy,
        ActionKind::RunIsolatedTests => ActionCategory::Test,
    }
}

fn is_ours(shown: &ActionTypeDefinition) -> bool {
    ActionKind::ALL.iter().any(|action| action.provider() == shown.provider)
}

fn filled(
    request: CreateCustomActionTypeFluentBuilder,
    definition: &ActionTypeDefinition,
) -> Result<CreateCustomActionTypeFluentBuilder, BuildError> {
    let links = &definition.settings;
    let settings = ActionTypeSettings::builder()
        .set_entity_url_template(links.entity_url_template.clone())
        .set_execution_url_template(links.execution_url_template.clone())
        .set_revision_url_template(links.revision_url_template.clone())
        .set_third_party_configuration_url(links.third_party_configuration_url.clone())
        .build();
    let properties: Result<Vec<_>, _> = definition.properties.iter().map(property).collect();
    Ok(request
        .category(definition.category.as_str().into())
        .provider(&definition.provider)
        .version(&definition.version)
        .set_settings((*links != Links::default()).then_some(settings))
        .set_configuration_properties(Some(properties?))
        .input_artifact_details(counts(definition.inputs))
        .output_artifact_details(counts(definition.outputs)))
}

fn counts(counts: Counts) -> ArtifactDetails {
    ArtifactDetails::builder().minimum_count(counts.least).maximum_count(counts.most).build()
}

fn property(property: &Property) -> Result<ActionConfigurationProperty, BuildError> {
    let kind = property.kind.as_deref();
    ActionConfigurationProperty::builder()
        .name(&property.name)
        .required(property.required)
        .key(property.key)
        .secret(property.secret)
        .queryable(property.queryable)
        .set_description(property.description.clone())
        .set_type(kind.map(ActionConfigurationPropertyType::from))
        .build()
}

/// What the service tells of an action type; none when it does not even tell its name.
fn definition(told: ActionType) -> Option<ActionTypeDefinition> {
    let id = told.id?;
    let settings = told.settings.map_or_else(Links::default, |settings| Links {
        entity_url_template: settings.entity_url_template,
        execution_url_template: settings.execution_url_template,
        revision_url_template: settings.revision_url_template,
        third_party_configuration_url: settings.third_party_configuration_url,
    });
    let properties = told.action_configuration_properties.unwrap_or_default();
    let counted = |details: Option<ArtifactDetails>| Counts {
        least: details.as_ref().map_or(0, |counts| counts.minimum_count),
        most: details.as_ref().map_or(0, |counts| counts.maximum_count),
    };
    Some(ActionTypeDefinition {
        category: id.category.as_str().to_owned(),
        provider: id.provider,
        version: id.version,
        settings,
        properties: properties.into_iter().map(told_property).collect(),
        inputs: counted(told.input_artifact_details),
        outputs: counted(told.output_artifact_details),
    })
}

fn told_property(told: ActionConfigurationProperty) -> Property {
    Property {
        kind: told.r#type.map(|kind| kind.as_str().to_owned()),
        name: told.name,
        required: told.required,
        key: told.key,
        secret: told.secret,
        queryable: told.queryable,
        description: told.description,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_codepipeline::config::{BehaviorVersion, Config};

    use super::*;

    const DEPLOY_BLUE: &str = r#"{
        "category": "Deploy", "provider": "DeployBlue", "version": "1",
        "settings": {"executionUrlTemplate": "https://example.com/{ExternalExecutionId}"},
        "configurationProperties": [
            {"name": "Stage", "required": true, "key": true, "secret": false, "description": "Where", "type": "String"}
        ],
        "inputArtifactDetails": {"minimumCount": 1, "maximumCount": 5},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 0}
    }"#;

    #[test]
    fn what_is_registered_is_what_is_shown() {
        let wanted: ActionTypeDefinition = serde_json::from_str(DEPLOY_BLUE).unwrap();
        let config = Config::builder().behavior_version(BehaviorVersion::latest());
        let client = Client::from_conf(config.build());
        let request = filled(client.create_custom_action_type(), &wanted).unwrap();
        let sent = request.as_input().clone().build().unwrap();
        let told = ActionType::builder()
            .id(id_of(ActionKind::DeployBlue).unwrap())
            .set_settings(sent.settings)
            .set_action_configuration_properties(sent.configuration_properties)
            .set_input_artifact_details(sent.input_artifact_details)
            .set_output_artifact_details(sent.output_artifact_details)
            .build();
        assert_eq!(definition(told), Some(wanted));
    }

    #[test]
    fn a_misspelt_member_is_refused() {
        let bad = DEPLOY_BLUE.replace("secret", "secrets");
        assert!(serde_json::from_str::<ActionTypeDefinition>(&bad).is_err());
    }

    #[test]
    fn each_action_has_the_category_that_pipelines_name() {
        let categories = ActionKind::ALL.map(|action| category(action).as_str().to_owned());
        assert_eq!(categories, ["Deploy", "Test", "Deploy"]);
    }
}
