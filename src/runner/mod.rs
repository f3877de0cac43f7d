//! Test commands as processes on this machine.
//!
//! Read in this order: this file (the port), `supervise` (one run from start to end), `group` (its processes, by the
//! pipe to their `supervisor`, which is a process of its own), `output` (what it prints), `tally` (how far it is), `secrets` (what is hidden of
//! that), `journal` (what is recorded of it), `reports` and `junit` (what its reports tell), `page` (the same for a
//! browser), `bundle` (what it leaves).
//! `running` is the list of runs, `supervisors` that of their supervisors, `home` clears up.

mod bundle;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod group;
mod home;
mod journal;
mod junit;
mod order;
mod output;
mod page;
mod remembered;
mod reports;
mod running;
mod secrets;
mod supervise;
mod supervisor;
mod supervisors;
mod tally;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::task::spawn_blocking;
use tracing::error;

use self::journal::Journal;
use self::running::{Claim, Running, Slot, Watched};
use self::supervise::Supervised;
pub use self::supervisor::{become_command, enforced, supervise};
pub use self::supervisors::{is_root, shield};
use crate::clock::Clock;
use crate::ports::{Bundle, Fault, Here, RunEnd, RunRecords, RunSpec, RunStatus, Start, TestRuns};
use crate::release::RunId;

/// What the operator decides about test commands.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many runs this machine takes at once.
    pub at_once: usize,
    /// This program: run with the verb `run-supervisor` it supervises a run.
    pub program: PathBuf,
    /// The `PATH` that the commands get; they may read and execute what is in its directories.
    pub path: String,
    /// What else they may read and execute, beyond the system's own directories.
    pub read: Vec<PathBuf>,
    /// What they may write, beyond the home of their run.
    pub write: Vec<PathBuf>,
    /// What each run may use.
    pub limits: Limits,
    /// Names this worker process in the records of its runs.
    pub worker: String,
    /// How long things take.
    pub pace: Pace,
}

/// A mebibyte, in bytes.
const MIB: u64 = 1 << 20;

/// What each run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads, at one time.
    pub processes: u64,
    /// Memory that its processes have for themselves, together.
    pub memory_mib: Option<u64>,
    /// Disk: what its home holds, the input artifact included.
    pub disk_mib: u64,
    /// Seconds of processor time, for each process.
    pub cpu_seconds: Option<u64>,
    /// Open files, for each process.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A browser has about 150 and a JVM about 50, so this is several of them side by side.
            processes: 1_024,
            // How much a run may take depends on the machine alone; the kernel ends tests before the worker.
            memory_mib: None,
            // Dependencies and build results of a large project, several times over.
            disk_mib: 10_240,
            // The time limit of the action bounds it.
            cpu_seconds: None,
            // What a web server under test and its clients need; the kernel's own default for a hard limit.
            open_files: 4_096,
        }
    }
}

/// How long things take, and how much is kept. The defaults suit everyone but a test in a hurry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one beat of a run's record to the next.
    pub beat: Duration,
    /// From `SIGTERM` to `SIGKILL` when a run has exceeded its time limit.
    pub grace_at_limit: Duration,
    /// From `SIGTERM` to `SIGKILL` when a run is to stop.
    pub grace_at_stop: Duration,
    /// How long output is waited for that somebody could still write after the command has ended.
    pub drain: Duration,
    /// The pause before a failed write is tried again; each further pause is twice as long.
    pub first_retry: Duration,
    /// The longest such pause.
    pub longest_retry: Duration,
    /// How long a failing write is tried.
    pub retry: Duration,
    /// The same for a run that is to stop.
    pub retry_when_stopping: Duration,
    /// How much of what a run prints is kept in its log.
    pub log_bytes: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            // Progress in the console moves about as often; and a few lost beats still fit into any sensible lease.
            beat: Duration::from_secs(5),
            // Enough for a test framework to write its report and stop what it has started.
            grace_at_limit: Duration::from_secs(5),
            // A stopping worker has about 30 seconds in all, on ECS and Kubernetes alike, and its report is not needed.
            grace_at_stop: Duration::from_secs(3),
            // What a process has written before it was killed is in the pipe: reading it takes milliseconds.
            drain: Duration::from_secs(1),
            first_retry: Duration::from_millis(500),
            longest_retry: Duration::from_secs(5),
            // S3's bad minutes are mostly shorter, and a lost result costs a whole run of the tests.
            retry: Duration::from_mins(2),
            // With the grace before it this stays well within a stopping worker's 30 seconds.
            retry_when_stopping: Duration::from_secs(5),
            // Ten times what anyone reads, and small beside the reports of a large suite.
            log_bytes: 10 << 20,
        }
    }
}

