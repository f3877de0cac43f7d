//! Webhooks: somebody posts, a pipeline starts.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pipelines::not_found;
use super::state::{Gone, State};
use super::tracked::Tracked;
use super::{Turn, revisions};
use crate::local::definition::{ActionDeclaration, Tags};
use crate::local::error::{Answer, ErrorKind};

/// At most this many webhooks exist in a region (AWS quotas page).
const MOST_WEBHOOKS: usize = 300;

/// A webhook.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) definition: WebhookDefinition,
    /// The unguessable part of its address.
    pub(crate) path: String,
    pub(crate) tags: Tags,
    pub(crate) last_triggered: Option<SystemTime>,
}

/// What PutWebhook says. It cannot be printed: it holds a secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookDefinition {
    pub(crate) name: String,
    pub(crate) target_pipeline: String,
    pub(crate) target_action: String,
    pub(crate) filters: Vec<WebhookFilter>,
    pub(crate) authentication: String,
    pub(crate) authentication_configuration: Authentication,
}

/// What a caller's message must say.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookFilter {
    pub(crate) json_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) match_equals: Option<String>,
}

/// How a caller shows that it may call.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Authentication {
    #[serde(rename = "AllowedIPRange", skip_serializing_if = "Option::is_none")]
    pub(crate) allowed_ip_range: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_token: Option<String>,
}

/// PutWebhook: creates a webhook, or redefines it at the same address.
pub(crate) fn put_webhook(
    state: &mut State,
    (definition, tags): (WebhookDefinition, Tags),
    turn: &Turn<'_>,
) -> Answer<()> {
    check(state, &definition, turn)?;
    let name = definition.name.clone();
    if let Some(known) = state.webhooks.get_mut(&name) {
        known.definition = definition;
        return Ok(());
    }
    if state.webhooks.len() >= MOST_WEBHOOKS {
        return Err(ErrorKind::LimitExceeded.because(format!("There are {MOST_WEBHOOKS} webhooks already")));
    }
    let webhook = Webhook { definition, path: turn.dice.id(32), tags, last_triggered: None };
    state.webhooks.insert(name, Tracked::new(webhook));
    Ok(())
}

fn check(state: &State, new: &WebhookDefinition, turn: &Turn<'_>) -> Answer<()> {
    let pipeline = &new.target_pipeline;
    let Some(declaration) = state.pipelines.get(pipeline).map(super::Pipeline::declaration) else {
        return Err(not_found(pipeline, turn));
    };
    if !declaration.actions().any(|(_, a)| a.name == new.target_action && a.action_type_id.category == "Source") {
        let message = format!("Pipeline '{pipeline}' does not have a source action '{}'", new.target_action);
        return Err(ErrorKind::Validation.because(message));
    }
    let given = &new.authentication_configuration;
    let fits = match new.authentication.as_str() {
        "GITHUB_HMAC" => given.secret_token.is_some() && given.allowed_ip_range.is_none(),
        "IP" => given.allowed_ip_range.is_some() && given.secret_token.is_none(),
        _ => given.allowed_ip_range.is_none() && given.secret_token.is_none(),
    };
    if !fits {
        let message = "GITHUB_HMAC needs SecretToken, IP needs AllowedIPRange, UNAUTHENTICATED needs neither";
        return Err(ErrorKind::InvalidWebhookAuthenticationParameters.because(message));
    }
    match new.filters.iter().find(|filter| !filter.json_path.starts_with("$.")) {
        None => Ok(()),
        Some(filter) => {
            let message = format!("'{}' is not a path such as $.ref", filter.json_path);
            Err(ErrorKind::InvalidWebhookFilterPattern.because(message))
        }
    }
}

/// DeleteWebhook; deleting what does not exist is no error, as on AWS.
pub(crate) fn delete_webhook(state: &mut State, name: &str) {
    if state.webhooks.remove(name).is_some() {
        state.gone.push(Gone::Webhook(name.to_owned()));
    }
}

/// A message came in by a webhook whose caller may call. Whether it fits all filters, and so started the pipeline.
pub(crate) fn receive(state: &mut State, name: &str, message: &Value, turn: &Turn<'_>) -> bool {
    let Some(webhook) = state.webhooks.get(name) else {
        return false;
    };
    let (pipeline, action) = (webhook.definition.target_pipeline.clone(), &webhook.definition.target_action);
    let declaration = state.pipelines.get(&pipeline).map(super::Pipeline::declaration);
    let target = declaration.as_ref().and_then(|known| known.actions().find(|(_, a)| a.name == *action));
    let Some((_, target)) = target else {
        return false;
    };
    if !webhook.definition.filters.iter().all(|filter| fits(filter, message, target)) {
        return false;
    }
    if let Some(webhook) = state.webhooks.get_mut(name) {
        webhook.last_triggered = Some(turn.now);
    }
    revisions::begin(state, ("Webhook", &pipeline, name), turn);
    true
}

/// Whether a message has at the filter's path what the filter wants. `{Name}` in what it wants stands for the target
/// action's configuration.
fn fits(filter: &WebhookFilter, message: &Value, target: &ActionDeclaration) -> bool {
    let Some(found) = at_path(message, &filter.json_path) else {
        return false;
    };
    let Some(wanted) = &filter.match_equals else {
        return true;
    };
    let mut wanted = wanted.clone();
    for (name, value) in &target.configuration {
        wanted = wanted.replace(&format!("{{{name}}}"), value);
    }
    let said = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
    said == wanted
}

/// What is at a path such as `$.repository.name` or `$.commits[0].id`.
fn at_path<'a>(message: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = path.strip_prefix("$.")?.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(message, |at, step| match at {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step.trim_matches(['\'', '"'])),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_looks_at_its_path_and_knows_the_actions_configuration() {
        let mut target = ActionDeclaration::default();
        target.configuration.insert("Branch".to_owned(), "main".to_owned());
        let message = json!({"ref": "refs/heads/main", "commits": [{"id": 7}]});
        let filter = |path: &str, wanted: Option<&str>| WebhookFilter {
            json_path: path.to_owned(),
            match_equals: wanted.map(str::to_owned),
        };
        assert!(fits(&filter("$.ref", Some("refs/heads/{Branch}")), &message, &target));
        assert!(!fits(&filter("$.ref", Some("refs/heads/other")), &message, &target));
        assert!(fits(&filter("$.commits[0].id", Some("7")), &message, &target));
        assert!(fits(&filter("$.commits", None), &message, &target));
        assert!(!fits(&filter("$.absent", None), &message, &target));
    }
}
