//! A worker dies in every effect of every action, one after the other, before it and after it. Another one goes on, and
//! in the end all is as if nothing had happened.
//!
//! An effect is a call to a port that writes. What happens between two effects does nothing outside, so these cuts stand
//! for a crash at any time.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bluestage::ports::{Drafts, Glances, Ports, Verdict};
use tokio::sync::Notify;

use crate::memory::freezing::FreezingClock;
use crate::memory::line::{Line, Weather};
use crate::memory::{Break, Landed, Memory, seal, service};

/// The calls that write. Beats are not among them: they tell that a run lives, and come as time passes.
const EFFECTS: [&str; 14] = [
    "jobs.acknowledge",
    "jobs.report",
    "jobs.start_pipeline",
    "journal.write",
    "journal.remove",
    "stages.write",
    "stacks.ensure",
    "stacks.apply",
    "stacks.set_parameter",
    "stacks.delete",
    "artifacts.upload",
    "records.create",
    "records.write",
    "test_runs.start",
];

/// A worker process that dies in one of its effects, or in none.
pub(crate) struct Cut {
    at: Option<(usize, Break)>,
    effects: Mutex<Vec<String>>,
    is_dead: AtomicBool,
    died: Notify,
}

impl Cut {
    pub(crate) fn at(number: usize, how: Break) -> Arc<Self> {
        Self::new(Some((number, how)))
    }

    pub(crate) fn nowhere() -> Arc<Self> {
        Self::new(None)
    }

    fn new(at: Option<(usize, Break)>) -> Arc<Self> {
        Arc::new(Self { at, effects: Mutex::default(), is_dead: false.into(), died: Notify::new() })
    }

    /// Every effect so far.
    pub(crate) fn effects(&self) -> Vec<String> {
        self.effects.lock().unwrap().clone()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Returns when it dies.
    pub(crate) async fn dies(&self) {
        self.died.notified().await;
    }

    /// What comes of it, unless it dies first.
    pub(crate) async fn or<F: Future>(&self, doing: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.dies() => None,
            done = doing => Some(done),
        }
    }

    /// A worker's ports that go through this.
    pub(crate) fn ports(self: &Arc<Self>, world: &Memory, machine: &'static str) -> (Ports, Arc<FreezingClock>) {
        let line = Arc::new(Line::under(Arc::clone(self) as Arc<dyn Weather>));
        let clock = Arc::new(FreezingClock::new(world.clock.clone()));
        let ports = Ports {
            jobs: Arc::new(world.jobs.over(Arc::clone(&line))),
            journal: Arc::new(world.journal.over(Arc::clone(&line))),
            stages: Arc::new(world.stages.over(Arc::clone(&line))),
            drafts: Arc::new(Drafts::default()),
            glances: Arc::new(Glances::default()),
            stacks: Arc::new(world.stacks.over(Arc::clone(&line))),
            artifacts: Arc::new(world.artifacts.over(Arc::clone(&line))),
            test_runs: Arc::new(world.machine(machine).over(Arc::clone(&line))),
            run_records: Arc::new(world.records.over(Arc::clone(&line))),
            builds: Arc::new(world.builds.over(Arc::clone(&line))),
            test_roles: Arc::new(world.roles.over(line)),
            clock: Arc::clone(&clock) as Arc<_>,
            dice: world.dice.clone(),
            seal: seal(),
        };
        (ports, clock)
    }
}

#[async_trait]
impl Weather for Cut {
    async fn before(&self, call: &str) -> Option<Break> {
        tokio::task::yield_now().await;
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        if !EFFECTS.iter().any(|effect| call.starts_with(effect)) {
            return None;
        }
        let mut effects = self.effects.lock().unwrap();
        effects.push(call.to_owned());
        let (_, how) = self.at.filter(|(number, _)| effects.len() == number + 1)?;
        self.is_dead.store(true, Ordering::Relaxed);
        self.died.notify_one();
        Some(how)
    }

    fn made(&self, _: &str, _: Option<Break>) {}

    async fn after(&self) {}

    fn conflict(&self) -> Option<Landed> {
        None
    }
}

/// Everything that is left in the end, in words, without what may differ: times, and how often tests were begun.
pub(crate) fn state_of(world: &Memory, services: &[&str]) -> Vec<String> {
    let stage = world.stage();
    let mut told = Vec::new();
    for name in services {
        let Some(known) = stage.services.get(&service(name)) else {
            told.push(format!("{name} is not there"));
            continue;
        };
        let (live, previous, barrier) = (&known.live, &known.previous, known.barrier.is_some());
        let next = known.next_ordinal;
        told.push(format!("{name}: live {live:?}, kept {previous:?}, barrier {barrier}, next {next}"));
        for version in known.versions.values() {
            let (id, state, green, stack) = (&version.id, version.state, version.green, &version.stack.name);
            let (outcome, left) = (version.run.as_ref().map(|run| run.outcome), &version.leftovers);
            let (tested, why) = (version.tested.is_some(), &version.abandoned_because);
            told.push(format!("{id} {state:?} {green:?} {stack} {outcome:?} {tested} {left:?} {why:?}"));
        }
    }
    told.extend(world.stacks.there().iter().map(|it| format!("{} {} {:?}", it.name, it.is_ready, it.parameters)));
    told.extend(world.stacks.events().into_iter().filter(|event| event.starts_with("created")));
    told.extend(world.jobs.started().iter().map(|(pipeline, _)| format!("started {pipeline}")));
    told.extend(world.journal.now().iter().map(|page| format!("noted {:?}", page.jobs)));
    told.push(format!("{} jobs held", world.jobs.held()));
    let last = world.jobs.verdicts().pop().map(|(_, verdict)| match verdict {
        Verdict::Continue(_) => "goes on".to_owned(),
        Verdict::Done(mut done) => {
            done.variables.remove("Run");
            format!("done {:?}", done.variables)
        }
        Verdict::Failed(_) => "failed".to_owned(),
    });
    told.extend(last);
    told
}
