//! The outside world in memory: every port, one line that can break, and a clock that does not wait.
//!
//! Begin with [`Memory`], the world, and [`Release`] (`release.rs`), one pipeline execution of one service. Everything in
//! it is deterministic on a single-threaded runtime whose clock is paused.

#![allow(dead_code, reason = "each test binary that includes this world uses its own part of it")]

pub(crate) mod account;
pub(crate) mod artifacts;
pub(crate) mod builds;
pub(crate) mod clock;
pub(crate) mod freezing;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod line;
pub(crate) mod records;
pub(crate) mod release;
pub(crate) mod roles;
pub(crate) mod runs;
pub(crate) mod stacks;
pub(crate) mod stages;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bluestage::actions::{Hold, Limits, Sweeper, Swept, act};
use bluestage::clock::Clock;
use bluestage::dice::Dice;
use bluestage::ports::{Drafts, Glances, Job, Ports, Seal, Verdict};
use bluestage::release::{ServiceName, Stage, StageName, Version, VersionRef};
use tokio_util::sync::CancellationToken;

pub(crate) use self::line::{Break, Landed};
pub(crate) use self::release::Release;
pub(crate) use self::runs::Command;

/// How long a job is held, as the worker does by default.
pub(crate) const HOLD: Duration = Duration::from_secs(20);

/// How long the blue of a failed execution is kept.
pub(crate) const GRACE: Duration = Duration::from_secs(30 * 60);

/// What all workers of this world seal their tokens with.
pub(crate) fn seal() -> Seal {
    Seal::of(&"a key that all workers of this world have".to_owned().into()).unwrap()
}

/// The world.
pub(crate) struct Memory {
    pub(crate) line: Arc<line::Line>,
    pub(crate) clock: Arc<clock::PausedClock>,
    pub(crate) jobs: Arc<jobs::MemoryJobs>,
    pub(crate) journal: Arc<journal::MemoryJournal>,
    pub(crate) stages: Arc<stages::MemoryStages>,
    pub(crate) stacks: Arc<stacks::MemoryStacks>,
    pub(crate) artifacts: Arc<artifacts::MemoryArtifacts>,
    pub(crate) script: Arc<runs::Script>,
    pub(crate) records: Arc<records::MemoryRecords>,
    pub(crate) roles: Arc<roles::MemoryRoles>,
    pub(crate) builds: Arc<builds::MemoryBuilds>,
    pub(crate) dice: Arc<Dice>,
    machines: Mutex<BTreeMap<&'static str, Arc<runs::Machine>>>,
    sweeper: Sweeper,
    executions: AtomicU32,
}

impl Memory {
    /// A world in which nothing has happened.
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    /// The same with other dice.
    pub(crate) fn seeded(seed: u64) -> Self {
        let line = Arc::new(line::Line::default());
        let clock = Arc::new(clock::PausedClock::start());
        Self {
            jobs: Arc::new(jobs::MemoryJobs::new(Arc::clone(&line), clock.clone())),
            journal: Arc::new(journal::MemoryJournal::new(Arc::clone(&line))),
            stages: Arc::new(stages::MemoryStages::new(Arc::clone(&line))),
            stacks: Arc::new(stacks::MemoryStacks::new(Arc::clone(&line), clock.clone())),
            artifacts: Arc::new(artifacts::MemoryArtifacts::new(Arc::clone(&line))),
            script: Arc::default(),
            records: Arc::new(records::MemoryRecords::new(Arc::clone(&line))),
            roles: Arc::new(roles::MemoryRoles::new(Arc::clone(&line))),
            builds: Arc::new(builds::MemoryBuilds::new(Arc::clone(&line), clock.clone())),
            dice: Arc::new(Dice::seeded(seed)),
            machines: Mutex::default(),
            sweeper: Sweeper::new(GRACE),
            executions: AtomicU32::new(0),
            line,
            clock,
        }
    }

