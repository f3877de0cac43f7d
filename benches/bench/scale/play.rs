//! One scenario, played: workers, pipelines that start at random, and whoever looks on.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bluestage::actions::{Limits, switch_back};
use bluestage::clock::Clock;
use bluestage::dice::Dice;
use bluestage::ports::{ActionKind, Drafts, ExecutionStatus, Ports, Verdict};
use bluestage::worker::{Loop, Pacing, Settings, Worker};
use fastrand::Rng;
use tokio_util::sync::CancellationToken;

use super::cloudformation::CloudFormation;
use super::codepipeline::CodePipeline;
use super::documents::Documents;
use super::network::Network;
use super::releases::{Release, populated};
use super::{Scenario, about};
use crate::memory::line::Line;
use crate::memory::runs::Machine;
use crate::memory::{Command, HOLD, Memory, seal};
use crate::switching::request;

/// Seconds that tests take, give or take a half.
const TESTS: u64 = 480;

/// From one beat of a run in memory to the next.
const BEAT: u64 = 5;

/// How many changes of its own, beside so many of the pipelines, whoever looks on makes: enough to see how long one takes,
/// and too few to be in the way.
const PROBES: f64 = 0.05;

/// The changes of one release: begun, ready, run begun, run passed, live, retired, forgotten.
const CHANGES: f64 = 7.0;

const MINUTE: Duration = Duration::from_secs(60);

/// What became of the releases.
#[derive(Clone, Default)]
pub(super) struct Came {
    pub(super) begun: usize,
    pub(super) promoted: usize,
    /// How often a promotion was refused because a version that it was tested with was replaced.
    pub(super) retested: usize,
    /// A newer version of the same service went live first.
    pub(super) overtaken: usize,
    /// Everything else that a worker said, of which there should be nothing.
    pub(super) otherwise: Vec<String>,
    /// From a pipeline's start until its version is live.
    pub(super) took: Vec<Duration>,
}

/// What was seen.
pub(super) struct Seen {
    pub(super) minutes: u64,
    pub(super) real: Duration,
    pub(super) came: Came,
    pub(super) network: Arc<Network>,
    pub(super) documents: Arc<Documents>,
    pub(super) waited: Vec<Duration>,
    pub(super) stored: Vec<Duration>,
    pub(super) sweeps: Vec<Duration>,
}

struct Stand {
    scenario: Scenario,
    memory: Memory,
    network: Arc<Network>,
    documents: Arc<Documents>,
    stacks: Arc<CloudFormation>,
    codepipeline: Arc<CodePipeline>,
    came: Mutex<Came>,
    stored: Mutex<Vec<Duration>>,
    sweeps: Mutex<Vec<Duration>>,
}

/// Plays the scenario to its end, or as long as it may take.
pub(super) fn play(scenario: &Scenario, longest: Duration) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let began = Instant::now();
    let (stand, minutes) = runtime.block_on(async {
        let stand = Arc::new(Stand::new(scenario));
        tokio::select! {
            biased;
            () = stand.last(began + longest) => {}
            () = stand.works() => {}
        }
        let minutes = stand.network.clock.elapsed().as_secs() / 60;
        (stand, minutes)
    });
    let taken = |times: &Mutex<Vec<Duration>>| times.lock().unwrap().clone();
    Seen {
        minutes,
        real: began.elapsed(),
        came: stand.came.lock().unwrap().clone(),
        network: Arc::clone(&stand.network),
        documents: Arc::clone(&stand.documents),
        waited: stand.codepipeline.waited(),
        stored: taken(&stand.stored),
        sweeps: taken(&stand.sweeps),
    }
}

impl Stand {
    fn new(scenario: &Scenario) -> Self {
        let memory = Memory::new();
        for service in 0..scenario.services {
            Release { service, execution: 0, attempt: 0 }.has_its_artifact(scenario, &memory);
        }
        for beats in beats() {
            memory.script.means(&command(beats), Command::passes(3).after(beats));
        }
        let network = Arc::new(Network::new(Arc::clone(&memory.clock)));
        let stages = populated(scenario);
        Self {
            scenario: scenario.clone(),
            memory,
            stacks: Arc::new(CloudFormation::new(Arc::clone(&network), &stages)),
            documents: Arc::new(Documents::new(Arc::clone(&network), stages)),
            codepipeline: Arc::new(CodePipeline::new(Arc::clone(&network))),
            network,
            came: Mutex::default(),
            stored: Mutex::default(),
            sweeps: Mutex::default(),
        }
    }

    /// Lets the scenario's time pass, minute by minute, unless the real time is over first.
    async fn last(&self, until: Instant) {
        for _ in 0..self.scenario.minutes {
            if Instant::now() >= until {
                return;
            }
            self.network.clock.sleep(MINUTE).await;
            self.documents.weigh();
        }
    }

    async fn works(self: &Arc<Self>) {
        let workers: Vec<(Ports, Worker)> = (0..self.scenario.workers)
            .map(|number| {
                let ports = self.ports(number as u64);
                (ports.clone(), Worker::new(ports, settings(self.scenario.slots)))
            })
            .collect();
        let running = workers.iter().map(|(_, worker)| worker.run(CancellationToken::new(), CancellationToken::new()));
        tokio::select! {
            biased;
            _ = futures::future::join_all(running) => unreachable!("nobody tells the workers to stop"),
            () = self.starts() => {}
            () = self.changes(&workers) => {}
            () = self.watches(&workers) => {}
        }
    }

