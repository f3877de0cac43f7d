//! How a run ended, and why it did not pass.

use serde::{Deserialize, Serialize};

use super::builds::BuildEnd;
use crate::release::Moment;

/// How a run ended. It passed if and only if nothing here speaks against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// The command's exit code; none when a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The time limit that it exceeded, in seconds.
    pub exceeded_seconds: Option<u64>,
    /// What else it was ended for.
    pub overrun: Option<Overrun>,
    /// What its reports count; none when it was to write none.
    pub totals: Option<Totals>,
    /// The tests that failed, at most 50.
    pub failed_tests: Vec<FailedTest>,
    /// Why its reports could not be read, or that there was none although some were asked for.
    pub report_problem: Option<String>,
    /// The last lines that it printed, at most 2,000 characters.
    pub tail: String,
    /// When it began.
    pub started_at: Moment,
    /// When it ended.
    pub ended_at: Moment,
    /// How the build ended that it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Box<BuildEnd>>,
}

impl RunEnd {
    /// Whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.build.as_ref().map_or(self.exit_code == Some(0), |build| build.succeeded())
            && self.exceeded_seconds.is_none()
            && self.overrun.is_none()
            && self.report_problem.is_none()
            && self.totals.is_none_or(|totals| totals.failed == 0 && totals.tests > 0)
    }

    /// Why it did not pass, in half a sentence.
    #[must_use]
    pub fn why_it_failed(&self) -> String {
        if let Some(limit) = self.exceeded_seconds {
            return format!("the run was ended after its time limit of {limit} seconds");
        }
        if let Some(overrun) = self.overrun {
            return overrun.told();
        }
        if let Some(problem) = &self.report_problem {
            return problem.clone();
        }
        match (self.totals, self.exit_code, self.signal) {
            (Some(totals), ..) if totals.failed > 0 => {
                format!("{} of {} failed", totals.failed, counted(totals.tests))
            }
            (Some(totals), Some(0), _) if totals.tests == 0 => "the reports hold no test".to_owned(),
            _ if self.build.is_some() => self.build.iter().map(|build| build.why_it_failed()).collect(),
            (_, Some(code), _) => format!("the command ended with exit code {code}"),
            (_, None, Some(signal)) => format!("the command was ended by signal {signal}"),
            (_, None, None) => "the command ended in an unknown way".to_owned(),
        }
    }
}

/// How many tests, in words.
#[must_use]
pub fn counted(tests: u64) -> String {
    match tests {
        1 => "1 test".to_owned(),
        more => format!("{more} tests"),
    }
}

/// Why a run was ended from outside, other than by its time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overrun {
    /// It had more processes and threads than it may.
    Processes {
        /// How many it may have.
        most: u64,
    },
    /// It used more memory than it may.
    Memory {
        /// How much it may use.
        mib: u64,
    },
    /// Its home held more than it may.
    Disk {
        /// How much it may hold.
        mib: u64,
    },
    /// While it ran the worker's disk became nearly full.
    DiskFull {
        /// How much has to stay free.
        mib: u64,
    },
    /// Something ended the process that supervised it.
    Unsupervised,
}

impl Overrun {
    fn told(self) -> String {
        match self {
            Self::Processes { most } => {
                format!("the run was ended, because it had more than {most} processes and threads")
            }
            Self::Memory { mib } => format!("the run was ended, because it used more than {mib} MiB of memory"),
            Self::Disk { mib } => {
                format!("the run was ended, because its files took more than {mib} MiB of the worker's disk")
            }
            Self::DiskFull { mib } => {
                format!("the run was ended, because less than {mib} MiB of the worker's disk were left while it ran")
            }
            Self::Unsupervised => {
                "the run was ended, because the process that supervises it was ended by something else".to_owned()
            }
        }
    }
}

/// What the reports of a run count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All tests, also those that failed or were skipped.
    pub tests: u64,
    /// Tests that failed or broke.
    pub failed: u64,
    /// Tests that were skipped.
    pub skipped: u64,
    /// Tests that failed first and passed when they were run again.
    #[serde(default)]
    pub flaky: u64,
}

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTest {
    /// Its name, with its class or file as the report tells it.
    pub name: String,
    /// Why it failed, in the report's words: the first line, at most 300 characters.
    pub message: String,
}