    /// A pipeline execution of this service.
    pub(crate) fn release(&self, service: &str) -> Release<'_> {
        let number = self.executions.fetch_add(1, Ordering::Relaxed) + 1;
        Release::new(self, service, number)
    }

    /// The machine of this name.
    pub(crate) fn machine(&self, name: &'static str) -> Arc<runs::Machine> {
        let mut machines = self.machines.lock().unwrap();
        let made = machines.entry(name).or_insert_with(|| {
            let door = (Arc::clone(&self.line), self.clock.clone() as Arc<dyn Clock>);
            let script = Arc::clone(&self.script);
            Arc::new(runs::Machine::new(door, script, Arc::clone(&self.records)))
        });
        Arc::clone(made)
    }

    /// The ports of a worker on this machine.
    pub(crate) fn ports(&self, machine: &'static str) -> Ports {
        Ports {
            jobs: self.jobs.clone(),
            journal: self.journal.clone(),
            stages: self.stages.clone(),
            drafts: Arc::new(Drafts::default()),
            glances: Arc::new(Glances::default()),
            stacks: self.stacks.clone(),
            artifacts: self.artifacts.clone(),
            test_runs: self.machine(machine),
            builds: self.builds.clone(),
            run_records: self.records.clone(),
            test_roles: self.roles.clone(),
            clock: self.clock.clone(),
            dice: self.dice.clone(),
            seal: seal(),
        }
    }

    /// One hold, from now on.
    pub(crate) fn hold(&self) -> Hold {
        Hold::new(self.clock.clone(), HOLD, CancellationToken::new())
    }

    /// One turn of the job on machine `a`; `None` when the worker dies in it.
    pub(crate) async fn turn(&self, job: &Job) -> Option<Verdict> {
        self.turn_on("a", job).await
    }

    /// One turn of the job on this machine; `None` when the worker dies in it.
    pub(crate) async fn turn_on(&self, machine: &'static str, job: &Job) -> Option<Verdict> {
        let (ports, hold) = (self.ports(machine), self.hold());
        tokio::select! {
            biased;
            verdict = act(&ports, Limits::default(), job, &hold) => Some(verdict),
            () = self.line.crashed() => {
                self.machine(machine).dies();
                None
            }
        }
    }

    /// One sweep, always by the same sweeper.
    pub(crate) async fn sweep(&self) -> Result<Swept, String> {
        let hold = self.hold();
        self.sweeper.sweep(&self.ports("a"), &hold).await
    }

    /// One sweep by a person, who says what by.
    pub(crate) async fn sweep_by(&self, sweeper: &Sweeper) -> Result<Swept, String> {
        sweeper.sweep(&self.ports("a"), &self.hold()).await
    }

    /// What a sweep by that person would do.
    pub(crate) async fn plan_of(&self, sweeper: &Sweeper) -> Vec<String> {
        sweeper.plan(&self.ports("a")).await.unwrap()
    }

    /// How much time has passed.
    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Time passes.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// The stage as it is stored.
    pub(crate) fn stage(&self) -> Stage {
        let empty = || Stage::empty(stage_name());
        self.stages.now(&stage_name()).unwrap_or_else(empty)
    }

    /// The live version of this service.
    pub(crate) fn live(&self, name: &str) -> Option<Version> {
        self.stage().live(&service(name)).cloned()
    }

    /// Every version of this service.
    pub(crate) fn versions(&self, name: &str) -> Vec<Version> {
        let stage = self.stage();
        let found = stage.services.get(&service(name));
        found.map_or_else(Vec::new, |service| service.versions.values().cloned().collect())
    }

    /// Everything in the stage's history, as `SERVICE what`, oldest first.
    pub(crate) fn history(&self) -> Vec<String> {
        let stage = self.stage();
        let told = |event: &bluestage::release::Event| format!("{} {}", event.of.service, event.what);
        stage.recent.iter().map(told).collect()
    }
}

/// The one stage that these tests use, unless they say otherwise.
pub(crate) fn stage_name() -> StageName {
    "test".parse().unwrap()
}

/// A service's name.
pub(crate) fn service(name: &str) -> ServiceName {
    name.parse().unwrap()
}

/// This version of this service.
pub(crate) fn of(name: &str, version: &Version) -> VersionRef {
    VersionRef { service: service(name), version: version.id.clone() }
}
