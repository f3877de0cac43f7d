//! `#{namespace.Variable}`: resolved just before an action starts.

use std::collections::BTreeMap;

use super::execution::Execution;

/// The configuration of one action is at most 100 KB once its variables are resolved (AWS quotas page).
const LARGEST_CONFIGURATION: usize = 100 * 1024;

/// Resolves every value, or says which reference cannot be.
pub(super) fn resolve(
    configuration: &BTreeMap<String, String>,
    execution: &Execution,
) -> Result<BTreeMap<String, String>, String> {
    let look_up = |reference: &str| value_of(reference, execution);
    let mut resolved = BTreeMap::new();
    for (name, value) in configuration {
        let value = substitute(value, look_up).map_err(|reference| {
            format!(
                "The configuration property {name} refers to #{{{reference}}}, which no earlier action of this \
                 execution has produced; check the namespace and the variable's name"
            )
        })?;
        resolved.insert(name.clone(), value);
    }
    let size: usize = resolved.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > LARGEST_CONFIGURATION {
        return Err(format!(
            "The resolved configuration has {size} bytes; at most {LARGEST_CONFIGURATION} are allowed"
        ));
    }
    Ok(resolved)
}

fn value_of<'a>(reference: &str, execution: &'a Execution) -> Option<&'a str> {
    let (namespace, key) = reference.split_once('.')?;
    match namespace {
        "codepipeline" if key == "PipelineExecutionId" => Some(&execution.id),
        "variables" => execution.variables.get(key).map(String::as_str),
        _ => execution.outputs.get(namespace)?.get(key).map(String::as_str),
    }
}

/// Replaces each `#{…}` in `text`; the error is the reference that `look_up` does not know.
fn substitute<'a>(text: &str, look_up: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("#{") {
        result.push_str(before);
        let Some((reference, after)) = after.split_once('}') else {
            // Without an end it is no reference.
            result.push_str("#{");
            rest = after;
            continue;
        };
        result.push_str(look_up(reference).ok_or(reference)?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(reference: &str) -> Option<&'static str> {
        (reference == "build.Version").then_some("7")
    }

    #[test]
    fn references_are_replaced_wherever_they_stand() {
        assert_eq!(substitute("v#{build.Version}-#{build.Version}", world).unwrap(), "v7-7");
        assert_eq!(substitute("plain #x {y}", world).unwrap(), "plain #x {y}");
        assert_eq!(substitute("open #{build.Version", world).unwrap(), "open #{build.Version");
    }

    #[test]
    fn an_unknown_reference_is_named() {
        assert_eq!(substitute("#{build.Colour}", world).unwrap_err(), "build.Colour");
    }

    #[test]
    fn a_value_is_never_resolved_twice() {
        let tricky = |_: &str| Some("#{build.Version}");
        assert_eq!(substitute("#{a.b}", tricky).unwrap(), "#{build.Version}");
    }
}
