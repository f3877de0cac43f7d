//! The one answer to a job, within CodePipeline's limits.

use std::collections::BTreeMap;
use std::fmt;

/// Text of at most `MOST` characters, cut at a character's boundary, with an ellipsis where something was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MOST: usize>(String);

impl<const MOST: usize> Text<MOST> {
    /// `text`, cut where it is too long.
    #[must_use]
    pub fn cut(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.chars().count() <= MOST {
            return Self(text);
        }
        let kept: String = text.chars().take(MOST.saturating_sub(1)).collect();
        Self(kept + "…")
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for Text<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What one job hands to the next of the same action execution: at most 2,048 characters (CodePipeline API,
/// `ContinuationToken`). It cannot be cut, so making one can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The most characters a token may have.
    pub const MOST: usize = 2_048;

    /// `text` as a token, or `None` when it is empty or too long.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty() && text.chars().count() <= Self::MOST).then_some(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one answer to a job. The limits are CodePipeline's (API reference: `ExecutionDetails`, `FailureDetails`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not finished: the token comes back with a later job.
    Continue(Continuation),
    /// Done.
    Done(Done),
    /// Not done, and it will not be.
    Failed(Failure),
}

/// Progress of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// What the next job needs to know.
    pub token: Token,
    /// The outside's id of what is being done: a stack id, a run.
    pub external_id: Text<1_500>,
    /// What is going on, for the console.
    pub summary: Text<2_048>,
}

/// Success of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The outside's id of what was done.
    pub external_id: Text<1_500>,
    /// What was done, for the console.
    pub summary: Text<2_048>,
    /// The action's output variables.
    pub variables: BTreeMap<String, String>,
}

/// Failure of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who has to act.
    pub cause: Cause,
    /// What did not happen, why, what to do, and how things stand now.
    pub message: Text<5_000>,
    /// The outside's id of what failed, if it got that far.
    pub external_id: Option<Text<1_500>>,
    /// Where the stage said no: the name of its refusal, one of a few.
    pub refusal: Option<&'static str>,
}

impl Failure {
    /// A failure with this cause and message.
    #[must_use]
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: Text::cut(message), external_id: None, refusal: None }
    }
}

/// Why an action failed, by who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The pipeline's author: a property, the template or the wiring is wrong.
    Misconfigured,
    /// The account's administrator: something is not allowed.
    Denied,
    /// The service's author: its stack could not be made.
    DeployFailed,
    /// The service's author: its tests failed.
    TestsFailed,
    /// The makers of bluestage.
    Bug,
    /// Nobody, or whoever releases next: something newer has overtaken this.
    OutOfDate,
    /// Whoever deleted the artifact: the pipeline must run again from its source.
    ArtifactGone,
    /// Nobody: the services did not answer for too long. Retry.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        let cut = Text::<5>::cut("äöüßéè");
        assert_eq!(cut.as_str(), "äöüß…");
        assert_eq!(Text::<6>::cut("äöüßéè").as_str(), "äöüßéè");
    }

    #[test]
    fn a_token_is_never_cut() {
        assert!(Token::new("x".repeat(2_048)).is_some());
        assert!(Token::new("x".repeat(2_049)).is_none());
        assert!(Token::new(String::new()).is_none());
    }
}
