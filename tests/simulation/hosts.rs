//! The hosts: on each, one worker process after the other, until the seed is over.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bluestage::actions::Limits;
use bluestage::clock::Clock;
use bluestage::dice::Dice;
use bluestage::ports::{Drafts, Glances, Ports};
use bluestage::worker::{Pacing, Settings, Worker};
use tokio_util::sync::CancellationToken;

use super::plan::{Crash, Mischief, Plan};
use super::time::{ProcessClock, SECOND};
use super::weather::{Process, Sky};
use super::world::World;
use crate::memory::HOLD;
use crate::memory::line::Line;
use crate::memory::runs::Machine;

/// From the end of a process that was told to stop to the start of its successor.
const RESTART: u64 = 5 * SECOND;

/// The blue of a failed execution is kept so long: shorter than by default, so that the end of a seed is not all waiting.
pub(crate) const GRACE: Duration = Duration::from_secs(3 * 60);

/// After so long without a sign of life the jobs of a worker are another one's.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// What runs on a host just now.
struct Running {
    process: Arc<Process>,
    /// What carries its test runs: the same fate, unless they outlive it.
    runs: Arc<Process>,
    machine: Arc<Machine>,
    stopping: CancellationToken,
    cancelled: CancellationToken,
}

/// One host.
pub(crate) struct Host {
    place: usize,
    running: Mutex<Option<Arc<Running>>>,
}

impl Host {
    pub(crate) fn new(place: usize) -> Self {
        Self { place, running: Mutex::default() }
    }

    fn now(&self) -> Option<Arc<Running>> {
        self.running.lock().unwrap().clone()
    }

    /// The runs that are on it.
    pub(crate) fn runs(&self) -> usize {
        self.now().map_or(0, |running| running.machine.runs().len())
    }

    /// Something happens to whatever runs on it.
    pub(crate) fn suffers(&self, sky: &Sky, what: Mischief) {
        let Some(running) = self.now().filter(|running| !running.process.fate.is_dead()) else {
            return;
        };
        sky.trace.step(sky.time.now(), &running.process.name, &format!("{what:?}"));
        match what {
            Mischief::Pause(long) => {
                sky.trace.count("pauses");
                let until = sky.time.now() + long;
                running.process.fate.freezes(until);
                running.runs.fate.freezes(until);
            }
            Mischief::Jump(by) => {
                sky.trace.count("clock jumps");
                running.process.off.fetch_add(by, Ordering::Relaxed);
            }
            Mischief::Stop(twice) => {
                sky.trace.count("stops");
                running.stopping.cancel();
                if twice {
                    running.cancelled.cancel();
                }
            }
        }
    }

    /// Whatever runs on it dies at once. Tells whether something did run.
    pub(crate) fn dies(&self) -> bool {
        let running = self.now().filter(|running| !running.process.fate.is_dead());
        running.inspect(|running| running.process.dies()).is_some()
    }

    /// Runs one process after the other, for ever.
    pub(crate) async fn lives(&self, world: &World) {
        let crashes = &world.sky.plan.crashes[self.place];
        for number in 0.. {
            let crash = crashes.get(number).copied();
            let running = Arc::new(running(world, (self.place, number), crash));
            *self.running.lock().unwrap() = Some(Arc::clone(&running));
            let worker = Worker::new(ports(world, (self.place, number), &running), settings(&world.sky.plan));
            world.sky.trace.step(world.sky.time.now(), &running.process.name, "starts");
            let ends = worker.run(running.stopping.clone(), running.cancelled.clone());
            tokio::select! {
                biased;
                () = running.process.died.notified() => {
                    let back_after = crash.map_or(RESTART, |crash| crash.back_after);
                    if crash.is_none_or(|crash| !crash.runs_live_on) {
                        running.runs.fate.dies();
                        running.machine.dies();
                    }
                    world.sky.time.pass(back_after).await;
                }
                ended = ends => {
                    world.sky.trace.step(world.sky.time.now(), &running.process.name, &format!("ended {ended:?}"));
                    running.process.fate.dies();
                    running.runs.fate.dies();
                    world.sky.time.pass(RESTART).await;
                }
            }
        }
    }
}

fn running(world: &World, (place, number): (usize, usize), crash: Option<Crash>) -> Running {
    let seed = world.sky.plan.seed.wrapping_mul(1_000_003) + (place * 100 + number) as u64;
    let name = format!("w{place}.{number}");
    let process = Process::new(&world.sky, name.clone(), (seed, crash));
    let runs = Process::new(&world.sky, format!("{name} runs"), (seed ^ 0x5eed, None));
    let memory = &world.memory;
    let door = (Arc::new(Line::under(runs.clone())), clock(world, &runs) as Arc<dyn Clock>);
    let machine = Machine::new(door, Arc::clone(&memory.script), Arc::clone(&memory.records));
    Running {
        process,
        runs,
        machine: Arc::new(machine),
        stopping: CancellationToken::new(),
        cancelled: CancellationToken::new(),
    }
}

fn clock(world: &World, process: &Process) -> Arc<ProcessClock> {
    Arc::new(ProcessClock {
        time: Arc::clone(&world.sky.time),
        fate: Arc::clone(&process.fate),
        off: Arc::clone(&process.off),
        since: world.sky.time.now(),
    })
}

fn ports(world: &World, (place, number): (usize, usize), running: &Running) -> Ports {
    let line = Arc::new(Line::under(running.process.clone()));
    let memory = &world.memory;
    let seed = world.sky.plan.seed.wrapping_mul(7_919) + (place * 100 + number) as u64;
    Ports {
        jobs: Arc::new(memory.jobs.over(Arc::clone(&line))),
        journal: Arc::new(memory.journal.over(Arc::clone(&line))),
        stages: Arc::new(memory.stages.over(Arc::clone(&line))),
        drafts: Arc::new(Drafts::default()),
        glances: Arc::new(Glances::default()),
        stacks: Arc::new(memory.stacks.over(Arc::clone(&line))),
        artifacts: Arc::new(memory.artifacts.over(Arc::clone(&line))),
        test_runs: Arc::new(running.machine.over(Arc::clone(&line))),
        run_records: Arc::new(memory.records.over(Arc::clone(&line))),
        builds: Arc::new(memory.builds.over(Arc::clone(&line))),
        test_roles: Arc::new(memory.roles.over(line)),
        clock: clock(world, &running.process),
        dice: Arc::new(Dice::seeded(seed)),
        seal: crate::memory::seal(),
    }
}

fn settings(plan: &Plan) -> Settings {
    Settings {
        slots: plan.slots,
        limits: Limits::default(),
        longest_hold: HOLD,
        pacing: Pacing { busy: Duration::from_secs(4), idle: Duration::from_secs(30) },
        sweep_every: Duration::from_secs(60),
        failed_grace: GRACE,
        lease: LEASE,
        stop_grace: Duration::from_secs(25),
    }
}