    fn ports(&self, number: u64) -> Ports {
        let line = Arc::new(Line::under(self.network.clone()));
        let memory = &self.memory;
        let door = (Arc::clone(&line), memory.clock.clone() as Arc<dyn Clock>);
        Ports {
            jobs: self.codepipeline.clone(),
            journal: Arc::new(memory.journal.over(Arc::clone(&line))),
            stages: self.documents.clone(),
            drafts: Arc::new(Drafts::default()),
            stacks: self.stacks.clone(),
            glances: Arc::default(),
            artifacts: Arc::new(memory.artifacts.over(Arc::clone(&line))),
            test_runs: Arc::new(Machine::new(door, Arc::clone(&memory.script), Arc::clone(&memory.records))),
            run_records: Arc::new(memory.records.over(Arc::clone(&line))),
            builds: Arc::new(memory.builds.over(Arc::clone(&line))),
            test_roles: Arc::new(memory.roles.over(line)),
            clock: memory.clock.clone(),
            dice: Arc::new(Dice::seeded(number)),
            seal: seal(),
        }
    }

    /// Pipelines start, one by one, at random.
    async fn starts(self: &Arc<Self>) {
        let mut dice = Rng::with_seed(8);
        // Those before it are what the stage begins with.
        for execution in 2 * (self.scenario.services + 1).. {
            let pause = -(1.0 - dice.f64()).ln() * 60.0 / self.scenario.per_minute;
            self.network.clock.sleep(Duration::from_secs_f64(pause)).await;
            let release = Release { service: dice.usize(..self.scenario.services), execution, attempt: 0 };
            let (this, own) = (Arc::clone(self), dice.fork());
            tokio::spawn(async move { this.releases(release, own).await });
        }
    }

    /// One pipeline execution: its pipeline stage is retried as often as a neighbour was faster.
    async fn releases(&self, mut release: Release, mut dice: Rng) {
        let began = self.network.clock.elapsed();
        self.came.lock().unwrap().begun += 1;
        let mut action = 0;
        while let Some(kind) = ActionKind::ALL.get(action) {
            let tests = command(about(&mut dice, TESTS).as_secs() / BEAT);
            let verdict = self.codepipeline.act(release.job(*kind, &self.scenario, &tests)).await;
            let Verdict::Failed(failure) = verdict else {
                action += 1;
                continue;
            };
            let mut came = self.came.lock().unwrap();
            match failure.refusal {
                Some("Skewed") => {
                    came.retested += 1;
                    release.attempt += 1;
                    action = 0;
                    continue;
                }
                Some("OlderThanLive") => came.overtaken += 1,
                _ => came.otherwise.push(failure.message.to_string()),
            }
            return self.codepipeline.execution_is(&release.execution_id(), ExecutionStatus::Failed);
        }
        self.codepipeline.execution_is(&release.execution_id(), ExecutionStatus::Succeeded);
        let mut came = self.came.lock().unwrap();
        came.promoted += 1;
        came.took.push(self.network.clock.elapsed() - began);
    }

    /// Now and then a worker changes something that nobody else is about, to see how long that takes.
    async fn changes(&self, workers: &[(Ports, Worker)]) {
        let probes_a_minute = self.scenario.per_minute * CHANGES * PROBES;
        let request = request(self.scenario.services);
        for (ports, _) in workers.iter().cycle() {
            self.network.clock.sleep(MINUTE.div_f64(probes_a_minute)).await;
            let since = self.network.clock.elapsed();
            switch_back(ports, &request).await.unwrap();
            self.stored.lock().unwrap().push(self.network.clock.elapsed() - since);
        }
    }

    /// Looks every second at what the workers say that they do, to see how long they sweep.
    async fn watches(&self, workers: &[(Ports, Worker)]) {
        let mut sweeping: Vec<Option<Duration>> = vec![None; workers.len()];
        loop {
            self.network.clock.sleep(Duration::from_secs(1)).await;
            for ((_, worker), sweeping) in workers.iter().zip(&mut sweeping) {
                let loops = worker.health().loops();
                let sweeps = loops.iter().find(|told| told.of == Loop::Sweep && told.doing == "sweeps the stages");
                let before = std::mem::replace(sweeping, sweeps.map(|told| told.age));
                if let (Some(took), None) = (before, sweeps) {
                    self.sweeps.lock().unwrap().push(took);
                }
            }
        }
    }
}

fn beats() -> std::ops::RangeInclusive<u64> {
    TESTS / 2 / BEAT..=TESTS * 3 / 2 / BEAT
}

fn command(beats: u64) -> String {
    format!("make test # which takes {} s", beats * BEAT)
}

/// As they are by default, but for the number of slots.
fn settings(slots: usize) -> Settings {
    Settings {
        slots,
        limits: Limits::default(),
        longest_hold: HOLD,
        pacing: Pacing { busy: Duration::from_secs(1), idle: Duration::from_secs(10) },
        sweep_every: MINUTE,
        failed_grace: 30 * MINUTE,
        lease: Duration::from_secs(30),
        stop_grace: Duration::from_secs(25),
    }
}
