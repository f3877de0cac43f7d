//! What a worker needs to be allowed: the statements of the templates that grant it, with this account's values put in.
//!
//! The templates are built into the program, so there is one list of rights and it cannot drift; `make templates`
//! compares it with the calls in `src/aws/`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serde_norway::Value as Yaml;

/// The role of the workers, by its path in the repository.
const WORKER_ROLE: Template = Template {
    path: "pipeline-templates/worker-role.yaml",
    text: include_str!("../../pipeline-templates/worker-role.yaml"),
    policy: "JobsAndState",
};

/// The roles of a stage.
const STAGE_ROLES: Template = Template {
    path: "pipeline-templates/stage-roles.yaml",
    text: include_str!("../../pipeline-templates/stage-roles.yaml"),
    policy: "StageAccess",
};

/// Statements that only some pipelines need: those with `Rebind=start`, and those with `Runner=codebuild`.
const FOR_SOME: [&str; 3] = ["Rebind", "BuildTests", "ReadReportsOfBuilds"];

/// Stands for any name where a statement has a pattern.
const ANY_NAME: &str = "bluestage-doctor";

struct Template {
    path: &'static str,
    text: &'static str,
    /// The resource in it that holds the statements.
    policy: &'static str,
}

/// Where and for whom the rights are looked at.
#[derive(Clone, Debug)]
pub struct Place {
    /// `aws`, or that of China or of the government.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// The state bucket.
    pub bucket: String,
    /// The prefix in it; may be empty.
    pub prefix: String,
    /// The KMS key of one's own that encrypts it.
    pub key: Option<String>,
    /// The stage, if one is looked at.
    pub stage: Option<String>,
    /// The role by which stacks are made in another account.
    pub stacks_role: Option<String>,
    /// The names of pipelines, as a pattern.
    pub pipelines: String,
}

/// For what a statement is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// By every worker.
    Worker,
    /// By workers of some pipelines.
    Some,
    /// For the stacks of a stage.
    Stage,
}

/// One statement of a policy that a worker needs.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its name in the template.
    pub sid: String,
    /// For what.
    pub need: Need,
    /// The operations that it allows.
    pub actions: Vec<String>,
    /// On what: ARNs, perhaps with `*`.
    pub resources: Vec<String>,
    /// As it stands in a policy.
    pub policy: Value,
    /// The template that gives it.
    pub template: &'static str,
}

/// The statements that a worker needs there, in the order of the templates.
///
/// # Errors
/// When a template that is built in has no statements: a mistake in this program.
pub fn statements(place: &Place) -> Result<Vec<Statement>, String> {
    let mut all = of(&WORKER_ROLE, place)?;
    if place.stage.is_some() && place.stacks_role.is_none() {
        all.extend(of(&STAGE_ROLES, place)?);
    }
    Ok(all)
}

impl Statement {
    /// The resources with a name in the place of each pattern: a call is about something and not about a pattern.
    #[must_use]
    pub fn samples(&self) -> Vec<String> {
        self.resources.iter().map(|resource| sample(resource)).collect()
    }

    /// What the conditions compare, with values that fulfil them, where this program knows one.
    #[must_use]
    pub fn context(&self) -> Vec<(String, Vec<String>)> {
        let operators = self.policy["Condition"].as_object().into_iter().flatten();
        let keys = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
        let known = keys.map(|(key, value)| (key.clone(), texts(value)));
        let known = known.filter(|(_, values)| !values.iter().any(|value| is_unknown(value)));
        known.map(|(key, values)| (key, values.iter().map(|value| value.replace('*', ANY_NAME)).collect())).collect()
    }

    /// The names of what the conditions compare.
    #[must_use]
    pub fn condition_keys(&self) -> Vec<String> {
        let operators = self.policy["Condition"].as_object().into_iter().flatten();
        operators.filter_map(|(_, keys)| keys.as_object()).flatten().map(|(key, _)| key.clone()).collect()
    }

    /// What only the stack of the template knows, such as `${DeployRole.Arn}`: the name of a role that it makes.
    #[must_use]
    pub fn unknown(&self) -> Option<String> {
        let text = self.policy.to_string();
        let start = text.find("${")?;
        let rest = &text[start..];
        Some(rest[..=rest.find('}')?].to_owned())
    }
}

fn of(template: &Template, place: &Place) -> Result<Vec<Statement>, String> {
    let whole: Yaml = serde_norway::from_str(template.text).map_err(|error| format!("{}: {error}", template.path))?;
    let document = &whole["Resources"][template.policy]["Properties"]["PolicyDocument"];
    let filled = Filled::with(place).value(&document["Statement"]);
    let Some(Value::Array(statements)) = filled else {
        return Err(format!("{} has no statements", template.path));
    };
    Ok(statements.into_iter().map(|policy| statement(policy, template)).collect())
}

