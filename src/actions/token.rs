//! What one job of an action execution hands to the next.
//!
//! Nothing else needs to be remembered: what is, is read from the stage document and from the outside.
//!
//! CodePipeline keeps the token, and only we write it; but whoever may call `PutJobSuccessResult` and knows a job's id
//! could hand in one of their own. Where the workers were given a key, each token bears a seal, and one whose seal is
//! missing or broken is refused. The key comes from outside: one that lay in the state bucket could be read by those who
//! can change the stage document there, too.
//!
//! With a seal or without, a token is never an authority: it belongs to one action execution, the run that it names must
//! be one of this execution's, the stack must be the one in the stage document (`deploy_blue`), and the deadline is at
//! most a whole time limit from now. What is left to a forger is what they could have without it: to end this one
//! action, or to make it look and wait anew.

use serde::{Deserialize, Serialize};

use super::stop::Stop;
use crate::ports::{Job, Seal, Token};
use crate::release::{Moment, RunId};

/// The form of tokens that this program reads and writes.
const SCHEMA: u32 = 1;

/// What is carried from job to job of one action execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[serde(deny_unknown_fields)]
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
    pub(super) fn of(job: &Job, deadline: Moment, seal: &Seal) -> Result<Self, Stop> {
        let execution = &job.pipeline.execution.action_execution_id;
        let Some(token) = &job.token else {
            return Ok(Self { schema: SCHEMA, execution: execution.clone(), deadline, stack_id: None, run: None });
        };
        let token = seal.opened(token).ok_or(Stop::UnreadableToken)?;
        let head: Head = serde_json::from_str(token).map_err(|_| Stop::UnreadableToken)?;
        if head.execution != *execution {
            return Err(Stop::UnreadableToken);
        }
        // Every job reckons the deadline anew, and none before the first one's: later than that nobody has set it.
        let deadline = head.deadline.min(deadline);
        if head.schema > SCHEMA {
            return Err(Stop::NewerToken { deadline });
        }
        let carried: Self = serde_json::from_str(token).map_err(|_| Stop::UnreadableToken)?;
        if carried.names_own_run() { Ok(Self { deadline, ..carried }) } else { Err(Stop::UnreadableToken) }
    }

    /// Whether the run, if it names one, is this action execution's own: another one's could be stopped by it.
    fn names_own_run(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.id == RunId::new(&self.execution, run.attempt))
    }

    /// As a continuation token.
    pub(super) fn token(&self, seal: &Seal) -> Result<Token, Stop> {
        let text = serde_json::to_string(self).map_err(|_| Stop::UnreadableToken)?;
        Token::new(seal.sealed(text)).ok_or(Stop::UnreadableToken)
    }
}
