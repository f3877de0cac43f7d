//! Test runs: the processes on this machine, and what is recorded of runs wherever they are.
//!
//! The job that started a run may be over, and the next one of the same action execution may come to another worker.
//! So a run keeps a record where every worker can read it. Its `beat` moves as long as the run's worker lives; another
//! worker that has watched the same beat for long enough *on its own clock* may start the run anew.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tempfile::TempDir;

use super::fault::Fault;
use super::run_end::RunEnd;
use crate::release::{RunId, StageName};

/// A run to start.
#[derive(Debug)]
pub struct RunSpec {
    /// The stage whose record it keeps.
    pub stage: StageName,
    /// Its fresh name.
    pub run: RunId,
    /// Holds `work` (the unpacked input artifact, where the command runs) and whatever else the run is given. It is
    /// deleted when the run has ended.
    pub home: TempDir,
    /// The directory in `home` in which the command runs.
    pub work: PathBuf,
    /// Run by `sh -c`.
    pub command: String,
    /// Every environment variable that the command gets beyond `PATH`, `HOME`, `TMPDIR` and the locale.
    pub environment: Vec<(String, String)>,
    /// More of them, whose values are hidden in everything that is kept of the run.
    pub secrets: Vec<(String, SecretString)>,
    /// Glob of JUnit XML reports, relative to `work`.
    pub reports: Option<String>,
    /// The run is ended as failed after this.
    pub time_limit: Duration,
    /// What the run tested, in which view: becomes `certificate.json` with the result added to it.
    pub certificate: Map<String, Value>,
}

/// Whether a run was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It was, or it runs here already.
    Started,
    /// As many runs as this machine takes are on it.
    Full,
    /// It has a record already: it was started somewhere, and that record tells how it stands.
    Elsewhere,
}

/// How a run stands on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Here {
    /// It is not on this machine, or has ended and its record tells how.
    No,
    /// It runs here; the last thing it printed.
    Running(String),
}

/// Runs test commands on this machine.
#[async_trait]
pub trait TestRuns: Send + Sync {
    /// Starts the run and returns at once. From then on the run's record tells how it stands.
    async fn start(&self, spec: RunSpec) -> Result<Start, Fault>;

    /// Waits until the run has ended here, at most for `patience`, and tells how it stands.
    async fn wait(&self, run: &RunId, patience: Duration) -> Here;

    /// The runs on this machine.
    async fn here(&self) -> Vec<RunId>;

    /// Ends the run's processes; its record then says that it was stopped. Nothing happens if it is not here.
    async fn stop(&self, run: &RunId);

    /// Packs what a run leaves that ended elsewhere, of which nothing is known but its certificate and its end.
    async fn pack(&self, run: &RunId, certificate: Map<String, Value>, end: &RunEnd) -> Result<Bundle, Fault>;

    /// Stops every run on this machine and waits until all their records say so: the worker is about to end.
    async fn stop_all(&self);
}

/// What is recorded of a run. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Names the worker process that runs it.
    pub worker: String,
    /// Grows for as long as that worker lives and the run runs.
    pub beat: u64,
    /// How it stands.
    pub status: RunStatus,
    /// The build of CodeBuild that it is, if it is one: then no worker runs it, and its beat does not move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
}

/// How a recorded run stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunStatus {
    /// It runs.
    Running {
        /// The last thing it printed.
        progress: String,
    },
    /// Its worker was told to stop before the run ended: it may be started anew at once.
    Stopped,
    /// It has ended.
    Ended(RunEnd),
}

/// The archive that a run leaves: page, reports, log and certificate, as a zip file.
#[derive(Debug)]
pub struct Bundle {
    /// The directory that holds it and vanishes with it.
    pub home: TempDir,
    /// The zip file.
    pub file: PathBuf,
    /// The page about the run that is in the zip file too, where it has just been made.
    pub page: Option<PathBuf>,
}

/// Records of runs, readable by every worker.
#[async_trait]
pub trait RunRecords: Send + Sync {
    /// The run's record, if it has one.
    async fn read(&self, stage: &StageName, run: &RunId) -> Result<Option<RunRecord>, Fault>;

    /// Writes the run's first record, if it has none. Tells whether it did: of several workers that are to start the
    /// same run, one may.
    async fn create(&self, stage: &StageName, run: &RunId, record: &RunRecord) -> Result<bool, Fault>;

    /// Writes the run's record.
    async fn write(&self, stage: &StageName, run: &RunId, record: &RunRecord) -> Result<(), Fault>;

    /// Stores the zip file that the run leaves, and its page beside it.
    async fn write_bundle(&self, stage: &StageName, run: &RunId, bundle: &Bundle) -> Result<(), Fault>;

    /// Where what the run leaves is, for a person to find it: an `s3://` address that ends with a slash. The page is
    /// `report.html` there, the zip file `bundle.zip`.
    fn place(&self, stage: &StageName, run: &RunId) -> String;

    /// The zip file that the run left, if it left one.
    async fn read_bundle(&self, stage: &StageName, run: &RunId) -> Result<Option<Bundle>, Fault>;
}
