//! What a seed stands for: everything that is going to happen, drawn before it begins.

use fastrand::Rng;

use super::time::{MINUTE, Millis, SECOND};

/// A service and the pipeline that releases it.
#[derive(Clone, Debug)]
pub(crate) struct ServicePlan {
    pub(crate) name: String,
    /// The services that it is wired to, by their place.
    pub(crate) wired_to: Vec<usize>,
    /// Whether its template declares `GreenDeployment`.
    pub(crate) has_events: bool,
    pub(crate) mode: Mode,
    /// Whether its tests hand out an archive.
    pub(crate) has_reports: bool,
}

/// How a pipeline runs its executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The three actions in one pipeline stage, as recommended: a failure retries them all.
    OneStage,
    /// A pipeline stage for each: newer executions overtake in between, a failure retries the action that failed.
    ThreeStages,
    /// All executions beside each other.
    Parallel,
}

/// What is wrong with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quality {
    Good,
    /// Its stack cannot be made.
    BrokenStack,
    /// Its tests fail.
    FailingTests,
}

/// A pipeline execution.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionPlan {
    pub(crate) service: usize,
    pub(crate) at: Millis,
    pub(crate) quality: Quality,
    /// How long its tests run, in beats of five seconds.
    pub(crate) beats: u64,
    /// How often it is retried after a failure, and after which time each.
    pub(crate) retries: u32,
    pub(crate) retried_after: Millis,
    /// Somebody stops it so long after it began; with whether he waits for what is going on.
    pub(crate) stopped_after: Option<(Millis, bool)>,
    /// An action of it that gets no more than this time.
    pub(crate) times_out: Option<(usize, Millis)>,
}

/// How a worker process ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    /// It dies in this of the calls that count.
    pub(crate) at_call: u64,
    /// Before the call's effect, or after it.
    pub(crate) after_effect: bool,
    /// Whether the test runs that it has started go on.
    pub(crate) runs_live_on: bool,
    /// When its successor starts.
    pub(crate) back_after: Millis,
}

/// Something that happens to whatever process then runs on a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mishap {
    pub(crate) host: usize,
    pub(crate) at: Millis,
    pub(crate) what: Mischief,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mischief {
    /// It stands still for so long.
    Pause(Millis),
    /// Its time of day jumps by so many milliseconds.
    Jump(i64),
    /// It is told to stop; with whether it is told twice.
    Stop(bool),
}

/// How often calls break, in ten thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) unavailable: u32,
    pub(crate) lost_answer: u32,
    pub(crate) slow: u32,
    pub(crate) conflict: u32,
}

/// A time in which a service answers badly or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spell {
    pub(crate) of: &'static str,
    pub(crate) from: Millis,
    pub(crate) to: Millis,
    /// How many of ten thousand calls break.
    pub(crate) rate: u32,
}

/// A seed, unfolded.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) services: Vec<ServicePlan>,
    pub(crate) executions: Vec<ExecutionPlan>,
    pub(crate) hosts: usize,
    /// The crashes on each host, one after the other.
    pub(crate) crashes: Vec<Vec<Crash>>,
    pub(crate) mishaps: Vec<Mishap>,
    pub(crate) rates: Rates,
    pub(crate) spells: Vec<Spell>,
    /// When the weather turns fine.
    pub(crate) storm: Millis,
    pub(crate) offered_for: Millis,
    pub(crate) continued_after: Millis,
    pub(crate) acknowledges_again: bool,
    pub(crate) looks: (usize, usize, usize),
    pub(crate) slots: usize,
}

/// The services that can have a bad spell, by the names that [`super::weather::service_of`] gives them.
const SERVICES: [&str; 3] = ["codepipeline", "s3", "cloudformation"];

impl Plan {
    /// What this seed stands for.
    pub(crate) fn of(seed: u64) -> Self {
        let rng = &mut Rng::with_seed(seed);
        let storm = rng.u64(12..25) * MINUTE;
        let services = services(rng);
        let hosts = rng.usize(2..=3);
        let mut crashes: Vec<Vec<Crash>> = (0..hosts).map(|_| crashes(rng)).collect();
        crashes[0].insert(0, crash(rng, 8..80));
        Self {
            seed,
            executions: executions(rng, &services, storm),
            mishaps: mishaps(rng, hosts, storm),
            spells: spells(rng, storm),
            rates: Rates {
                unavailable: rng.u32(20..300),
                lost_answer: rng.u32(20..300),
                slow: rng.u32(0..200),
                conflict: rng.u32(0..500),
            },
            offered_for: rng.u64(10..90) * SECOND,
            continued_after: rng.u64(0..30) * SECOND,
            acknowledges_again: rng.bool(),
            looks: (rng.usize(0..3), rng.usize(0..5), rng.usize(0..4)),
            slots: rng.usize(2..8),
            services,
            hosts,
            crashes,
            storm,
        }
    }
}

