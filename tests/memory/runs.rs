//! Test runs: what a command would print and how it would end is scripted; the beats are real.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{Bundle, FailedTest, Fault, Here, RunEnd, RunSpec, RunStatus, Start, TestRuns, Totals};
use bluestage::release::RunId;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::line::Line;
use super::records::MemoryRecords;

/// From one beat of a record to the next.
const BEAT: Duration = Duration::from_secs(5);

/// What a test command does.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    beats: u64,
    end: Option<RunEnd>,
}

impl Command {
    /// It passes so many tests at once.
    pub(crate) fn passes(tests: u64) -> Self {
        let totals = Totals { tests, ..Totals::default() };
        Self { beats: 0, end: Some(ended(Some(0), totals)) }
    }

    /// One of its three tests fails.
    pub(crate) fn fails(test: &str, message: &str) -> Self {
        let totals = Totals { tests: 3, failed: 1, skipped: 0, flaky: 0 };
        let mut end = ended(Some(1), totals);
        end.failed_tests.push(FailedTest { name: test.to_owned(), message: message.to_owned() });
        Self { beats: 0, end: Some(end) }
    }

    /// It never ends, whatever its time limit is.
    pub(crate) fn hangs() -> Self {
        Self { beats: u64::MAX, end: None }
    }

    /// It takes so many beats of five seconds.
    #[must_use]
    pub(crate) fn after(self, beats: u64) -> Self {
        Self { beats, ..self }
    }
}

fn ended(exit_code: Option<i32>, totals: Totals) -> RunEnd {
    RunEnd {
        exit_code,
        signal: None,
        exceeded_seconds: None,
        overrun: None,
        totals: Some(totals),
        failed_tests: Vec::new(),
        report_problem: None,
        tail: String::new(),
        started_at: 0,
        ended_at: 0,
        build: None,
    }
}

/// What a run was given, as its command saw it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) run: RunId,
    pub(crate) command: String,
    pub(crate) environment: BTreeMap<String, String>,
    /// The variables whose values are hidden in what is kept of the run.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) view: Value,
    pub(crate) certificate: Value,
    pub(crate) time_limit: Duration,
    /// The files in the directory in which the command ran.
    pub(crate) files: Vec<String>,
}

/// The commands that runs will be, and what runs were given.
#[derive(Default)]
pub(crate) struct Script {
    commands: Mutex<VecDeque<Command>>,
    /// What commands do, by their text.
    known: Mutex<BTreeMap<String, Command>>,
    given: Mutex<Vec<Given>>,
}

impl Script {
    /// The next run that nothing was said about is this; without a word runs pass.
    pub(crate) fn next_run(&self, command: Command) {
        self.commands.lock().unwrap().push_back(command);
    }

    /// A run of the command with this text is this.
    pub(crate) fn means(&self, text: &str, command: Command) {
        self.known.lock().unwrap().insert(text.to_owned(), command);
    }

    /// The text of the command that was run under this name.
    pub(crate) fn command_of(&self, run: &RunId) -> Option<String> {
        let given = self.given.lock().unwrap();
        given.iter().rfind(|given| given.run == *run).map(|given| given.command.clone())
    }

    /// What each run was given, in order.
    pub(crate) fn given(&self) -> Vec<Given> {
        self.given.lock().unwrap().clone()
    }

    fn begin(&self, spec: &RunSpec) -> Command {
        let environment: BTreeMap<_, _> = spec.environment.iter().cloned().collect();
        let view = std::fs::read(&environment["BLUESTAGE_VIEW"]).expect("the view is a file");
        let files = std::fs::read_dir(&spec.work).expect("the artifact is unpacked");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let given = Given {
            run: spec.run.clone(),
            command: spec.command.clone(),
            view: serde_json::from_slice(&view).expect("the view is JSON"),
            certificate: spec.certificate.clone().into(),
            time_limit: spec.time_limit,
            files: files.map(name).collect(),
            secrets: spec.secrets.iter().map(|(name, value)| (name.clone(), value.expose_secret().into())).collect(),
            environment,
        };
        self.given.lock().unwrap().push(given);
        if let Some(known) = self.known.lock().unwrap().get(&spec.command) {
            return known.clone();
        }
        let mut commands = self.commands.lock().unwrap();
        commands.pop_front().unwrap_or_else(|| Command::passes(3))
    }
}

struct Running {
    task: AbortHandle,
    ended: watch::Receiver<()>,
}

/// One machine on which runs run.
pub(crate) struct Machine {
    pub(crate) line: Arc<Line>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) script: Arc<Script>,
    pub(crate) records: Arc<MemoryRecords>,
    /// Over which the runs record how they stand.
    recording: Arc<Line>,
    places: Arc<Mutex<usize>>,
    running: Arc<Mutex<BTreeMap<RunId, Running>>>,
}

