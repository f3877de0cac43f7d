//! Where bluestage keeps what it must remember: a bucket and the prefix of its keys.

use std::fmt;
use std::str::FromStr;

/// Every stack carries the place in a tag, and a tag's value has at most so many characters (CloudFormation API
/// reference, `Tag`).
const MOST_CHARACTERS: usize = 256;

/// A place in S3, written `s3://bucket` or `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateLocation {
    bucket: String,
    prefix: String,
}

/// A text that is not a place in S3.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not a place for state: {why}; write it as s3://bucket or s3://bucket/prefix")]
pub struct BadLocation {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl StateLocation {
    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key of the object that is called `name` here.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

impl FromStr for StateLocation {
    type Err = BadLocation;

    fn from_str(given: &str) -> Result<Self, BadLocation> {
        let bad = |why| BadLocation { given: given.to_owned(), why };
        let rest = given.strip_prefix("s3://").ok_or_else(|| bad("it does not start with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        if !is_bucket(bucket) {
            return Err(bad("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens"));
        }
        if !prefix.is_empty() && !prefix.split('/').all(is_step) {
            return Err(bad(
                "each step of the prefix must hold only letters, digits and any of - _ . = and must not be . or ..",
            ));
        }
        if given.len() > MOST_CHARACTERS {
            return Err(bad("it is longer than the 256 characters that a tag can hold"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// S3 user guide, "General purpose bucket naming rules"; S3 itself knows the rarer ones.
fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.chars().all(|c| plain(c) || c == '.' || c == '-')
        && name.starts_with(plain)
        && name.ends_with(plain)
}

/// Keys with these characters need no escaping, neither in a policy nor in the address of a template.
fn is_step(step: &str) -> bool {
    !matches!(step, "" | "." | "..") && step.chars().all(|c| c.is_ascii_alphanumeric() || "-_.=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_perhaps_a_prefix() {
        for (given, key) in [
            ("s3://team-state", "stages/test.json"),
            ("s3://team-state/", "stages/test.json"),
            ("s3://team-state/blue", "blue/stages/test.json"),
            ("s3://team-state/a/b_c/", "a/b_c/stages/test.json"),
        ] {
            let location: StateLocation = given.parse().unwrap();
            assert_eq!(location.bucket(), "team-state");
            assert_eq!(location.key("stages/test.json"), key);
            assert_eq!(location.to_string(), given.trim_end_matches('/'));
        }
    }

    #[test]
    fn anything_else_is_refused_with_how_to_write_it() {
        for given in [
            "",
            "team-state",
            "S3://team-state",
            "s3://",
            "s3://ab",
            "s3://Team",
            "s3://-team",
            "s3://team-state//x",
            "s3://team-state/../x",
            "s3://team-state/a b",
            "s3://team-state/a?b",
            &format!("s3://team-state/{}", "x".repeat(256)),
        ] {
            let refused = given.parse::<StateLocation>().unwrap_err().to_string();
            assert!(refused.contains("s3://bucket/prefix"), "{given}: {refused}");
        }
    }
}
