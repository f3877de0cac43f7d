//! `bluestage doctor`: what is wrong with an account, and what cures it.
//!
//! Pure. Others ask AWS and bring [`Facts`]; here these become a [`Report`]: one [`Line`] for each check, always in the same
//! order, with the cure beside each fault. A check that hangs on another one that failed says so and accuses nobody.
//!
//! - `facts` is what is asked for;
//! - `statements` is what a worker needs to be allowed, read from the templates;
//! - `account`, `bucket`, `action_types` and `rights` make lines of facts;
//! - `table` prints them.

mod account;
mod action_types;
mod bucket;
mod facts;
mod rights;
mod statements;
mod table;

use serde::Serialize;
use serde_json::Value;

pub use self::facts::{
    ActionTypeFound, Asked, Bucket, Caller, Decision, Encryption, Facts, Found, Home, Lifecycle, Means, NoMeans,
    Probed, Reached, Rights, Service, Unknown,
};
pub use self::statements::{Need, Place, Statement, statements};
pub use self::table::text;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All is well.
    Pass,
    /// A worker works, but something is not as it should be; or it could not be seen.
    Warn,
    /// A worker does not work, or what it keeps is in danger.
    Fail,
    /// It hangs on a check that failed.
    NotChecked,
}

/// One check, with what was found and what to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The check's name.
    pub check: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub found: String,
    /// What to do; none if there is nothing to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// What can be pasted: commands, or statements of a policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paste: Vec<Value>,
}

/// Everything that was checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Whether no check failed.
    pub healthy: bool,
    /// How many ended how.
    pub totals: Totals,
    /// The lines.
    pub checks: Vec<Line>,
}

/// How many checks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Passed.
    pub pass: usize,
    /// Warned.
    pub warn: usize,
    /// Failed.
    pub fail: usize,
    /// Not checked.
    pub not_checked: usize,
}

/// What the lines are about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The place of the state, as it is given to workers.
    pub state: &'a str,
    /// The bucket in it.
    pub bucket: &'a str,
    /// The stage, if one is looked at.
    pub stage: Option<&'a str>,
    /// The role by which stacks are made in another account.
    pub stacks_role: Option<&'a str>,
    /// What the worker needs to be allowed.
    pub statements: &'a [Statement],
}

/// The lines about these facts.
#[must_use]
pub fn report(facts: &Facts, about: &About<'_>) -> Report {
    let mut checks = account::own(facts);
    match &facts.probed {
        Some(probed) => {
            checks.extend(account::asked(probed));
            checks.extend(bucket::lines(probed, about, facts.region.as_deref().unwrap_or_default()));
            checks.push(action_types::line(&probed.action_types, about));
            checks.extend(match probed.bucket.home {
                // Its name and the region are part of the rights: they would be accused of what is wrong with these.
                Ok(Home::Elsewhere(_) | Home::Missing) => {
                    rights::NAMES.map(|name| Line::not_checked(name, "the bucket was not found")).to_vec()
                }
                Ok(Home::Here) | Err(_) => rights::lines(&probed.rights, about),
            });
        }
        None => {
            let because = if facts.region.is_none() { "there is no region" } else { "there are no credentials" };
            let rest =
                account::names().into_iter().chain(bucket::NAMES).chain([action_types::NAME]).chain(rights::NAMES);
            checks.extend(rest.map(|name| Line::not_checked(name, because)));
        }
    }
    let count = |outcome| checks.iter().filter(|line| line.outcome == outcome).count();
    let totals = Totals {
        pass: count(Outcome::Pass),
        warn: count(Outcome::Warn),
        fail: count(Outcome::Fail),
        not_checked: count(Outcome::NotChecked),
    };
    Report { healthy: totals.fail == 0, totals, checks }
}

impl Report {
    /// The same with `****` in the place of each of these: some services echo what was sent to them.
    #[must_use]
    pub fn without(mut self, secrets: &[&str]) -> Self {
        for line in &mut self.checks {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                line.found = line.found.replace(secret, "****");
                line.cure = line.cure.take().map(|cure| cure.replace(secret, "****"));
            }
        }
        self
    }
}

impl Line {
    fn pass(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Outcome::Pass, found)
    }

    fn warn(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Outcome::Warn, found)
    }

    fn fail(check: &str, found: impl Into<String>) -> Self {
        Self::new(check, Outcome::Fail, found)
    }

    fn not_checked(check: &str, because: &str) -> Self {
        Self::new(check, Outcome::NotChecked, format!("not checked, because {because}"))
    }

    fn new(check: &str, outcome: Outcome, found: impl Into<String>) -> Self {
        Self { check: check.to_owned(), outcome, found: found.into(), cure: None, paste: Vec::new() }
    }

    fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    fn paste(mut self, what: impl Into<Value>) -> Self {
        self.paste.push(what.into());
        self
    }
}

/// The first line of what a service said: the ones after it show the whole request, credentials and all, where a signature
/// was wrong.
fn said(unknown: &Unknown) -> String {
    match unknown {
        Unknown::Fault(fault) => fault.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_owned(),
        Unknown::Late(limit) => format!("there was no answer in {} s", limit.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests;
