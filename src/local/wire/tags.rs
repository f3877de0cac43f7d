//! TagResource, UntagResource, ListTagsForResource.

use serde::Deserialize;
use serde_json::{Value, json};

use super::pages::{Page, page};
use super::read;
use crate::local::definition::{ActionTypeId, Tag, Tags};
use crate::local::engine::{State, Turn};
use crate::local::error::{Answer, ErrorKind};

/// The largest page of ListTagsForResource (API reference: 1 to 100).
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tagging {
    resource_arn: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Untagging {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    resource_arn: String,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn add(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Tagging = read(input)?;
    find(state, &wanted.resource_arn, turn)?.add(wanted.tags)?;
    Ok(json!({}))
}

pub(super) fn remove(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Untagging = read(input)?;
    find(state, &wanted.resource_arn, turn)?.remove(&wanted.tag_keys);
    Ok(json!({}))
}

pub(super) fn list(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let wanted: Listing = read(input)?;
    let tags = find(state, &wanted.resource_arn, turn)?.listed();
    page(tags, &wanted.page, ("tags", PAGE))
}

/// The tags that come with the creation of something; none is fine.
pub(in crate::local) fn of_input(tags: Value) -> Answer<Tags> {
    let tags: Option<Vec<Tag>> = read(tags)?;
    Tags::try_from(tags.unwrap_or_default())
}

/// The tags of the resource that an ARN names.
fn find<'a>(state: &'a mut State, arn: &str, turn: &Turn<'_>) -> Answer<&'a mut Tags> {
    let start = turn.settings.pipeline_arn("");
    let Some(name) = arn.strip_prefix(&start) else {
        let message = format!("'{arn}' does not begin with '{start}': it is of another account or region");
        return Err(ErrorKind::InvalidArn.because(message));
    };
    let parts = name.split_once(':').map(|(kind, rest)| (kind, rest.split('/').collect::<Vec<_>>()));
    let found = match parts {
        None => state.pipelines.get_mut(name).map(|pipeline| &mut pipeline.definition.tags),
        Some(("webhook", _)) => {
            let name = name.trim_start_matches("webhook:");
            state.webhooks.get_mut(name).map(|webhook| &mut webhook.tags)
        }
        Some(("actiontype" | "actionType", parts)) if parts.len() == 4 => {
            let [owner, category, provider, version] = [parts[0], parts[1], parts[2], parts[3]].map(str::to_owned);
            state.types.tags_mut(&ActionTypeId { category, owner, provider, version })
        }
        Some(_) => None,
    };
    found.ok_or_else(|| ErrorKind::ResourceNotFound.because(format!("There is no resource '{arn}'")))
}
