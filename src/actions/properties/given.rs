//! The properties as the pipeline's author gave them: text, read by name and turned into types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{FixedStack, PropertyError, Runner};
use crate::ports::Job;
use crate::release::{OnSkew, ServiceName};

/// The properties as they were given.
pub(super) struct Given<'a> {
    properties: &'a BTreeMap<String, String>,
}

impl<'a> Given<'a> {
    /// The job's properties, none of which is unknown to its action.
    pub(super) fn of(job: &'a Job, known: &[&str]) -> Result<Self, PropertyError> {
        let unknown = job.configuration.keys().find(|name| !known.contains(&name.as_str()));
        if let Some(name) = unknown {
            let why = format!("is unknown to {}; it knows {}", job.action, known.join(", "));
            return Err(PropertyError::new(name, why));
        }
        // Neither a command nor a variable can hold one, and a file's name would end there.
        if let Some((name, _)) = job.configuration.iter().find(|(_, value)| value.contains('\0')) {
            return Err(PropertyError::new(name, "holds a zero byte"));
        }
        Ok(Self::all(job))
    }

    /// The job's properties, known or not.
    pub(super) fn all(job: &'a Job) -> Self {
        Self { properties: &job.configuration }
    }

    pub(super) fn optional(&self, name: &str) -> Option<&'a str> {
        let value = self.properties.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, PropertyError> {
        self.optional(name).ok_or_else(|| PropertyError::new(name, "is missing"))
    }

    pub(super) fn required<T: std::str::FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, PropertyError> {
        let text = self.text(name)?;
        text.parse().map_err(|error| PropertyError::new(name, format!("is wrong: {error}")))
    }

    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, PropertyError> {
        let Some(text) = self.optional(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) | Err(_) => {
                let (least, most) = (range.start(), range.end());
                let why = format!("is \"{text}\", but must be a whole number from {least} to {most}");
                Err(PropertyError::new(name, why))
            }
        }
    }

    /// Comma-separated, as the native actions write lists.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let items = self.optional(name).unwrap_or_default().split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn services(&self, name: &str) -> Result<BTreeSet<ServiceName>, PropertyError> {
        let names = self.list(name).into_iter().map(ServiceName::try_from);
        names.collect::<Result<_, _>>().map_err(|error| PropertyError::new(name, format!("is wrong: {error}")))
    }

    pub(super) fn on_skew(&self) -> Result<OnSkew, PropertyError> {
        match self.optional("OnSkew") {
            None | Some("block") => Ok(OnSkew::Block),
            Some("report") => Ok(OnSkew::Report),
            Some(other) => {
                let why = format!("is \"{other}\", but must be block or report");
                Err(PropertyError::new("OnSkew", why))
            }
        }
    }

    pub(super) fn strategy(&self) -> Result<Option<FixedStack>, PropertyError> {
        match self.optional("Strategy") {
            None | Some("switch") => {
                for name in ["StackName", "Capabilities", "RoleArn"] {
                    self.not_with_switch(name)?;
                }
                Ok(None)
            }
            Some("update") => Ok(Some(FixedStack {
                name: stack_name(self.text("StackName")?)?,
                capabilities: self.list("Capabilities"),
                role_arn: self.role_arn("RoleArn")?,
            })),
            Some(other) => {
                let why = format!("is \"{other}\", but must be switch or update");
                Err(PropertyError::new("Strategy", why))
            }
        }
    }

    pub(super) fn not_with_switch(&self, name: &str) -> Result<(), PropertyError> {
        match self.optional(name) {
            None => Ok(()),
            Some(_) => Err(PropertyError::new(
                name,
                "is given, but belongs to Strategy=update; the strategy switch promotes the very stack that was tested",
            )),
        }
    }

    pub(super) fn rebind(&self) -> Result<bool, PropertyError> {
        match self.optional("Rebind") {
            None | Some("off") => Ok(false),
            Some("start") => Ok(true),
            Some(other) => {
                let why = format!("is \"{other}\", but must be off or start");
                Err(PropertyError::new("Rebind", why))
            }
        }
    }

    /// Where the tests run; what belongs to the other runner is refused, not ignored.
    pub(super) fn runner(&self) -> Result<Runner, PropertyError> {
        match self.optional("Runner") {
            None | Some("command") => {
                self.belongs_elsewhere(&["ProjectName"], "Runner=codebuild")?;
                Ok(Runner::Command(self.text("Command")?.to_owned()))
            }
            Some("codebuild") => {
                let elsewhere = "Runner=command: with codebuild the project's buildspec says what runs and which \
                                 reports it writes, and the project has the role";
                self.belongs_elsewhere(&["Command", "Reports", "TestRoleArn"], elsewhere)?;
                Ok(Runner::CodeBuild(self.text("ProjectName")?.to_owned()))
            }
            Some(other) => {
                let why = format!("is \"{other}\", but must be command or codebuild");
                Err(PropertyError::new("Runner", why))
            }
        }
    }

    fn belongs_elsewhere(&self, names: &[&str], whose: &str) -> Result<(), PropertyError> {
        match names.iter().find(|name| self.optional(name).is_some()) {
            None => Ok(()),
            Some(name) => Err(PropertyError::new(name, format!("belongs to {whose}"))),
        }
    }

    pub(super) fn role_arn(&self, name: &str) -> Result<Option<String>, PropertyError> {
        match self.optional(name) {
            None => Ok(None),
            Some(arn) if arn.starts_with("arn:") && arn.contains(":role/") => Ok(Some(arn.to_owned())),
            Some(other) => Err(PropertyError::new(name, format!("is \"{other}\", but must be the ARN of an IAM role"))),
        }
    }
}

/// CloudFormation's form of a stack name (API reference, `CreateStack`).
fn stack_name(value: &str) -> Result<String, PropertyError> {
    let fits = value.len() <= 128
        && value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits {
        return Ok(value.to_owned());
    }
    let why = format!("is \"{value}\", but a stack name has letters, digits and hyphens, a letter first, at most 128");
    Err(PropertyError::new("StackName", why))
}
