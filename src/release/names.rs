//! Names that were checked once and can be trusted from then on.
//!
//! A stage and a service name become parts of stack names, S3 keys and environment variables, so their form is the
//! narrowest of these: CloudFormation's stack name `[A-Za-z][-A-Za-z0-9]*`, at most 128 characters
//! (CloudFormation API, `CreateStack`, `StackName`).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A name that does not have the form it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadName {
    /// What kind of name it should have been.
    pub kind: &'static str,
    /// What was given instead.
    pub given: String,
    /// The most characters that this kind may have.
    pub most: usize,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, given, most } = self;
        write!(
            f,
            "\"{given}\" is not a {kind} name: it must start with a letter, hold only letters, digits and hyphens, \
             and have at most {most} characters"
        )
    }
}

impl std::error::Error for BadName {}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $most:literal) => {
        $(#[$doc])*
        ///
        /// Copies share the text: a stage holds each name many times, and is copied for each change.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(given: String) -> Result<Self, BadName> {
                if is_name(&given, $most) {
                    Ok(Self(given.into()))
                } else {
                    Err(BadName { kind: $kind, given, most: $most })
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;

            fn from_str(given: &str) -> Result<Self, BadName> {
                Self::try_from(given.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a stage, such as `test`.
    StageName, "stage", 32
);
name!(
    /// The name of a service, such as `orders`.
    ServiceName, "service", 64
);
name!(
    /// The name of a version, unique within its service: `v7-3f2a9c1e`.
    VersionId, "version", 30
);
name!(
    /// The name of one test run, unique within its stage; it is never used again.
    RunId, "run", 64
);

fn is_name(given: &str, most: usize) -> bool {
    given.len() <= most
        && given.starts_with(|first: char| first.is_ascii_alphabetic())
        && given.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

impl VersionId {
    /// The version with this ordinal, made by this action execution.
    ///
    /// The ordinal makes it readable, the action execution makes it unique for all time, even if the stage document
    /// were lost and ordinals began anew: a stack name is never used twice.
    #[must_use]
    pub fn new(ordinal: u64, action_execution_id: &str) -> Self {
        Self(format!("v{ordinal}-{}", fingerprint(action_execution_id)).into())
    }

    /// Whether this action execution made it.
    pub(super) fn is_made_by(&self, action_execution_id: &str) -> bool {
        self.0.split_once('-').is_some_and(|(_, maker)| maker == fingerprint(action_execution_id))
    }
}

impl RunId {
    /// The `attempt`th run (from 1) of this action execution.
    #[must_use]
    pub fn new(action_execution_id: &str, attempt: u32) -> Self {
        let whole: String = action_execution_id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Self(format!("run-{whole}-{attempt}").into())
    }
}

/// The first eight letters and digits: of a UUID, its first group.
fn fingerprint(id: &str) -> String {
    id.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

/// One version of one service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionRef {
    /// The service.
    pub service: ServiceName,
    /// Its version.
    pub version: VersionId,
}

impl VersionRef {
    /// The name of the stack of its own that this version gets in this stage. As a version's name is never given
    /// twice, this is not either.
    #[must_use]
    pub fn stack_name(&self, stage: &StageName) -> String {
        format!("{stage}-{}-{}", self.service, self.version)
    }
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_hyphens() {
        for good in ["a", "orders", "Orders-2", &"x".repeat(64)] {
            assert!(good.parse::<ServiceName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "1a", "a_b", "a b", "a/b", "ä", "..", &"x".repeat(65)] {
            assert!(bad.parse::<ServiceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_with_a_bad_name_is_not_read() {
        let read = serde_json::from_str::<StageName>("\"../other\"");
        assert!(read.unwrap_err().to_string().contains("not a stage name"));
    }

    #[test]
    fn a_version_tells_its_ordinal_and_its_maker() {
        let id = VersionId::new(7, "3f2a9c1e-1111-4222-8333-444455556666");
        assert_eq!(id.as_str(), "v7-3f2a9c1e");
        assert!(VersionId::try_from(id.as_str().to_owned()).is_ok());
    }
}