fn statement(policy: Value, template: &Template) -> Statement {
    let sid = policy["Sid"].as_str().unwrap_or_default().to_owned();
    let need = match template.policy {
        _ if FOR_SOME.contains(&sid.as_str()) => Need::Some,
        "JobsAndState" => Need::Worker,
        _ => Need::Stage,
    };
    let (actions, resources) = (texts(&policy["Action"]), texts(&policy["Resource"]));
    Statement { sid, need, actions, resources, policy, template: template.path }
}

/// One text or several.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn sample(pattern: &str) -> String {
    if pattern == "*" { pattern.to_owned() } else { pattern.replace('*', ANY_NAME) }
}

fn is_unknown(text: &str) -> bool {
    text.contains("${")
}

/// A template's parameters and conditions with this place's values. What they do not tell stays as it is, `${…}`.
struct Filled {
    values: BTreeMap<&'static str, String>,
    conditions: Vec<&'static str>,
}

impl Filled {
    fn with(place: &Place) -> Self {
        let location = if place.prefix.is_empty() {
            format!("s3://{}", place.bucket)
        } else {
            format!("s3://{}/{}", place.bucket, place.prefix)
        };
        let suffix = if place.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let values = [
            ("AWS::Partition", place.partition.clone()),
            ("AWS::Region", place.region.clone()),
            ("AWS::AccountId", place.account.clone()),
            ("AWS::URLSuffix", suffix.to_owned()),
            ("StateBucket", place.bucket.clone()),
            ("StatePrefix", place.prefix.clone()),
            ("StateLocation", location),
            ("PipelineNames", place.pipelines.clone()),
            ("TestProjectNames", "bluestage-*".to_owned()), // as the template's default
            ("StateKeyArn", place.key.clone().unwrap_or_default()),
            ("StacksRoleArn", place.stacks_role.clone().unwrap_or_default()),
            ("Stage", place.stage.clone().unwrap_or_default()),
        ];
        let conditions = [
            ("HasKey", place.key.is_some()),
            ("HasStacksRole", place.stacks_role.is_some()),
            ("WorkerIsHere", place.stacks_role.is_none()),
        ];
        let conditions = conditions.into_iter().filter_map(|(name, holds)| holds.then_some(name));
        Self { values: values.into(), conditions: conditions.collect() }
    }

