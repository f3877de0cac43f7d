//! Workers that come and go, each behind proxies of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::torture::Findings;
use crate::world::{Endpoints, Process, Proxy, World};

const WORKERS: usize = 3;

/// Of a hundred calls, so many meet a fault: enough that every kind of call meets some, and few enough that the workers
/// get on.
const PERCENT: u8 = 8;

/// Longer than a worker's own grace period.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// One worker, and what stands between it and the services.
pub(super) struct Member {
    process: Process,
    aws: Proxy,
    pub(super) codepipeline: Proxy,
    /// When it was killed, if it was.
    pub(super) killed: Option<Instant>,
}

pub(super) struct Crew<'a> {
    world: &'a World,
    seed: u64,
    present: Vec<Member>,
    gone: Vec<Member>,
    pub(super) frozen: usize,
    /// The workers that ended by themselves.
    deserters: Vec<String>,
}

impl<'a> Crew<'a> {
    pub(super) async fn start(world: &'a World, seed: u64) -> Self {
        let mut crew = Self { world, seed, present: Vec::new(), gone: Vec::new(), frozen: 0, deserters: Vec::new() };
        for _ in 0..WORKERS {
            crew.hire().await;
        }
        crew
    }

    async fn hire(&mut self) {
        let aws = Proxy::before(&self.world.aws_url).await;
        let codepipeline = Proxy::before(&self.world.codepipeline_url).await;
        let endpoints = Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() };
        let process = self.world.worker_at(&endpoints);
        self.present.push(Member { process, aws, codepipeline, killed: None });
    }

    /// From now on calls meet faults, each worker's its own ones.
    pub(super) fn disturb(&self) {
        for (place, member) in (0..).zip(self.all()) {
            member.disturb(self.seed, place);
        }
    }

    pub(super) fn calm(&self) {
        for member in self.all() {
            member.aws.calm();
            member.codepipeline.calm();
        }
    }

    /// Kills one, and starts another one in its place.
    pub(super) async fn kill(&mut self, place: usize) {
        let mut member = self.present.remove(place % self.present.len());
        if !member.process.runs() {
            self.deserters.push(member.process.last_lines(10));
        }
        member.process.kill();
        member.killed = Some(Instant::now());
        self.gone.push(member);
        self.hire().await;
        let number = u64::try_from(self.all().count()).unwrap();
        self.present[self.present.len() - 1].disturb(self.seed, number - 1);
    }

    /// Stops one in its tracks for a while.
    pub(super) async fn freeze(&mut self, place: usize, time: Duration) {
        let member = &self.present[place % self.present.len()];
        member.process.signal("STOP");
        tokio::time::sleep(time).await;
        member.process.signal("CONT");
        self.frozen += 1;
    }

    /// Tells those who are left to end, and sees that they do.
    pub(super) fn end(self, findings: &mut Findings) {
        for told in self.deserters {
            findings.add(format!("a worker ended by itself:\n{told}"));
        }
        let mut present = self.present;
        for member in &mut present {
            findings.expect(member.process.runs(), || "a worker ended by itself".to_owned());
            member.process.signal("TERM");
        }
        for mut member in present {
            let code = member.process.ended(END_PATIENCE).and_then(|status| status.code());
            let last = member.process.last_lines(5);
            findings.expect(code == Some(0), || format!("a worker that was told to end: {code:?}\n{last}"));
        }
    }

    /// Those who are there, and those who were.
    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.gone.iter().chain(&self.present)
    }

    pub(super) fn killed(&self) -> usize {
        self.gone.len()
    }

    /// Texts of which one is in the environment of every process that a worker has started.
    pub(super) fn traces(&self) -> Vec<String> {
        self.all().flat_map(|member| [member.aws.url.clone(), member.codepipeline.url.clone()]).collect()
    }

    pub(super) fn calls(&self) -> usize {
        let ever = || Instant::now() - Duration::from_secs(86_400)..Instant::now();
        let proxies = self.all().flat_map(|member| [&member.aws, &member.codepipeline]);
        proxies.map(|proxy| proxy.counted(ever()).values().sum::<usize>()).sum()
    }

    pub(super) fn faults(&self) -> BTreeMap<&'static str, usize> {
        let mut faults = BTreeMap::new();
        for proxy in self.all().flat_map(|member| [&member.aws, &member.codepipeline]) {
            for (kind, count) in proxy.faults() {
                *faults.entry(kind).or_default() += count;
            }
        }
        faults
    }
}

impl Member {
    fn disturb(&self, seed: u64, place: u64) {
        self.aws.disturb(seed.wrapping_add(2 * place), PERCENT);
        self.codepipeline.disturb(seed.wrapping_add(2 * place + 1), PERCENT);
    }
}
