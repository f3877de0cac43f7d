//! What the worker and the supervisor of a run tell each other, one JSON text a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Limits;
use crate::ports::Overrun;

/// What the supervisor is to run. It comes through a pipe, because what is in an environment or a command line can be
/// read by others.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    /// Run by `sh -c`.
    pub(super) command: String,
    /// Where it runs.
    pub(super) work: PathBuf,
    /// What it may fill, and what is deleted after it.
    pub(super) home: PathBuf,
    /// Its whole environment.
    pub(super) environment: Vec<(String, String)>,
    /// What it may read and execute beyond the system's directories. The operator says so; never the `PATH` in
    /// `environment`, which the pipeline's author can set.
    pub(super) read: Vec<PathBuf>,
    /// What it may write beyond its home.
    pub(super) write: Vec<PathBuf>,
    /// What it may use.
    pub(super) limits: Limits,
    /// How many processes and threads the worker's user may have in all.
    pub(super) of_user: u64,
}

/// What the worker says after the order, as a line of its own: every process is asked to end. When the pipe closes, by
/// intent or because the worker died, everything is killed.
pub(super) const END: &str = "end";

/// What the supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The command runs.
    Started,
    /// It does not, and why.
    NotStarted(String),
    /// It has ended, and nothing that it started is left.
    Ended(Ended),
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// Why it was ended from outside, but for its time.
    pub(super) overrun: Option<Overrun>,
}