/// Runs test commands as processes on this machine.
pub struct CommandRunner {
    settings: Settings,
    records: Arc<dyn RunRecords>,
    clock: Arc<dyn Clock>,
    running: Arc<Running>,
}

impl CommandRunner {
    /// A runner without runs.
    #[must_use]
    pub fn new(settings: Settings, records: Arc<dyn RunRecords>, clock: Arc<dyn Clock>) -> Self {
        Self { settings, records, clock, running: Arc::default() }
    }

    fn journal(&self, spec: &RunSpec, slot: &Slot) -> Journal {
        Journal {
            records: Arc::clone(&self.records),
            clock: Arc::clone(&self.clock),
            pace: self.settings.pace,
            worker: self.settings.worker.clone(),
            stage: spec.stage.clone(),
            run: spec.run.clone(),
            stop: slot.stop.clone(),
            printed: Arc::clone(&slot.printed),
        }
    }
}

#[async_trait]
impl TestRuns for CommandRunner {
    async fn start(&self, spec: RunSpec) -> Result<Start, Fault> {
        let slot = match self.running.claim(&spec.run, self.settings.at_once) {
            Claim::Already => return Ok(Start::Started),
            Claim::Full => return Ok(Start::Full),
            Claim::Mine(slot) => slot,
        };
        let journal = Arc::new(self.journal(&spec, &slot));
        // First the record, then the command: nothing ever runs that nobody knows of.
        if !journal.begin().await? {
            return Ok(Start::Elsewhere);
        }
        match Supervised::start(spec, &self.settings, Arc::clone(&journal), slot).await {
            Ok(run) => {
                tokio::spawn(follow(run));
                Ok(Start::Started)
            }
            Err(error) => {
                journal.end(1, RunStatus::Stopped).await;
                Err(Fault::Unavailable { doing: "start the test command".into(), detail: error.to_string() })
            }
        }
    }

    async fn wait(&self, run: &RunId, patience: Duration) -> Here {
        let Some(mut watched) = self.running.find(run) else {
            return Here::No;
        };
        tokio::select! {
            biased;
            () = watched.ended() => Here::No,
            () = self.clock.sleep(patience) => Here::Running(watched.printed.progress()),
        }
    }

    async fn here(&self) -> Vec<RunId> {
        self.running.names()
    }

    async fn stop(&self, run: &RunId) {
        if let Some(watched) = self.running.find(run) {
            stopped(watched).await;
        }
    }

    async fn pack(&self, run: &RunId, certificate: Map<String, Value>, end: &RunEnd) -> Result<Bundle, Fault> {
        let (run, end) = (run.clone(), end.clone());
        let packed = spawn_blocking(move || bundle::of_build(&run, certificate, &end)).await;
        let packed = packed.unwrap_or_else(|error| Err(error.into()));
        packed.map_err(|error| Fault::Unavailable { doing: "pack what a run leaves".into(), detail: error.to_string() })
    }

    async fn stop_all(&self) {
        join_all(self.running.all().into_iter().map(stopped)).await;
    }
}

async fn stopped(mut watched: Watched) {
    watched.stop.cancel();
    watched.ended().await;
}

/// Follows a run to its end, whatever happens.
///
/// A panic on the way ends the run's processes and gives its place back, because both hang on values that it drops. Its
/// record then still says that it runs, but the beat no longer moves, and that is what others go by: the next worker
/// that looks for long enough starts the run anew.
async fn follow(run: Supervised) {
    let id = run.run().clone();
    if AssertUnwindSafe(run.finish()).catch_unwind().await.is_err() {
        error!(run = %id, "following a test run failed: this is a bug; the run will be started anew");
    }
}
