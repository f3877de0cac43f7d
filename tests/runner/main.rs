//! Real test commands under their supervisor, records in memory. Names are sentences.

#![expect(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]

mod ending;
mod frameworks;
mod hostile;
mod limits;
mod page;
mod recording;
mod secrets;
mod surroundings;

#[path = "../chromium/mod.rs"]
mod chromium;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use serde_json::json;
use tempfile::TempDir;

use bluestage::archive::unpack;
use bluestage::clock::{Clock, SystemClock};
use bluestage::ports::{Bundle, Fault, Here, RunEnd, RunRecord, RunRecords, RunSpec, RunStatus, Start, TestRuns};
use bluestage::release::{RunId, StageName};
use bluestage::runner::{CommandRunner, Limits, Pace, Settings};

/// Long enough for anything here on a busy machine; nothing waits this long unless it is broken.
const LONG: Duration = Duration::from_secs(20);

/// Records in memory: every record that was ever written, oldest first.
#[derive(Default)]
struct Memory {
    written: Mutex<Vec<(RunId, RunRecord)>>,
    bundles: Mutex<HashMap<RunId, Vec<u8>>>,
    /// So many of the next writes fail.
    failing: AtomicUsize,
    /// Storing a bundle panics.
    broken: bool,
}

impl Memory {
    fn of(&self, run: &RunId) -> Vec<RunRecord> {
        let written = self.written.lock().unwrap();
        let of_run = written.iter().filter(|(name, _)| name == run);
        of_run.map(|(_, record)| record.clone()).collect()
    }

    fn fail_perhaps(&self) -> Result<(), Fault> {
        let lower = |left: usize| left.checked_sub(1);
        match self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lower) {
            Err(_) => Ok(()),
            Ok(_) => Err(Fault::Unavailable { doing: "write".into(), detail: "slow down".into() }),
        }
    }
}

#[async_trait]
impl RunRecords for Memory {
    async fn read(&self, _: &StageName, run: &RunId) -> Result<Option<RunRecord>, Fault> {
        Ok(self.of(run).pop())
    }

    async fn create(&self, stage: &StageName, run: &RunId, record: &RunRecord) -> Result<bool, Fault> {
        let absent = self.of(run).is_empty();
        if absent {
            self.write(stage, run, record).await?;
        }
        Ok(absent)
    }

    async fn write(&self, _: &StageName, run: &RunId, record: &RunRecord) -> Result<(), Fault> {
        self.fail_perhaps()?;
        let mut written = self.written.lock().unwrap();
        written.push((run.clone(), record.clone()));
        Ok(())
    }

    async fn write_bundle(&self, _: &StageName, run: &RunId, bundle: &Bundle) -> Result<(), Fault> {
        assert!(!self.broken, "broken on purpose");
        self.fail_perhaps()?;
        let bytes = fs::read(&bundle.file).unwrap();
        self.bundles.lock().unwrap().insert(run.clone(), bytes);
        Ok(())
    }

    fn place(&self, _: &StageName, run: &RunId) -> String {
        format!("memory://{run}/")
    }

    async fn read_bundle(&self, _: &StageName, _: &RunId) -> Result<Option<Bundle>, Fault> {
        Ok(None)
    }
}

