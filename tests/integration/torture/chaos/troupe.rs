//! The workers, each behind fault proxies of its own. Whoever is killed is replaced behind the same ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::super::Findings;
use super::ledger::Ledger;
use super::left_in;
use crate::world::{Endpoints, Exchange, Process, Proxy, World};

pub(super) const WORKERS: usize = 3;

/// How many of a hundred calls meet a fault.
const DISTURBED: u8 = 6;

/// How long a worker that holds a job is waited for: these many looks, with this pause. Under load one is there at once.
const LOOKS: usize = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a worker may take to end when it is told to, and nothing is wrong any more.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Troupe {
    places: Vec<Place>,
    killed: Vec<Process>,
    pub(super) kills: Vec<Kill>,
    /// How often a worker was frozen.
    pub(super) frozen: usize,
    seed: u64,
}

/// Where one worker after the other stands.
struct Place {
    aws: Proxy,
    codepipeline: Proxy,
    worker: Process,
    since: Instant,
    /// Which freeze it is in, if it is in one.
    frozen: Option<usize>,
}

/// A worker's life and its end.
pub(super) struct Kill {
    pub(super) place: usize,
    pub(super) since: Instant,
    pub(super) at: Instant,
}

impl Place {
    fn endpoints(&self) -> Endpoints {
        Endpoints { aws: self.aws.url.clone(), codepipeline: self.codepipeline.url.clone() }
    }

    fn thaw(&mut self) {
        if self.frozen.take().is_some() {
            self.worker.signal("CONT");
        }
    }
}

impl Troupe {
    pub(super) async fn start(world: &mut World, seed: u64) -> Self {
        let mut places = Vec::new();
        for _ in 0..WORKERS {
            let (aws, codepipeline) =
                (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
            let endpoints = Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() };
            let worker = world.worker_at(&endpoints);
            places.push(Place { aws, codepipeline, worker, since: Instant::now(), frozen: None });
        }
        Self { places, killed: Vec::new(), kills: Vec::new(), frozen: 0, seed }
    }

    fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.places.iter().flat_map(|place| [&place.aws, &place.codepipeline])
    }

    /// From now on calls meet faults.
    pub(super) fn disturb(&self) {
        for (number, proxy) in (0..).zip(self.proxies()) {
            proxy.disturb(self.seed + number, DISTURBED);
        }
    }

    /// Kills the worker at this place, or rather the next one that holds a job: a worker that holds none is not missed.
    pub(super) async fn kill(&mut self, world: &mut World, number: usize) {
        let number = self.holder(number).await;
        let place = &mut self.places[number];
        let at = Instant::now();
        place.worker.kill();
        self.kills.push(Kill { place: number, since: place.since, at });
        let next = world.worker_at(&place.endpoints());
        self.killed.push(std::mem::replace(&mut place.worker, next));
        (place.since, place.frozen) = (at, None);
    }

    /// Lets the worker at this place stand still, or the next one that holds a job; `freeze` is the number to thaw it by.
    pub(super) async fn freeze(&mut self, number: usize, freeze: usize) {
        let number = self.holder(number).await;
        let place = &mut self.places[number];
        if place.frozen.is_none() {
            place.worker.signal("STOP");
            place.frozen = Some(freeze);
            self.frozen += 1;
        }
    }

    pub(super) fn thaw(&mut self, freeze: usize) {
        self.places.iter_mut().filter(|place| place.frozen == Some(freeze)).for_each(Place::thaw);
    }

    /// The first place from this one on at which a job is held; waits a little for one.
    async fn holder(&self, first: usize) -> usize {
        for _ in 0..LOOKS {
            let holding = Ledger::of(self).held_at(|place| self.places[place].since);
            let places = (first..first + WORKERS).map(|place| place % WORKERS);
            if let Some(place) = places.into_iter().find(|place| holding.contains(place)) {
                return place;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        first
    }

    /// From now on nothing goes wrong.
    pub(super) fn recover(&mut self) {
        self.proxies().for_each(Proxy::calm);
        self.places.iter_mut().for_each(Place::thaw);
    }

    /// Tells every worker to end, and insists that each does so in order and leaves nothing.
    pub(super) fn end(&mut self, findings: &mut Findings) {
        for place in &mut self.places {
            let worker = &mut place.worker;
            worker.signal("TERM");
            let code = worker.ended(PATIENCE).and_then(|status| status.code());
            let last = worker.last_lines(5);
            findings.expect(code == Some(0), || format!("a worker that was told to end: {code:?}\n{last}"));
            let left = left_in(&worker.directory);
            findings.expect(left.is_empty(), || format!("worker {} has left temporary files: {left:?}", worker.id()));
        }
    }

    /// What a killed worker was working in: nobody can tidy up after a SIGKILL.
    pub(super) fn left_by_the_killed(&self) -> usize {
        self.killed.iter().map(|worker| left_in(&worker.directory).len()).sum()
    }

    /// How often jobs were taken over, as the workers tell.
    pub(super) fn take_overs(&self) -> usize {
        let workers = self.killed.iter().chain(self.places.iter().map(|place| &place.worker));
        workers.map(|worker| worker.logged().matches("takes over the jobs of a worker that is gone").count()).sum()
    }

    /// How often each kind of fault was met.
    pub(super) fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for (kind, count) in self.proxies().flat_map(Proxy::faults) {
            *faults.entry(kind).or_default() += count;
        }
        faults
    }

    /// What CodePipeline was asked and answered, with the place of the worker that asked.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = (usize, Exchange)> {
        let places = self.places.iter().enumerate();
        places.flat_map(|(number, place)| place.codepipeline.exchanges().into_iter().map(move |told| (number, told)))
    }

    /// What is in the environment of every worker and of nobody else.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        self.proxies().map(|proxy| proxy.url.clone())
    }
}
