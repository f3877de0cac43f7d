//! What one job of an action execution hands to the next.
//!
//! Nothing else needs to be remembered: what is, is read from the stage document and from the outside.

use serde::{Deserialize, Serialize};

use super::stop::Stop;
use crate::ports::{Job, Token};
use crate::release::{Moment, RunId};

/// The form of tokens that this program reads and writes.
const SCHEMA: u32 = 1;

/// What is carried from job to job of one action execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Carried {
    schema: u32,
    /// The action execution it belongs to: a token of another one is refused.
    execution: String,
    /// When the action gives up.
    pub(super) deadline: Moment,
    /// The stack whose creation has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stack_id: Option<String>,
    /// The run that is going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<CarriedRun>,
}

/// A run as far as its action's jobs know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CarriedRun {
    /// Its name.
    pub(super) id: RunId,
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
    /// How many attempts before it did not count, because something outside changed a stack.
    pub(super) invalid: u32,
    /// The beat that was seen last in its record, when another worker runs it.
    pub(super) beat: u64,
    /// For how many milliseconds that beat did not move, measured by the clocks of those who watched.
    pub(super) watched_millis: u64,
}

/// What every form of the token tells, also those of newer programs.
#[derive(Deserialize)]
struct Head {
    schema: u32,
    execution: String,
    deadline: Moment,
}

impl Carried {
    /// What this job was handed, or a fresh start with this `deadline` if it is the first of its action execution.
    pub(super) fn of(job: &Job, deadline: Moment) -> Result<Self, Stop> {
        let execution = &job.pipeline.execution.action_execution_id;
        let Some(token) = &job.token else {
            return Ok(Self { schema: SCHEMA, execution: execution.clone(), deadline, stack_id: None, run: None });
        };
        let head: Head = serde_json::from_str(token).map_err(|_| Stop::UnreadableToken)?;
        if head.execution != *execution {
            return Err(Stop::UnreadableToken);
        }
        if head.schema > SCHEMA {
            return Err(Stop::NewerToken { deadline: head.deadline });
        }
        serde_json::from_str(token).map_err(|_| Stop::UnreadableToken)
    }

    /// As a continuation token.
    pub(super) fn token(&self) -> Result<Token, Stop> {
        let text = serde_json::to_string(self).map_err(|_| Stop::UnreadableToken)?;
        Token::new(text).ok_or(Stop::UnreadableToken)
    }
}
