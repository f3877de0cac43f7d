//! Secret configuration values: shown as asterisks everywhere but in jobs.

use std::collections::BTreeMap;

use super::{ActionDeclaration, PipelineDeclaration, RegisteredTypes};
use crate::local::error::{Answer, ErrorKind};

/// What is shown instead of a secret. Its length tells nothing about the secret's.
const MASK: &str = "****";

/// The declaration with its secrets masked.
pub(crate) fn mask(pipeline: &PipelineDeclaration, types: &RegisteredTypes) -> PipelineDeclaration {
    let mut masked = pipeline.clone();
    for action in masked.stages.iter_mut().flat_map(|stage| &mut stage.actions) {
        action.configuration = masked_configuration(action, &action.configuration, types);
    }
    masked
}

/// `configuration` of `action`, as written or as resolved, with its secrets masked.
pub(crate) fn masked_configuration(
    action: &ActionDeclaration,
    configuration: &BTreeMap<String, String>,
    types: &RegisteredTypes,
) -> BTreeMap<String, String> {
    // The properties of a deleted type are no longer known; then everything is treated as secret.
    let known = types.find(&action.action_type_id);
    let secret = |name: &str| known.is_none_or(|t| t.property(name).is_some_and(|p| p.secret));
    configuration
        .iter()
        .map(|(name, value)| {
            let shown = if secret(name) { MASK } else { value };
            (name.clone(), shown.to_owned())
        })
        .collect()
}

/// Puts the known secrets back where an updated declaration repeats the mask. As on AWS that only works for an
/// action in which nothing else changes: otherwise a secret could be sent to where its owner never put it.
pub(crate) fn restore(new: &mut PipelineDeclaration, old: &PipelineDeclaration, types: &RegisteredTypes) -> Answer<()> {
    for (stage, action) in new.stages.iter_mut().flat_map(|s| {
        let name = s.name.clone();
        s.actions.iter_mut().map(move |a| (name.clone(), a))
    }) {
        let Some(known) = types.find(&action.action_type_id) else {
            continue;
        };
        let masked =
            |(name, value): (&String, &String)| value == MASK && known.property(name).is_some_and(|p| p.secret);
        if !action.configuration.iter().any(masked) {
            continue;
        }
        let before = old.actions().find(|(s, a)| s.name == stage && a.name == action.name);
        match before {
            Some((_, before)) if unchanged_but_masked(action, before, types) => *action = before.clone(),
            _ => {
                let message = format!(
                    "Action '{}' repeats a masked secret but is new or changed; give the secret value again",
                    action.name
                );
                return Err(ErrorKind::InvalidActionDeclaration.because(message));
            }
        }
    }
    Ok(())
}

fn unchanged_but_masked(new: &ActionDeclaration, before: &ActionDeclaration, types: &RegisteredTypes) -> bool {
    let hide = |action: &ActionDeclaration| ActionDeclaration {
        configuration: masked_configuration(action, &action.configuration, types),
        ..action.clone()
    };
    hide(new) == hide(before)
}