impl Machine {
    pub(crate) fn new(
        (line, clock): (Arc<Line>, Arc<dyn Clock>),
        script: Arc<Script>,
        records: Arc<MemoryRecords>,
    ) -> Self {
        let recording = Arc::clone(&line);
        let places = Arc::new(Mutex::new(usize::MAX));
        Self { line, clock, script, records, recording, places, running: Arc::default() }
    }

    /// The same machine, asked over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self {
            line,
            clock: Arc::clone(&self.clock),
            script: Arc::clone(&self.script),
            records: Arc::clone(&self.records),
            recording: Arc::clone(&self.recording),
            places: Arc::clone(&self.places),
            running: Arc::clone(&self.running),
        }
    }

    /// How many runs it takes at once.
    pub(crate) fn takes(&self, places: usize) {
        *self.places.lock().unwrap() = places;
    }

    /// The machine is gone, and every run on it; their records stay as they are.
    pub(crate) fn dies(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        running.values().for_each(|run| run.task.abort());
    }

    /// The runs that are on it.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let running = self.running.lock().unwrap();
        let on_it = running.iter().filter(|(_, run)| run.ended.has_changed().is_ok());
        on_it.map(|(run, _)| run.clone()).collect()
    }

    fn begin(&self, spec: RunSpec) -> Start {
        if self.runs().contains(&spec.run) {
            return Start::Started;
        }
        if self.runs().len() >= *self.places.lock().unwrap() {
            return Start::Full;
        }
        if self.records.record(&spec.run).is_some() {
            return Start::Elsewhere;
        }
        let command = self.script.begin(&spec);
        let (alive, ended) = watch::channel(());
        let (records, clock) = (Arc::clone(&self.records), Arc::clone(&self.clock));
        let run = spec.run.clone();
        let progress = |beat| RunStatus::Running { progress: format!("beat {beat}") };
        records.note(&run, 0, progress(0));
        let line = Arc::clone(&self.recording);
        let task = tokio::spawn(async move {
            for beat in 1..=command.beats {
                clock.sleep(BEAT).await;
                if can_record(&line, &spec.run).await {
                    records.note(&spec.run, beat, progress(beat));
                }
            }
            if let Some(end) = command.end {
                while !can_record(&line, &spec.run).await {
                    clock.sleep(BEAT).await;
                }
                records.leave(&spec.run);
                records.note(&spec.run, command.beats + 1, RunStatus::Ended(end));
            }
            drop((alive, spec.home));
        });
        let task = task.abort_handle();
        let mut running = self.running.lock().unwrap();
        running.insert(run, Running { task, ended });
        Start::Started
    }

    fn end(&self, run: &RunId) {
        let found = self.running.lock().unwrap().remove(run);
        if let Some(running) = found.filter(|running| running.ended.has_changed().is_ok()) {
            running.task.abort();
            let beat = self.records.record(run).map_or(0, |record| record.beat);
            self.records.note(run, beat, RunStatus::Stopped);
        }
    }
}

/// Whether what a run records reaches its record; outside the weather it always does.
async fn can_record(line: &Line, run: &RunId) -> bool {
    let reaches = || Ok::<(), Fault>(());
    !line.is_outside() || line.call(format!("records.beat {run}"), reaches).await.is_ok()
}

#[async_trait]
impl TestRuns for Machine {
    async fn start(&self, spec: RunSpec) -> Result<Start, Fault> {
        let name = format!("test_runs.start {}", spec.run);
        self.line.call(name, || Ok(self.begin(spec))).await
    }

    async fn wait(&self, run: &RunId, patience: Duration) -> Here {
        let found = self.running.lock().unwrap().get(run).map(|run| run.ended.clone());
        let Some(mut ended) = found else {
            return Here::No;
        };
        tokio::select! {
            biased;
            _ = ended.changed() => Here::No,
            () = self.clock.sleep(patience) => {
                let beat = self.records.record(run).map_or(0, |record| record.beat);
                Here::Running(format!("beat {beat}"))
            }
        }
    }

    async fn here(&self) -> Vec<RunId> {
        self.runs()
    }

    async fn stop(&self, run: &RunId) {
        self.end(run);
    }

    async fn pack(&self, run: &RunId, certificate: Map<String, Value>, _: &RunEnd) -> Result<Bundle, Fault> {
        let effect = || {
            let home = tempfile::tempdir().expect("a temporary directory");
            let file = home.path().join("bundle.zip");
            std::fs::write(&file, Value::Object(certificate).to_string()).expect("the bundle can be written");
            Ok(Bundle { home, file, page: None })
        };
        self.line.call(format!("test_runs.pack {run}"), effect).await
    }

    async fn stop_all(&self) {
        self.runs().iter().for_each(|run| self.end(run));
    }
}
