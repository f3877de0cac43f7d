//! What a blue stack is made from: the template and its parameters, as the artifact and the properties give them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::properties::{DeployBlue, PropertyError};
use super::resolve::plain;
use super::stop::Stop;
use super::values::Value;
use super::workspace::Workspace;
use crate::ports::{Declared, Ports};

/// The parameter by which a template's author hangs event subscriptions and costly resources on being live.
pub(super) const GREEN_DEPLOYMENT: &str = "GreenDeployment";

/// What a blue stack is made from, before anything is resolved.
pub(super) struct Ingredients {
    /// The template's text.
    pub(super) template: String,
    /// Whether the template declares `GreenDeployment`.
    pub(super) declares_green: bool,
    /// SHA-256 of the template, in hex.
    pub(super) digest: String,
    /// Parameter name to value: the configuration file's, overridden by the property's.
    pub(super) parameters: BTreeMap<String, Value>,
    /// The configuration file's tags.
    pub(super) tags: BTreeMap<String, String>,
}

/// Reads template and configuration, and checks the parameters against what the template declares.
pub(super) async fn gather(
    ports: &Ports,
    workspace: &mut Workspace<'_>,
    properties: &DeployBlue,
) -> Result<Ingredients, Stop> {
    let template = workspace.text("TemplatePath", &properties.template).await?;
    let configuration = match &properties.configuration {
        Some(file) => workspace.json("TemplateConfiguration", file).await?,
        None => Map::new(),
    };
    let (mut parameters, tags) = parse_configuration(configuration)?;
    parameters.extend(properties.overrides.clone());
    let declared = ports.stacks.declared(&template).await?;
    check(&declared, &parameters)?;
    let declares_green = declared.parameters.contains_key(GREEN_DEPLOYMENT);
    if declares_green {
        parameters.insert(GREEN_DEPLOYMENT.to_owned(), Value::Text("false".to_owned()));
    }
    Ok(Ingredients { digest: digest(&template), template, declares_green, parameters, tags })
}

pub(super) type Configuration = (BTreeMap<String, Value>, BTreeMap<String, String>);

/// The native action's configuration file: `Parameters`, `Tags`, `StackPolicy`.
pub(super) fn parse_configuration(members: Map<String, Json>) -> Result<Configuration, PropertyError> {
    let wrong = |why: String| PropertyError::new("TemplateConfiguration", why);
    let (mut parameters, mut tags) = (BTreeMap::new(), BTreeMap::new());
    for (member, value) in members {
        match member.as_str() {
            "Parameters" => {
                for (name, text) in texts(&member, value)? {
                    parameters.insert(name, Value::Text(text));
                }
            }
            "Tags" => tags.extend(texts(&member, value)?),
            "StackPolicy" => {
                let why = "holds a StackPolicy, but the stack of a version is never updated; leave it out";
                return Err(wrong(why.to_owned()));
            }
            other => {
                return Err(wrong(format!("holds {other}, but knows only Parameters and Tags")));
            }
        }
    }
    if let Some(ours) = tags.keys().find(|name| name.starts_with("bluestage:")) {
        return Err(wrong(format!("sets the tag {ours}, but tags that start with bluestage: are bluestage's own")));
    }
    Ok((parameters, tags))
}

fn texts(member: &str, value: Json) -> Result<Vec<(String, String)>, PropertyError> {
    let wrong = |why: String| PropertyError::new("TemplateConfiguration", why);
    let Json::Object(entries) = value else {
        return Err(wrong(format!("holds {member} that is not an object from names to texts")));
    };
    let one = |(name, value): (String, Json)| match plain(&value) {
        Some(text) => Ok((name, text)),
        None => Err(wrong(format!("gives {name} in {member} a value that is not text"))),
    };
    entries.into_iter().map(one).collect()
}