/// Chains, diamonds and single ones: each may be wired to those before it.
fn services(rng: &mut Rng) -> Vec<ServicePlan> {
    let many = rng.usize(2..=4);
    let events = rng.usize(0..many + 2);
    let one = |place: usize, rng: &mut Rng| ServicePlan {
        name: ["catalog", "orders", "billing", "shop"][place].to_owned(),
        wired_to: (0..place).filter(|_| rng.u8(0..10) < 6).collect(),
        has_events: place == events,
        mode: [Mode::OneStage, Mode::OneStage, Mode::ThreeStages, Mode::Parallel][rng.usize(0..4)],
        has_reports: rng.u8(0..4) == 0,
    };
    (0..many).map(|place| one(place, rng)).collect()
}

fn executions(rng: &mut Rng, services: &[ServicePlan], storm: Millis) -> Vec<ExecutionPlan> {
    let first = |service: usize, rng: &mut Rng| ExecutionPlan {
        service,
        at: rng.u64(0..MINUTE),
        quality: Quality::Good,
        beats: rng.u64(0..8),
        retries: 12,
        retried_after: 5 * SECOND,
        stopped_after: None,
        times_out: None,
    };
    let further = |rng: &mut Rng| ExecutionPlan {
        service: rng.usize(0..services.len()),
        at: rng.u64(MINUTE..storm),
        quality: match rng.u8(0..10) {
            0 => Quality::BrokenStack,
            1 | 2 => Quality::FailingTests,
            _ => Quality::Good,
        },
        beats: rng.u64(0..24),
        retries: rng.u32(0..4),
        retried_after: rng.u64(SECOND..2 * MINUTE),
        stopped_after: (rng.u8(0..8) == 0).then(|| (rng.u64(SECOND..4 * MINUTE), rng.bool())),
        times_out: (rng.u8(0..12) == 0).then(|| (rng.usize(0..3), rng.u64(10 * SECOND..2 * MINUTE))),
    };
    let mut executions: Vec<ExecutionPlan> = (0..services.len()).map(|service| first(service, rng)).collect();
    let more = rng.usize(3..8);
    executions.extend((0..more).map(|_| further(rng)));
    executions
}

fn crash(rng: &mut Rng, at_call: std::ops::Range<u64>) -> Crash {
    Crash {
        at_call: rng.u64(at_call),
        after_effect: rng.bool(),
        runs_live_on: rng.bool(),
        back_after: rng.u64(SECOND..3 * MINUTE),
    }
}

fn crashes(rng: &mut Rng) -> Vec<Crash> {
    let many = rng.usize(0..3);
    (0..many).map(|_| crash(rng, 5..200)).collect()
}

fn mishaps(rng: &mut Rng, hosts: usize, storm: Millis) -> Vec<Mishap> {
    let many = rng.usize(1..5);
    let mischief = |rng: &mut Rng| match rng.u8(0..4) {
        0 | 1 => Mischief::Pause(rng.u64(35 * SECOND..4 * MINUTE)),
        2 => Mischief::Jump(rng.i64(-600_000..600_000)),
        _ => Mischief::Stop(rng.u8(0..4) == 0),
    };
    let one = |rng: &mut Rng| Mishap { host: rng.usize(0..hosts), at: rng.u64(0..storm), what: mischief(rng) };
    (0..many).map(|_| one(rng)).collect()
}

fn spells(rng: &mut Rng, storm: Millis) -> Vec<Spell> {
    let many = rng.usize(0..3);
    let one = |rng: &mut Rng| {
        let from = rng.u64(0..storm);
        let is_outage = rng.bool();
        let long = if is_outage { rng.u64(10 * SECOND..5 * MINUTE) } else { rng.u64(SECOND..30 * SECOND) };
        let rate = if is_outage { 10_000 } else { 7_000 };
        Spell { of: SERVICES[rng.usize(0..SERVICES.len())], from, to: from + long, rate }
    };
    (0..many).map(|_| one(rng)).collect()
}
