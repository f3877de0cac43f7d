//! What is going to happen, drawn from a seed: the same seed draws the same services and the same deeds.

use std::time::Duration;

use fastrand::Rng;

/// The most calls that one question to a service causes: the graph is as random as it likes, but two cores answer it.
const MOST_CALLS: usize = 8;

/// How large a torture is, and what it is drawn from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) seed: u64,
    pub(super) services: usize,
    /// Pipeline executions that are started, beyond the first release of every service.
    pub(super) executions: usize,
}

/// One service and its pipeline. Others are told by their place in the plan.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) wired_to: Vec<usize>,
    /// What only its tests call.
    pub(super) beside: Vec<usize>,
    pub(super) superseded: bool,
    pub(super) retried: bool,
    /// Whether a promotion is refused when a version in the view was replaced.
    pub(super) blocks_skew: bool,
    pub(super) keep: usize,
    /// Whether its promotion starts the pipelines of those that call it.
    pub(super) rebinds: bool,
    /// Whether its template declares `GreenDeployment`.
    pub(super) has_events: bool,
    calls: usize,
}

/// One change of a service's source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    /// Its place among all, by which what answers can be told apart.
    pub(super) number: usize,
    pub(super) service: usize,
    /// What is wrong with the service then.
    pub(super) flaw: Option<Flaw>,
    pub(super) test_millis: u64,
}

/// What can be wrong with a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It answers wrongly, so that its tests fail.
    WrongAnswers,
    /// Its stack cannot be made.
    NoStack,
}

impl Flaw {
    /// Three of eight releases have one.
    pub(super) fn drawn(rng: &mut Rng) -> Option<Self> {
        match rng.u8(..8) {
            0..2 => Some(Self::WrongAnswers),
            2 => Some(Self::NoStack),
            _ => None,
        }
    }
}

/// Something that somebody does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    Release(Release),
    /// Stops the execution of the release of this number.
    Stop {
        number: usize,
        abandon: bool,
    },
    /// Switches one of those back that can be; which of them is drawn.
    SwitchBack {
        drawn: usize,
    },
    /// Ends the oldest worker and starts another one.
    ReplaceWorker,
}

pub(super) struct Plan {
    pub(super) services: Vec<Service>,
    /// Each service's first release, in an order in which everything that one needs is released before it.
    pub(super) first: Vec<Release>,
    /// The rest, each with when it happens, in order.
    pub(super) storm: Vec<(Duration, Deed)>,
}

impl Plan {
    pub(super) fn drawn(size: Size) -> Self {
        let mut rng = Rng::with_seed(size.seed);
        let mut services = Vec::new();
        for index in 0..size.services {
            let service = service(&mut rng, index, &services);
            services.push(service);
        }
        let first =
            (0..size.services).map(|service| Release { number: service, service, flaw: None, test_millis: 200 });
        Self { first: first.collect(), storm: storm(&mut rng, size), services }
    }

    /// How far a service stands above those that need nobody: services of one level can be released together.
    pub(super) fn level(&self, service: usize) -> usize {
        let Service { wired_to, beside, .. } = &self.services[service];
        let below = wired_to.iter().chain(beside);
        below.map(|other| self.level(*other) + 1).max().unwrap_or(0)
    }

    /// Every release.
    pub(super) fn releases(&self) -> impl Iterator<Item = Release> {
        let stormy = self.storm.iter().filter_map(|(_, deed)| match deed {
            Deed::Release(release) => Some(*release),
            Deed::Stop { .. } | Deed::SwitchBack { .. } | Deed::ReplaceWorker => None,
        });
        self.first.iter().copied().chain(stormy)
    }
}

fn service(rng: &mut Rng, index: usize, earlier: &[Service]) -> Service {
    let mut others: Vec<usize> = (0..index).collect();
    rng.shuffle(&mut others);
    let (wires, besides) = (rng.usize(0..=3), usize::from(rng.u8(..4) == 0));
    let (mut wired_to, mut calls) = (Vec::new(), 1);
    for other in others.iter().take(wires) {
        if calls + earlier[*other].calls <= MOST_CALLS {
            calls += earlier[*other].calls;
            wired_to.push(*other);
        }
    }
    let unwired = others.iter().filter(|other| !wired_to.contains(other));
    let mut beside: Vec<usize> = unwired.copied().take(besides).collect();
    // In the order of their names, as a version's wiring is.
    wired_to.sort_unstable();
    beside.sort_unstable();
    Service {
        name: format!("s{index:02}"),
        wired_to,
        beside,
        superseded: rng.u8(..3) == 0,
        retried: rng.bool(),
        blocks_skew: rng.u8(..3) != 0,
        keep: rng.usize(0..=2),
        rebinds: rng.u8(..6) == 0,
        has_events: rng.u8(..5) == 0,
        calls,
    }
}

fn storm(rng: &mut Rng, size: Size) -> Vec<(Duration, Deed)> {
    let mut storm: Vec<(u64, Deed)> = Vec::new();
    let mut at = 0;
    for number in size.services..size.services + size.executions {
        let release = Release {
            number,
            service: rng.usize(..size.services),
            flaw: Flaw::drawn(rng),
            test_millis: rng.u64(200..3_000),
        };
        storm.push((at, Deed::Release(release)));
        if rng.u8(..8) == 0 {
            let abandon = rng.bool();
            storm.push((at + rng.u64(500..9_000), Deed::Stop { number, abandon }));
        }
        at += rng.u64(..1_200);
    }
    for _ in 0..size.executions.div_ceil(6) {
        let drawn = rng.usize(..);
        storm.push((rng.u64(at / 4..at + 9_000), Deed::SwitchBack { drawn }));
    }
    for _ in 0..size.executions.div_ceil(15) {
        storm.push((at / 4 + rng.u64(..=at / 2), Deed::ReplaceWorker));
    }
    storm.sort_by_key(|(at, _)| *at);
    storm.into_iter().map(|(at, deed)| (Duration::from_millis(at), deed)).collect()
}
