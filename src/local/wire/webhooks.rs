//! PutWebhook, ListWebhooks, DeleteWebhook; and the registration with GitHub, which is refused.

use serde::Deserialize;
use serde_json::{Value, json};

use super::output::time;
use super::pages::{Page, page};
use super::{read, tags};
use crate::local::engine::{self, State, Turn, Webhook, WebhookDefinition};
use crate::local::error::{Answer, ErrorKind};

/// The largest page of ListWebhooks (API reference: 1 to 100).
const PAGE: usize = 100;
/// What is shown instead of a webhook's secret.
const MASK: &str = "****";

#[derive(Deserialize)]
struct Put {
    webhook: WebhookDefinition,
    #[serde(default)]
    tags: Value,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Registration {
    webhook_name: Option<String>,
}

/// This operation alone capitalises its members.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn put(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let new: Put = read(input)?;
    let name = new.webhook.name.clone();
    engine::put_webhook(state, (new.webhook, tags::of_input(new.tags)?), turn)?;
    Ok(json!({"webhook": state.webhooks.get(&name).map(|webhook| shown(webhook, turn))}))
}

pub(super) fn list(state: &mut State, input: Value, turn: &Turn<'_>) -> Answer<Value> {
    let asked: Listing = read(input)?;
    let asked = Page { next_token: asked.next_token, max_results: asked.max_results };
    let items = state.webhooks.iter().map(|(name, webhook)| (name.clone(), shown(webhook, turn)));
    let mut listed = page(items.collect(), &asked, ("webhooks", PAGE))?;
    listed["NextToken"] = listed["nextToken"].take();
    Ok(listed)
}

pub(super) fn delete(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    let named: Named = read(input)?;
    engine::delete_webhook(state, &named.name);
    Ok(json!({}))
}

pub(super) fn register(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    refuse(state, input)
}

pub(super) fn deregister(state: &mut State, input: Value, _: &Turn<'_>) -> Answer<Value> {
    refuse(state, input)
}

/// GitHub cannot reach a machine of one's own, and is not to be told of it.
fn refuse(state: &State, input: Value) -> Answer<Value> {
    let wanted: Registration = read(input)?;
    let name = wanted.webhook_name.unwrap_or_default();
    if !state.webhooks.contains_key(&name) {
        return Err(ErrorKind::WebhookNotFound.because(format!("There is no webhook '{name}'")));
    }
    let message = "The local CodePipeline does not register webhooks with third parties; post to the webhook's URL";
    Err(ErrorKind::Validation.because(message))
}

fn shown(webhook: &Webhook, turn: &Turn<'_>) -> Value {
    let mut definition = json!(webhook.definition);
    if webhook.definition.authentication_configuration.secret_token.is_some() {
        definition["authenticationConfiguration"]["SecretToken"] = json!(MASK);
    }
    let address = turn.address.map(|address| address.to_string()).unwrap_or_default();
    json!({
        "definition": definition,
        "url": format!("http://{address}/webhooks/{}", webhook.path),
        "lastTriggered": webhook.last_triggered.map(time),
        "arn": turn.settings.pipeline_arn(&format!("webhook:{}", webhook.definition.name)),
        "tags": webhook.tags.listed().into_iter().map(|(_, tag)| tag).collect::<Vec<_>>(),
    })
}
