//! CreateCustomActionType, DeleteCustomActionType, ListActionTypes, GetActionType, UpdateActionType.

use serde::Deserialize;
use serde_json::{Value, json};

use super::pages::{Page, page};
use super::{read, tags};
use crate::local::definition::{
    ActionType, ActionTypeId, ArtifactCount, Property, Provider, Tags, ThirdPartyType, TypeSettings,
};
use crate::local::engine::{State, Turn};
use crate::local::error::{Answer, ErrorKind};

/// How many action types one page shows. AWS does not say; all that can exist fit here.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CustomActionType {
    category: String,
    provider: String,
    version: String,
    #[serde(default)]
    settings: TypeSettings,
    #[serde(default)]
    configuration_properties: Vec<Property>,
    input_artifact_details: ArtifactCount,
    output_artifact_details: ArtifactCount,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
struct Named {
    category: String,
    provider: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    action_type: Value,
}

/// What the local CodePipeline does with the declaration of a third party's action type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    id: ActionTypeId,
    executor: Executor,
    input_artifact_details: ArtifactCount,
    output_artifact_details: ArtifactCount,
    #[serde(default)]
    properties: Vec<DeclaredProperty>,
    #[serde(default)]
    urls: Urls,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executor {
    r#type: String,
    job_timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeclaredProperty {
    name: String,
    optional: bool,
    key: bool,
    no_echo: bool,
    #[serde(default)]
    queryable: bool,
    description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Urls {
    configuration_url: Option<String>,
    entity_url_template: Option<String>,
    execution_url_template: Option<String>,
    revision_url_template: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    action_owner_filter: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn create(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let (action_type, tags) = from_input(input)?;
    let listed: Vec<Value> = tags.listed().into_iter().map(|(_, tag)| tag).collect();
    state.types.register(action_type.clone(), tags)?;
    Ok(json!({"actionType": action_type, "tags": listed}))
}

/// The action type that an input of CreateCustomActionType describes, and its tags.
pub(in crate::local) fn from_input(input: Value) -> Answer<(ActionType, Tags)> {
    let new: CustomActionType = read(input)?;
    let action_type = ActionType {
        id: custom(new.category, new.provider, new.version),
        settings: new.settings,
        action_configuration_properties: new.configuration_properties,
        input_artifact_details: new.input_artifact_details,
        output_artifact_details: new.output_artifact_details,
    };
    Ok((action_type, tags::of_input(new.tags)?))
}

pub(super) fn delete(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let named: Named = read(input)?;
    state.types.delete(&custom(named.category, named.provider, named.version));
    Ok(json!({}))
}

pub(super) fn list(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let listing: Listing = read(input)?;
    let owner = listing.action_owner_filter;
    let wanted = |known: &&ActionType| owner.as_ref().is_none_or(|owner| known.id.owner == *owner);
    let items = state.types.all().filter(wanted).map(|known| (known.id.to_string(), json!(known)));
    page(items.collect(), &listing.page, ("actionTypes", PAGE))
}

fn custom(category: String, provider: String, version: String) -> ActionTypeId {
    ActionTypeId { category, owner: "Custom".to_owned(), provider, version }
}

pub(super) fn read_one(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let id: ActionTypeId = read(input)?;
    if let Some(declared) = state.types.third_party(&id) {
        return Ok(json!({"actionType": declared.declaration}));
    }
    let Some(known) = state.types.find(&id) else {
        return Err(ErrorKind::ActionTypeNotFound.because(format!("{id} is not available")));
    };
    Ok(json!({"actionType": built_in(known)}))
}

/// An action type that is built in, in the form of GetActionType.
fn built_in(known: &ActionType) -> Value {
    let properties = known.action_configuration_properties.iter();
    let properties: Vec<Value> = properties
        .map(|p| json!({"name": p.name, "optional": !p.required, "key": p.key, "noEcho": p.secret, "queryable": false}))
        .collect();
    json!({
        "description": format!("{} of {}", known.id.provider, known.id.owner),
        "executor": {
            "type": "JobWorker",
            "configuration": {"jobWorkerExecutorConfiguration": {
                "pollingServicePrincipals": ["codepipeline.amazonaws.com"],
            }},
        },
        "id": known.id,
        "inputArtifactDetails": known.input_artifact_details,
        "outputArtifactDetails": known.output_artifact_details,
        "permissions": {"allowedAccounts": ["*"]},
        "properties": properties,
        "urls": {},
    })
}

/// AWS updates what it has onboarded; nobody onboards here, so that the first update declares the action type.
pub(super) fn update(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let update: Update = read(input)?;
    let declared: Declared = read(update.action_type.clone())?;
    if declared.id.owner != "ThirdParty" || Provider::of(&declared.id).is_some() {
        let message = format!("{} is built in and cannot be updated", declared.id);
        return Err(ErrorKind::RequestFailed.because(message));
    }
    if declared.executor.r#type != "JobWorker" {
        let message = "The local CodePipeline supports the executor JobWorker only";
        return Err(ErrorKind::RequestFailed.because(message));
    }
    state.types.declare(ThirdPartyType {
        declaration: update.action_type,
        job_timeout: declared.executor.job_timeout,
        action_type: declared.action_type(),
    })?;
    Ok(json!({}))
}

impl Declared {
    fn action_type(self) -> ActionType {
        let properties = self.properties.into_iter().map(|property| Property {
            name: property.name,
            required: !property.optional,
            key: property.key,
            secret: property.no_echo,
            queryable: property.queryable,
            description: property.description,
            kind: None,
        });
        ActionType {
            id: self.id,
            settings: TypeSettings {
                third_party_configuration_url: self.urls.configuration_url,
                entity_url_template: self.urls.entity_url_template,
                execution_url_template: self.urls.execution_url_template,
                revision_url_template: self.urls.revision_url_template,
            },
            action_configuration_properties: properties.collect(),
            input_artifact_details: self.input_artifact_details,
            output_artifact_details: self.output_artifact_details,
        }
    }
}
