//! CloudFormation's intrinsic functions, as far as templates of pipelines use them.

use serde_json::{Value, json};

use super::PIPELINE;
use super::evaluate::{Evaluated, Template};
use super::parameters::text;

/// The properties that name a resource, across the resource types that pipelines refer to.
const NAME_PROPERTIES: [&str; 7] =
    ["Name", "BucketName", "RoleName", "FunctionName", "TopicName", "QueueName", "ProjectName"];

impl Template<'_> {
    /// Calls a function.
    pub(super) fn call(&self, name: &str, argument: &Value, depth: usize) -> Evaluated {
        match name {
            "Ref" => self.reference(argument.as_str().unwrap_or_default(), depth),
            "Condition" => {
                let truth = self.condition(argument.as_str().unwrap_or_default(), depth)?;
                Ok(Some(Value::Bool(truth)))
            }
            "Fn::If" => self.choose(argument, depth),
            "Fn::Sub" => self.substitute(argument, depth),
            "Fn::GetAtt" => self.attribute(argument, depth),
            "Fn::Not" | "Fn::And" | "Fn::Or" => self.combine(name, argument, depth),
            _ => {
                let argument = self.value(argument, depth)?.unwrap_or_default();
                self.plain(name, &argument).map(Some)
            }
        }
    }

    /// The functions that only look at their evaluated arguments.
    fn plain(&self, name: &str, argument: &Value) -> Result<Value, String> {
        let malformed = || format!("{name} has arguments that it does not take: {argument}");
        let list = argument.as_array();
        let (first, second) = (list.and_then(|l| l.first()), list.and_then(|l| l.get(1)));
        match (name, first, second) {
            ("Fn::Equals", Some(left), Some(right)) => Ok(Value::Bool(text(left) == text(right))),
            ("Fn::Join", Some(Value::String(between)), Some(Value::Array(parts))) => {
                let parts: Vec<String> = parts.iter().map(text).collect();
                Ok(Value::String(parts.join(between)))
            }
            ("Fn::Split", Some(Value::String(at)), Some(Value::String(whole))) => {
                Ok(whole.split(at.as_str()).map(Value::from).collect())
            }
            ("Fn::Select", Some(index), Some(Value::Array(items))) => {
                let index: usize = text(index).parse().map_err(|_| malformed())?;
                items.get(index).cloned().ok_or_else(malformed)
            }
            ("Fn::FindInMap", Some(map), Some(key)) => {
                let last = list.and_then(|l| l.get(2)).ok_or_else(malformed)?;
                let path = [map, key, last].map(text);
                let mut found = self.stack.document.get("Mappings");
                for step in &path {
                    found = found.and_then(|inside| inside.get(step.as_str()));
                }
                found.cloned().ok_or_else(|| format!("Mappings have nothing at {}", path.join(".")))
            }
            ("Fn::ToJsonString", ..) => Ok(Value::String(argument.to_string())),
            ("Fn::ImportValue", ..) => {
                Err("Fn::ImportValue needs a deployed stack; use a parameter for the local run".to_owned())
            }
            ("Fn::Equals" | "Fn::Join" | "Fn::Split" | "Fn::Select" | "Fn::FindInMap", ..) => Err(malformed()),
            _ => Err(format!(
                "the function {name} is not supported; if it is meant for a pipeline action, CloudFormation wants it \
                 inside a string of JSON"
            )),
        }
    }

    fn reference(&self, name: &str, depth: usize) -> Evaluated {
        let stack = &self.stack.name;
        let (region, account) = (&self.settings.region, &self.settings.account_id);
        Ok(Some(Value::String(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => region.clone(),
            "AWS::AccountId" => account.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => stack.clone(),
            "AWS::StackId" => {
                format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/local")
            }
            _ => match self.parameters.get(name) {
                Some(value) => return Ok(Some(value.clone())),
                None => self.physical_name(name, depth)?,
            },
        })))
    }

    /// The name of a resource: what it is given, or a generated one. S3 bucket names are lower case.
    fn physical_name(&self, resource: &str, depth: usize) -> Result<String, String> {
        let Some(declared) = self.declared(resource) else {
            return Err(format!("'{resource}' is neither a parameter nor a resource of the template"));
        };
        for property in NAME_PROPERTIES {
            let given = declared.get("Properties").and_then(|properties| properties.get(property));
            if let Some(given) = given
                && let Some(name) = self.value(given, depth)?
            {
                return Ok(text(&name));
            }
        }
        let generated = self.generated_name(resource);
        let bucket = declared.get("Type").and_then(Value::as_str) == Some("AWS::S3::Bucket");
        Ok(if bucket { generated.to_lowercase() } else { generated })
    }

    fn declared(&self, resource: &str) -> Option<&Value> {
        self.stack.document.get("Resources")?.get(resource)
    }

    /// An attribute of a resource. Nothing is created here, so it is what it would plausibly be.
    fn attribute(&self, argument: &Value, depth: usize) -> Evaluated {
        let part = |index: usize| argument.get(index).map(text).unwrap_or_default();
        let (resource, attribute) = (part(0), part(1));
        let name = self.physical_name(&resource, depth)?;
        let kind = self.declared(&resource).and_then(|declared| declared.get("Type")).map(text).unwrap_or_default();
        let (region, account) = (&self.settings.region, &self.settings.account_id);
        let service = kind.split("::").nth(1).unwrap_or_default().to_lowercase();
        Ok(Some(Value::String(match (kind.as_str(), attribute.as_str()) {
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{account}:role/{name}"),
            ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{name}"),
            (PIPELINE, "Version") => "1".to_owned(),
            (_, "Arn") => format!("arn:aws:{service}:{region}:{account}:{name}"),
            _ => format!("{name}.{attribute}"),
        })))
    }

    fn choose(&self, argument: &Value, depth: usize) -> Evaluated {
        let (Some(condition), Some(yes), Some(no)) = (argument.get(0), argument.get(1), argument.get(2)) else {
            return Err("Fn::If takes a condition and two values".to_owned());
        };
        let holds = self.condition(condition.as_str().unwrap_or_default(), depth)?;
        self.value(if holds { yes } else { no }, depth)
    }

    fn combine(&self, name: &str, argument: &Value, depth: usize) -> Evaluated {
        let conditions = argument.as_array().ok_or_else(|| format!("{name} takes a list of conditions"))?;
        let truths: Result<Vec<bool>, String> = conditions.iter().map(|one| self.truth(one, depth)).collect();
        let truths = truths?;
        Ok(Some(json!(match name {
            "Fn::Not" => !truths.iter().all(|truth| *truth),
            "Fn::And" => truths.iter().all(|truth| *truth),
            _ => truths.iter().any(|truth| *truth),
        })))
    }

    /// `Fn::Sub`, with or without variables of its own.
    fn substitute(&self, argument: &Value, depth: usize) -> Evaluated {
        let (pattern, own) = match argument {
            Value::String(pattern) => (pattern.as_str(), None),
            Value::Array(parts) => (parts.first().and_then(Value::as_str).unwrap_or_default(), parts.get(1)),
            _ => return Err("Fn::Sub takes a string, or a string and a map".to_owned()),
        };
        let mut result = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("Fn::Sub has a ${ without an end")?;
            result.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else {
                let value = self.named(name.trim(), own, depth)?;
                result.push_str(&value.as_ref().map(text).unwrap_or_default());
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(Some(Value::String(result)))
    }

    fn named(&self, name: &str, own: Option<&Value>, depth: usize) -> Evaluated {
        if let Some(value) = own.and_then(|own| own.get(name)) {
            return self.value(value, depth);
        }
        match name.split_once('.') {
            Some((resource, attribute)) => self.attribute(&json!([resource, attribute]), depth),
            None => self.reference(name, depth),
        }
    }
}