    /// Nothing for `AWS::NoValue`.
    fn value(&self, yaml: &Yaml) -> Option<Value> {
        match yaml {
            Yaml::Null => Some(Value::Null),
            Yaml::Bool(truth) => Some(Value::Bool(*truth)),
            Yaml::Number(number) => number.as_i64().map(Value::from),
            Yaml::String(text) => Some(Value::String(text.clone())),
            Yaml::Sequence(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Yaml::Mapping(members) => Some(Value::Object(self.members(members))),
            Yaml::Tagged(tagged) => self.called(&tagged.tag.to_string(), &tagged.value),
        }
    }

    fn members(&self, members: &serde_norway::Mapping) -> Map<String, Value> {
        let named = members.iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), self.value(value)?)));
        named.collect()
    }

    /// The four functions that the two templates use in their statements.
    fn called(&self, function: &str, argument: &Yaml) -> Option<Value> {
        match (function, argument) {
            ("!Sub", Yaml::String(text)) => Some(Value::String(self.substituted(text))),
            ("!Ref", Yaml::String(name)) if name == "AWS::NoValue" => None,
            ("!Ref", Yaml::String(name)) => Some(Value::String(self.substituted(&format!("${{{name}}}")))),
            ("!GetAtt", Yaml::String(name)) => Some(Value::String(format!("${{{name}}}"))),
            ("!If", Yaml::Sequence(choice)) => {
                let holds = choice.first()?.as_str().is_some_and(|name| self.conditions.contains(&name));
                self.value(choice.get(if holds { 1 } else { 2 })?)
            }
            _ => Some(Value::Null),
        }
    }

    fn substituted(&self, text: &str) -> String {
        let no_prefix = self.values.get("StatePrefix").is_some_and(String::is_empty);
        let text = if no_prefix { text.replace("${StatePrefix}/", "") } else { text.to_owned() };
        let put = |text: String, (name, value): (&&str, &String)| text.replace(&format!("${{{name}}}"), value);
        self.values.iter().fold(text, put)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn place() -> Place {
        Place {
            partition: "aws".to_owned(),
            region: "eu-central-1".to_owned(),
            account: "111122223333".to_owned(),
            bucket: "team-state".to_owned(),
            prefix: "state".to_owned(),
            key: None,
            stage: Some("test".to_owned()),
            stacks_role: None,
            pipelines: "*".to_owned(),
        }
    }

    fn named(statements: &[Statement], sid: &str) -> Statement {
        statements.iter().find(|statement| statement.sid == sid).unwrap_or_else(|| panic!("no {sid}")).clone()
    }

    /// Every word of the form `service:Operation` in the statements of a policy, read as text and not as YAML.
    fn operations_in(text: &str, policy: &str) -> BTreeSet<String> {
        let services = ["codepipeline", "codebuild", "cloudformation", "s3", "kms", "sts", "iam"];
        let (_, after) = text.split_once(&format!("\n  {policy}:\n")).expect("the policy");
        let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("   "));
        let lines = lines.filter(|line| !line.trim_start().starts_with('#') && !line.contains('{'));
        let words = lines.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':')));
        let is_operation = |word: &&str| {
            let parts = word.split_once(':');
            parts.is_some_and(|(service, name)| {
                services.contains(&service) && name.starts_with(|c: char| c.is_ascii_uppercase())
            })
        };
        words.filter(is_operation).map(str::to_owned).collect()
    }

    #[test]
    fn every_operation_of_the_templates_is_looked_at_and_no_other() {
        let elsewhere = Place { stacks_role: Some("arn:aws:iam::444455556666:role/x".to_owned()), ..place() };
        let with_key = Place { key: Some("arn:aws:kms:eu-central-1:111122223333:key/k".to_owned()), ..place() };
        let all = [place(), elsewhere, with_key].map(|place| statements(&place).unwrap()).concat();
        let ours: BTreeSet<String> = all.iter().flat_map(|statement| statement.actions.clone()).collect();
        let templates = [&WORKER_ROLE, &STAGE_ROLES].map(|template| operations_in(template.text, template.policy));
        let theirs: BTreeSet<String> = templates.into_iter().flatten().collect();
        assert!(theirs.len() > 30, "{theirs:?}");
        assert_eq!(ours, theirs);
    }

    #[test]
    fn a_statement_is_ready_to_be_pasted() {
        let all = statements(&place()).unwrap();
        let state = named(&all, "ReadAndWriteState");
        assert_eq!(state.template, "pipeline-templates/worker-role.yaml");
        assert_eq!(state.need, Need::Worker);
        let expected = serde_json::json!({
            "Sid": "ReadAndWriteState", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": ["arn:aws:s3:::team-state/state/stages/*", "arn:aws:s3:::team-state/state/journal/*",
                "arn:aws:s3:::team-state/state/runs/*", "arn:aws:s3:::team-state/state/templates/*"]});
        assert_eq!(state.policy, expected);
        assert_eq!(state.samples()[0], "arn:aws:s3:::team-state/state/stages/bluestage-doctor");
        let named_by_the_stack: Vec<String> = all
            .iter()
            .filter(|statement| statement.unknown().is_some())
            .map(|statement| statement.sid.clone())
            .collect();
        assert_eq!(named_by_the_stack, ["PrepareStacks", "GiveTheDeployRoleToCloudFormation", "PlayTheTestRole"]);
    }

    #[test]
    fn conditions_are_told_with_values_that_fulfil_them() {
        let all = statements(&place()).unwrap();
        let prefix = vec![("s3:prefix".to_owned(), vec!["state/bluestage-doctor".to_owned()])];
        assert_eq!(named(&all, "ListState").context(), prefix);
        let tags = named(&all, "PrepareStacks").context();
        let state = ("aws:RequestTag/bluestage:state".to_owned(), vec!["s3://team-state/state".to_owned()]);
        assert!(tags.contains(&state), "{tags:?}");
        assert!(!tags.iter().any(|(key, _)| key == "cloudformation:RoleArn"), "{tags:?}");
    }

    #[test]
    fn a_state_without_a_prefix_has_no_empty_step_in_its_keys() {
        let all = statements(&Place { prefix: String::new(), ..place() }).unwrap();
        assert_eq!(named(&all, "RemoveFromJournal").resources, ["arn:aws:s3:::team-state/journal/*"]);
        assert_eq!(named(&all, "ListState").context()[0].1, ["bluestage-doctor"]);
    }

    #[test]
    fn rights_that_hang_on_the_set_up_are_asked_for_only_there() {
        let sids = |place: &Place| -> Vec<String> {
            statements(place).unwrap().into_iter().map(|statement| statement.sid).collect()
        };
        let usual = sids(&place());
        assert!(
            !usual.contains(&"UseTheBucketsKey".to_owned()) && usual.contains(&"FindStacks".to_owned()),
            "{usual:?}"
        );
        let keyed = Place { key: Some("arn:aws:kms:k".to_owned()), stage: None, ..place() };
        let keyed = sids(&keyed);
        assert!(
            keyed.contains(&"UseTheBucketsKey".to_owned()) && !keyed.contains(&"FindStacks".to_owned()),
            "{keyed:?}"
        );
        let elsewhere = sids(&Place { stacks_role: Some("arn:x".to_owned()), ..place() });
        assert!(elsewhere.contains(&"MakeStacksElsewhere".to_owned()), "{elsewhere:?}");
        assert!(!elsewhere.contains(&"FindStacks".to_owned()), "{elsewhere:?}");
    }
}
