//! What the worker is at and what it has decided last, for people who look at its console. A short memory, of this process
//! alone: what counts stands in CodePipeline and in the stage document.

use std::collections::VecDeque;
use std::time::SystemTime;

use crate::actions;
use crate::ports::{ActionKind, Cause, Job, JobId, Verdict};

/// Verdicts that are remembered: an afternoon of a busy team, and with the longest messages a quarter of a MiB.
const MOST: usize = 50;

/// What a job is about, as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The action.
    pub action: ActionKind,
    /// The service that the action is told, if that is one.
    pub service: Option<String>,
    /// The stage that the action is told, if that is one.
    pub stage: Option<String>,
    /// The pipeline.
    pub pipeline: String,
    /// Its execution.
    pub execution: String,
    /// The execution of the action: what a job's successors have in common with it.
    pub action_execution: String,
}

impl Subject {
    pub(super) fn of(job: &Job) -> Self {
        let (stage, service) = actions::subject(job);
        Self {
            action: job.action,
            service: service.map(|service| service.to_string()),
            stage: stage.map(|stage| stage.to_string()),
            pipeline: job.pipeline.pipeline.clone(),
            execution: job.pipeline.execution.execution_id.clone(),
            action_execution: job.pipeline.execution.action_execution_id.clone(),
        }
    }
}

/// Which of the three verdicts one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The action goes on with another job.
    Continue,
    /// The action is done.
    Done,
    /// The action has failed, for this cause.
    Failed(Cause),
}

/// A verdict, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictTold {
    /// The job's id.
    pub job: JobId,
    /// What it was about.
    pub of: Subject,
    /// Which verdict.
    pub reached: Reached,
    /// What CodePipeline was told.
    pub words: String,
    /// When.
    pub at: SystemTime,
}

impl VerdictTold {
    pub(super) fn new(job: &Job, verdict: &Verdict, at: SystemTime) -> Self {
        let (reached, words) = match verdict {
            Verdict::Continue(continuation) => (Reached::Continue, continuation.summary.to_string()),
            Verdict::Done(done) => (Reached::Done, done.summary.to_string()),
            Verdict::Failed(failure) => (Reached::Failed(failure.cause), failure.message.to_string()),
        };
        Self { job: job.id.clone(), of: Subject::of(job), reached, words, at }
    }
}

/// The last verdicts, newest last.
#[derive(Default)]
pub(super) struct Recent(VecDeque<VerdictTold>);

impl Recent {
    /// Adds one. Of an action that went on, only the last verdict is worth its place.
    pub(super) fn add(&mut self, verdict: VerdictTold) {
        let same = |known: &VerdictTold| known.of.action_execution == verdict.of.action_execution;
        self.0.retain(|known| known.reached != Reached::Continue || !same(known));
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(verdict);
    }

    /// All of them, newest first.
    pub(super) fn all(&self) -> Vec<VerdictTold> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(action_execution: &str, reached: Reached) -> VerdictTold {
        let of = Subject {
            action: ActionKind::DeployBlue,
            service: None,
            stage: None,
            pipeline: "orders".to_owned(),
            execution: "e".to_owned(),
            action_execution: action_execution.to_owned(),
        };
        VerdictTold { job: JobId("j".to_owned()), of, reached, words: String::new(), at: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn of_an_action_that_goes_on_the_last_verdict_is_remembered() {
        let mut recent = Recent::default();
        for reached in [Reached::Continue, Reached::Continue, Reached::Done] {
            recent.add(told("a", reached));
            recent.add(told("b", Reached::Continue));
        }
        let all = recent.all();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].of.action_execution.as_str(), all[0].reached), ("b", Reached::Continue));
        assert_eq!((all[1].of.action_execution.as_str(), all[1].reached), ("a", Reached::Done));
    }

    #[test]
    fn the_oldest_verdict_is_forgotten_when_there_are_many() {
        let mut recent = Recent::default();
        for number in 0..MOST + 3 {
            recent.add(told(&number.to_string(), Reached::Done));
        }
        let all = recent.all();
        assert_eq!(all.len(), MOST);
        assert_eq!(all.last().map(|told| told.of.action_execution.clone()).as_deref(), Some("3"));
    }
}
