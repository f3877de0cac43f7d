//! What happens to the calls of one worker process: delays, faults before and after the effect, conflicts, its death.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use fastrand::Rng;
use tokio::sync::Notify;

use super::plan::{Crash, Plan};
use super::promises::Promises;
use super::time::{Fate, Millis, SECOND, Time};
use super::trace::Trace;
use crate::memory::line::Weather;
use crate::memory::{Break, Landed};

/// What is the same for every process.
pub(crate) struct Sky {
    pub(crate) plan: Plan,
    pub(crate) time: Arc<Time>,
    pub(crate) trace: Arc<Trace>,
    /// Nothing breaks any more.
    pub(crate) is_fine: AtomicBool,
    /// Looks at the world after every call.
    pub(crate) promises: OnceLock<Promises>,
}

impl Sky {
    pub(crate) fn is_fine(&self) -> bool {
        self.is_fine.load(Ordering::Relaxed)
    }

    /// How many of ten thousand calls to this service break now, beyond the usual.
    fn spell(&self, service: &str) -> u32 {
        let now = self.time.now();
        let spells =
            self.plan.spells.iter().filter(|spell| spell.of == service && (spell.from..spell.to).contains(&now));
        spells.map(|spell| spell.rate).max().unwrap_or_default()
    }

    /// The usual delay of a call, and now and then one that seems lost.
    fn delay(&self, rng: &mut Rng) -> Millis {
        let is_slow = !self.is_fine() && rng.u32(0..10_000) < self.plan.rates.slow;
        if is_slow { rng.u64(SECOND..30 * SECOND) } else { rng.u64(5..200) }
    }
}

/// The service that a call goes to.
pub(crate) fn service_of(call: &str) -> &'static str {
    match call.split('.').next() {
        Some("jobs") => "codepipeline",
        Some("stacks") => "cloudformation",
        Some("test_runs") => "machine",
        _ => "s3",
    }
}

/// Whether a worker makes such a call all the time, even with nothing to do.
fn is_idle(call: &str) -> bool {
    ["jobs.poll", "stages.names", "stages.read", "jobs.execution", "journal.pages", "records.beat"]
        .iter()
        .any(|idle| call.starts_with(idle))
}

/// One process: a worker from its start to its end, or the runs that outlive it.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) fate: Arc<Fate>,
    /// How far its time of day is off.
    pub(crate) off: Arc<AtomicI64>,
    /// Notified when it dies.
    pub(crate) died: Notify,
    pub(crate) crash: Option<Crash>,
    sky: Arc<Sky>,
    rng: Mutex<Rng>,
    calls: Mutex<u64>,
}

impl Process {
    pub(crate) fn new(sky: &Arc<Sky>, name: String, (seed, crash): (u64, Option<Crash>)) -> Arc<Self> {
        Arc::new(Self {
            name,
            fate: Arc::default(),
            off: Arc::default(),
            died: Notify::new(),
            crash,
            sky: Arc::clone(sky),
            rng: Mutex::new(Rng::with_seed(seed)),
            calls: Mutex::default(),
        })
    }

    /// It dies at once.
    pub(crate) fn dies(&self) {
        self.fate.dies();
        self.sky.trace.count("crashes");
        self.sky.trace.step(self.sky.time.now(), &self.name, "dies");
        self.died.notify_one();
    }

    /// Whether it dies in this call.
    fn dies_in(&self, call: &str) -> bool {
        let Some(crash) = self.crash.filter(|_| !is_idle(call) && !self.sky.is_fine()) else {
            return false;
        };
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        *calls == crash.at_call
    }

    fn breaks(&self, call: &str) -> Option<Break> {
        if self.sky.is_fine() {
            return None;
        }
        let rates = self.sky.plan.rates;
        let service = service_of(call);
        let mut rng = self.rng.lock().unwrap();
        let (drawn, in_spell) = (rng.u32(0..10_000), rng.u32(0..10_000));
        if in_spell < self.sky.spell(service) {
            return Some(Break::Unavailable);
        }
        if drawn < rates.unavailable {
            return Some(Break::Unavailable);
        }
        let is_lost = drawn < rates.unavailable + rates.lost_answer && service != "machine";
        is_lost.then_some(Break::LostAnswer)
    }
}

#[async_trait]
impl Weather for Process {
    async fn before(&self, call: &str) -> Option<Break> {
        self.fate.moves(&self.sky.time).await;
        let delay = self.sky.delay(&mut self.rng.lock().unwrap());
        self.sky.time.pass(delay).await;
        if self.fate.is_dead() {
            // The request was on its way when the process died.
            let arrives = service_of(call) != "machine" && self.rng.lock().unwrap().bool();
            return Some(if arrives { Break::DiesAfter } else { Break::DiesBefore });
        }
        if self.dies_in(call) {
            self.dies();
            let after = self.crash.is_some_and(|crash| crash.after_effect);
            return Some(if after { Break::DiesAfter } else { Break::DiesBefore });
        }
        self.breaks(call)
    }

    fn made(&self, call: &str, how: Option<Break>) {
        let told = match how {
            None => "",
            Some(Break::Unavailable) => ": no answer",
            Some(Break::LostAnswer) => ": the answer is lost",
            Some(Break::DiesBefore) => ": dead before it",
            Some(Break::DiesAfter) => ": dead after it",
            Some(Break::Denied | Break::Rejected) => ": refused",
        };
        self.sky.trace.count("calls");
        if let Some(how) = how {
            self.sky.trace.count(&format!("fault {how:?} {}", service_of(call)));
        }
        self.sky.trace.step(self.sky.time.now(), &self.name, &format!("{call}{told}"));
        if let Some(promises) = self.sky.promises.get() {
            promises.look(&self.sky);
        }
    }

    async fn after(&self) {
        self.fate.moves(&self.sky.time).await;
    }

    fn conflict(&self) -> Option<Landed> {
        if self.sky.is_fine() {
            return None;
        }
        let mut rng = self.rng.lock().unwrap();
        let conflict = rng.u32(0..10_000) < self.sky.plan.rates.conflict;
        let landed = if rng.bool() { Landed::Yes } else { Landed::No };
        drop(rng);
        if conflict {
            self.sky.trace.count(&format!("fault Conflict, landed: {landed:?}"));
        }
        conflict.then_some(landed)
    }
}