/// A runner with everything around it.
struct Bench {
    runner: CommandRunner,
    memory: Arc<Memory>,
    clock: Arc<SystemClock>,
    homes: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(quick(), Memory::default())
    }

    fn with(pace: Pace, memory: Memory) -> Self {
        Self::of(Settings { pace, ..settings() }, memory)
    }

    fn limited(limits: Limits) -> Self {
        Self::of(Settings { limits, ..settings() }, Memory::default())
    }

    fn of(settings: Settings, memory: Memory) -> Self {
        let (memory, clock) = (Arc::new(memory), Arc::new(SystemClock::start()));
        Self {
            runner: CommandRunner::new(settings, memory.clone(), clock.clone()),
            memory,
            clock,
            homes: TempDir::new().unwrap(),
        }
    }

    fn spec(&self, name: &str, command: &str) -> RunSpec {
        let home = TempDir::new_in(self.homes.path()).unwrap();
        let work = home.path().join("work");
        fs::create_dir(&work).unwrap();
        let certificate = json!({"stage": "test", "view": {"orders": "v1-abc"}});
        RunSpec {
            stage: "test".parse().unwrap(),
            run: name.parse().unwrap(),
            home,
            work,
            command: command.into(),
            environment: Vec::new(),
            secrets: Vec::new(),
            reports: None,
            time_limit: LONG,
            certificate: certificate.as_object().unwrap().clone(),
        }
    }

    async fn start(&self, spec: RunSpec) -> RunId {
        let run = spec.run.clone();
        assert_eq!(self.runner.start(spec).await.unwrap(), Start::Started);
        run
    }

    /// Runs `spec` to its end.
    async fn run(&self, spec: RunSpec) -> RunEnd {
        let run = self.start(spec).await;
        self.end_of(&run).await
    }

    async fn end_of(&self, run: &RunId) -> RunEnd {
        self.end_within(run, LONG).await
    }

    async fn end_within(&self, run: &RunId, patience: Duration) -> RunEnd {
        assert_eq!(self.runner.wait(run, patience).await, Here::No);
        match self.memory.of(run).pop().unwrap().status {
            RunStatus::Ended(end) => end,
            other => panic!("it has not ended: {other:?}"),
        }
    }

    /// Waits until the run's last line is a number, which it tells.
    async fn number_printed_by(&self, run: &RunId) -> u32 {
        loop {
            let here = self.runner.wait(run, Duration::from_millis(10)).await;
            let Here::Running(progress) = here else {
                panic!("the run is not here any more");
            };
            if let Ok(number) = progress.parse() {
                return number;
            }
        }
    }

    /// Waits until no process of this number runs.
    async fn is_gone(&self, pid: u32) {
        let began = self.clock.elapsed();
        while is_alive(pid) {
            assert!(self.clock.elapsed() - began < LONG, "{pid} still runs");
            self.clock.sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the run left, unpacked.
    fn bundle_of(&self, run: &str) -> TempDir {
        let into = TempDir::new().unwrap();
        let bundles = self.memory.bundles.lock().unwrap();
        let bytes = bundles.get(&run.parse().unwrap()).expect("a bundle");
        let file = self.homes.path().join("read.zip");
        fs::write(&file, bytes).unwrap();
        unpack(&file, into.path()).unwrap();
        into
    }

    /// Nothing of any run is left on the disk, and none is on the list.
    #[track_caller]
    fn is_clean(&self) {
        assert!(self.runner.here().now_or_never().unwrap().is_empty());
        let left: Vec<PathBuf> = fs::read_dir(self.homes.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn settings() -> Settings {
    Settings {
        at_once: 2,
        program: env!("CARGO_BIN_EXE_bluestage").into(),
        path: "/usr/local/bin:/usr/bin:/bin".into(),
        read: Vec::new(),
        write: Vec::new(),
        limits: Limits::default(),
        worker: "worker-1".into(),
        pace: quick(),
    }
}

/// A pace at which nobody has to wait.
fn quick() -> Pace {
    Pace {
        beat: Duration::from_millis(20),
        grace_at_limit: Duration::from_millis(300),
        grace_at_stop: Duration::from_millis(300),
        drain: Duration::from_millis(100),
        first_retry: Duration::from_millis(1),
        longest_retry: Duration::from_millis(10),
        retry: Duration::from_millis(500),
        retry_when_stopping: Duration::from_millis(500),
        log_bytes: 10_000,
    }
}

fn is_alive(pid: u32) -> bool {
    // A process that nobody has buried yet (Z) does not run any more.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

/// The directory on the `PATH` in which the program is.
#[expect(clippy::disallowed_methods, reason = "which tools this machine has is no setting of ours")]
fn on_the_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|directory| directory.join(program).is_file())
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap()
}