/// Every parameter that is given is declared, and every one that has no default is given.
fn check(declared: &Declared, given: &BTreeMap<String, Value>) -> Result<(), PropertyError> {
    let wrong = |why: String| Err(PropertyError::new("ParameterOverrides", why));
    if given.contains_key(GREEN_DEPLOYMENT) {
        return wrong(format!(
            "gives {GREEN_DEPLOYMENT} a value, but bluestage itself sets it: false for blue, true for live"
        ));
    }
    if let Some(unknown) = given.keys().find(|name| !declared.parameters.contains_key(*name)) {
        let known: Vec<&str> = declared.parameters.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return wrong(format!("gives the parameter {unknown}, but the template declares {known}"));
    }
    let without_default = declared.parameters.iter().filter(|(_, has_default)| !**has_default);
    let missing: Vec<&str> = without_default
        .map(|(name, _)| name.as_str())
        .filter(|name| !given.contains_key(*name) && *name != GREEN_DEPLOYMENT)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    wrong(format!("gives no value to {}, and the template has no default for it", missing.join(", ")))
}

/// SHA-256 of a template, in hex.
pub(super) fn digest(template: &str) -> String {
    Sha256::digest(template.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configuration(json: Json) -> Result<Configuration, PropertyError> {
        let Json::Object(members) = json else {
            panic!("a configuration is an object");
        };
        parse_configuration(members)
    }

    fn declared(parameters: &[(&str, bool)]) -> Declared {
        let own = |(name, has_default): &(&str, bool)| ((*name).to_owned(), *has_default);
        Declared { parameters: parameters.iter().map(own).collect() }
    }

    fn given(names: &[&str]) -> BTreeMap<String, Value> {
        let text = |name: &&str| ((*name).to_owned(), Value::Text("x".to_owned()));
        names.iter().map(text).collect()
    }

    #[test]
    fn a_configuration_gives_parameters_and_tags() {
        let read = json!({"Parameters": {"Size": 3, "On": true, "Name": "x"}, "Tags": {"team": "shop"}});
        let (parameters, tags) = configuration(read).unwrap();
        for (name, text) in [("Size", "3"), ("On", "true"), ("Name", "x")] {
            assert_eq!(parameters[name], Value::Text(text.to_owned()));
        }
        assert_eq!(tags["team"], "shop");
    }

    #[test]
    fn a_configuration_that_would_be_ignored_in_part_is_refused() {
        for (read, why) in [
            (json!({"StackPolicy": {}}), "never updated"),
            (json!({"parameters": {}}), "knows only Parameters and Tags"),
            (json!({"Parameters": []}), "not an object"),
            (json!({"Parameters": {"A": null}}), "gives A in Parameters a value that is not text"),
            (json!({"Tags": {"a": []}}), "gives a in Tags a value that is not text"),
            (json!({"Tags": {"bluestage:stage": "x"}}), "bluestage's own"),
        ] {
            let told = configuration(read.clone()).unwrap_err();
            assert_eq!(told.name, "TemplateConfiguration");
            assert!(told.why.contains(why), "{read}: {told}");
        }
    }

    #[test]
    fn what_is_declared_and_what_is_given_must_fit() {
        let template = declared(&[("Must", false), ("May", true)]);
        assert_eq!(check(&template, &given(&["Must"])), Ok(()));
        assert_eq!(check(&template, &given(&["Must", "May"])), Ok(()));
        let missing = check(&template, &given(&["May"])).unwrap_err();
        assert!(missing.why.contains("no value to Must"), "{missing}");
        let unknown = check(&template, &given(&["Must", "Mst"])).unwrap_err();
        assert!(unknown.why.contains("gives the parameter Mst, but the template declares May, Must"), "{unknown}");
        let none = check(&declared(&[]), &given(&["A"])).unwrap_err();
        assert!(none.why.contains("declares none"), "{none}");
    }

    #[test]
    fn the_parameter_that_bluestage_sets_is_not_given_by_anybody_else() {
        let declared = declared(&[("GreenDeployment", false)]);
        assert_eq!(check(&declared, &given(&[])), Ok(()));
        let told = check(&declared, &given(&["GreenDeployment"])).unwrap_err();
        assert!(told.why.contains("bluestage itself sets it"), "{told}");
    }

    #[test]
    fn a_digest_is_written_in_hex() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(""), empty);
    }
}
