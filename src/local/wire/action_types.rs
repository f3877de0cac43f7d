//! CreateCustomActionType, DeleteCustomActionType, ListActionTypes.

use serde::Deserialize;
use serde_json::{Value, json};

use super::pages::{Page, page};
use super::read;
use crate::local::definition::{ActionType, ActionTypeId, ArtifactCount, Property, TypeSettings};
use crate::local::engine::{State, Turn};
use crate::local::error::Answer;

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
struct Listing {
    action_owner_filter: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn create(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let (action_type, tags) = from_input(input)?;
    state.types.register(action_type.clone())?;
    Ok(json!({"actionType": action_type, "tags": tags}))
}

/// The action type that an input of CreateCustomActionType describes, and its tags.
pub(in crate::local) fn from_input(input: Value) -> Answer<(ActionType, Value)> {
    let new: CustomActionType = read(input)?;
    let action_type = ActionType {
        id: custom(new.category, new.provider, new.version),
        settings: new.settings,
        action_configuration_properties: new.configuration_properties,
        input_artifact_details: new.input_artifact_details,
        output_artifact_details: new.output_artifact_details,
    };
    Ok((action_type, new.tags))
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
