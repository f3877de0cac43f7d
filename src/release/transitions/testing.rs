//! A version's test runs: each has a fresh id, and only the newest run's result counts.

use super::begin_blue::given_up;
use crate::release::names::{RunId, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Moment, Run, RunOutcome, SeenStacks, Stage, State, Tested, Version};

impl Stage {
    /// A test run of this version starts, against stacks in the state that was `seen`; an earlier run's result no longer
    /// counts.
    ///
    /// # Errors
    /// When the version is gone, was given up, or is not ready to be tested or past it.
    pub fn run_started(&mut self, of: &VersionRef, run: &RunId, seen: &SeenStacks, at: Moment) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        if version.run.as_ref().is_some_and(|newest| newest.id == *run) {
            return Ok(());
        }
        match version.state {
            State::Blue | State::Tested => {}
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
            State::Creating | State::Promoting | State::Live | State::Previous => {
                return Err(wrong(of, version));
            }
        }
        version.state = State::Blue;
        version.tested = None;
        version.run = Some(Run { id: run.clone(), started_at: at, outcome: RunOutcome::Running, seen: seen.clone() });
        let who = version.execution.execution_id.clone();
        self.note(at, of, format!("is tested by {run}"), who);
        Ok(())
    }

    /// The newest run of this version passed: what it ran against may go live.
    ///
    /// # Errors
    /// When the version is gone or was given up, or when a newer run has replaced this one.
    pub fn run_passed(&mut self, of: &VersionRef, run: &RunId, at: Moment) -> Result<(), Refusal> {
        let Some(version) = self.newest_run(of, run, RunOutcome::Passed)? else {
            return Ok(());
        };
        let Some(stack_id) = version.stack.id.clone() else {
            return Err(wrong(of, version));
        };
        version.state = State::Tested;
        version.tested = Some(Tested {
            run: run.clone(),
            stack_id,
            stack_changed_at: version.stack.changed_at.clone(),
            template_digest: version.template_digest.clone(),
            at,
        });
        let who = version.execution.execution_id.clone();
        self.note(at, of, "passed its tests", who);
        Ok(())
    }

    /// The newest run of this version failed. The version stays, so that one can look at it or test it again.
    ///
    /// # Errors
    /// When the version is gone or was given up, or when a newer run has replaced this one.
    pub fn run_failed(&mut self, of: &VersionRef, run: &RunId, at: Moment) -> Result<(), Refusal> {
        let Some(version) = self.newest_run(of, run, RunOutcome::Failed)? else {
            return Ok(());
        };
        let who = version.execution.execution_id.clone();
        self.note(at, of, "failed its tests", who);
        Ok(())
    }

    /// Something outside changed a stack under the newest run: whatever it found says nothing, neither good nor bad.
    ///
    /// # Errors
    /// When the version is gone or was given up, or when a newer run has replaced this one.
    pub fn run_invalid(&mut self, of: &VersionRef, run: &RunId, at: Moment) -> Result<(), Refusal> {
        let Some(version) = self.newest_run(of, run, RunOutcome::Invalid)? else {
            return Ok(());
        };
        let who = version.execution.execution_id.clone();
        self.note(at, of, "was tested while something outside changed a stack: that run does not count", who);
        Ok(())
    }

    /// Settles the version's newest run, which must be `run`; nothing to do when it was settled before.
    fn newest_run(
        &mut self,
        of: &VersionRef,
        run: &RunId,
        outcome: RunOutcome,
    ) -> Result<Option<&mut Version>, Refusal> {
        let version = self.version_mut(of)?;
        if !version.state.is_on_its_way() && version.state != State::Live && version.state != State::Previous {
            return Err(given_up(of, version));
        }
        let newest = version.run.as_mut().filter(|newest| newest.id == *run);
        let Some(newest) = newest else {
            return Err(Refusal::RunReplaced { of: of.clone(), run: run.clone() });
        };
        if newest.outcome != RunOutcome::Running {
            return Ok(None);
        }
        newest.outcome = outcome;
        if outcome != RunOutcome::Invalid {
            // It was compared, and nobody compares it again; with all that a run reaches it would be most of the document.
            // A run that does not count is found not to count also when its job comes once more.
            newest.seen.clear();
        }
        Ok(Some(version))
    }
}

/// The refusal for a version in a state from which the transition does not lead on.
pub(super) fn wrong(of: &VersionRef, version: &Version) -> Refusal {
    Refusal::WrongState { of: of.clone(), state: version.state }
}
