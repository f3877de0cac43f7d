//! The rules of a stage: pure, told the time, free of input and output.
//!
//! The shared stage is a multi-version database. Stacks are versions, a test run reads a snapshot (its *view*),
//! promotion is a commit, an old version is vacuumed when nobody can reach it any more. Read in this order:
//! [`stage`] (what there is), [`transitions`] (how it changes), [`reach`] (who keeps what alive), [`refusal`] (when the
//! domain says no), [`attempt`] (how a change is tried), [`document`] (how it is stored).
//!
//! Every transition may be applied twice: the second time changes nothing. That is what makes redelivered jobs, lost
//! answers and crashed workers harmless.

#![warn(clippy::wildcard_enum_match_arm, reason = "a new case must be answered by the compiler")]

pub mod attempt;
pub mod document;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod names;
pub mod reach;
pub mod refusal;
pub mod skew;
pub mod stage;
pub mod transitions;

#[cfg(test)]
mod tests;

pub use names::{BadName, RunId, ServiceName, StageName, VersionId, VersionRef};
pub use refusal::Refusal;
pub use skew::{Behind, Debt, Skew};
pub use stage::{
    Barrier, Event, Execution, Green, Moment, Outputs, Reservation, Run, RunOutcome, SeenStacks, Service, StackRef,
    Stage, State, Tested, Updating, Version, Wire,
};
pub use transitions::{BlueReady, BlueRequest, OnSkew, Promotion, StackSeen, SwitchBack, Turned, Updated};
