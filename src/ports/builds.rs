//! Builds: test runs in CodeBuild, for tests that outgrow one machine.
//!
//! A build belongs to no worker. Its run's record tells which build it is, so every worker can go on with it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::jobs::Artifact;
use super::run_end::{FailedTest, Totals};
use crate::release::{Moment, RunId};

/// A build to start.
#[derive(Debug)]
pub struct BuildOrder {
    /// The run that it is. Asked for twice, it is started once: the same order must be the same in every word then.
    pub run: RunId,
    /// The CodeBuild project.
    pub project: String,
    /// What is tested.
    pub source: Artifact,
    /// The variables that it gets beyond the project's own.
    pub environment: Vec<BuildVariable>,
}

/// A variable of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildVariable {
    /// Its name.
    pub name: String,
    /// Its value, or where that is.
    pub value: String,
    /// What the value is.
    pub kind: BuildVariableKind,
}

/// What the value of a build's variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildVariableKind {
    /// The value itself.
    Plain,
    /// The name of a parameter of Systems Manager, which CodeBuild reads.
    Parameter,
    /// The name of a secret of Secrets Manager, which CodeBuild reads.
    Secret,
}

/// A build as CodeBuild tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: String,
    /// The phase in which it is, in CodeBuild's word.
    pub phase: String,
    /// How it ended; none while it runs.
    pub ended: Option<BuildEnd>,
    /// What its reports count; none when it wrote none, or has not ended.
    pub totals: Option<Totals>,
    /// The tests that failed, at most 50.
    pub failed_tests: Vec<FailedTest>,
    /// When it began.
    pub started_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEnd {
    /// Its id.
    pub build: String,
    /// CodeBuild's word: `SUCCEEDED`, `FAILED`, `FAULT`, `TIMED_OUT`, `STOPPED`.
    pub status: String,
    /// Its phases, one after the other, in a line each.
    pub phases: Vec<String>,
    /// Where its log is, for a person.
    pub log: Option<String>,
}

impl BuildEnd {
    /// Whether it succeeded.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status == "SUCCEEDED"
    }

    /// Why it did not succeed, in half a sentence: a phase that went wrong, else its status.
    #[must_use]
    pub fn why_it_failed(&self) -> String {
        if self.succeeded() {
            return "its reports hold no test".to_owned();
        }
        let went_wrong = |phase: &&String| !phase.contains(" succeeded") && phase.contains(':');
        match self.phases.iter().find(went_wrong) {
            Some(phase) => format!("the build {} ended with the status {}: {phase}", self.build, self.status),
            None => format!("the build {} ended with the status {}", self.build, self.status),
        }
    }
}

/// Builds.
#[async_trait]
pub trait Builds: Send + Sync {
    /// Starts the build, or finds the one that the same order has started.
    async fn start(&self, order: &BuildOrder) -> Result<Build, Fault>;

    /// How the build stands.
    async fn read(&self, id: &str) -> Result<Build, Fault>;

    /// Ends the build. Nothing happens if it has ended.
    async fn stop(&self, id: &str) -> Result<(), Fault>;
}
