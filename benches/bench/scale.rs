//! How a stage grows: a projection by the shipping transitions, without faults, workers or time.
//!
//! Executions begin at random, make a stack, test it and promote it; one whose promotion is refused because a neighbour
//! was faster does it all again. Every transition that changes something counts as a write: what waits together in one
//! worker goes into one, so these are the most that there can be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Instant;

use bluestage::release::{
    BlueReady, BlueRequest, Execution, Moment, OnSkew, Promotion, Refusal, RunId, ServiceName, StackSeen, Stage,
    VersionRef, document,
};
use fastrand::Rng;

use super::large_stage::service;
use super::table::{Part, Row};

/// Compare-and-swaps that S3 takes for one object in a second: a read and a write of about 30 ms each, one after the other.
const S3_TAKES: f64 = 15.0;

/// Seconds that a stack takes to be made, and its tests; give or take a half.
const DEPLOY: u64 = 180;
const TESTS: u64 = 480;

const SWEEP: u64 = 60;
const DELETION: u64 = 60;
/// Until a promotion that waits for another one looks again.
const LOOK: u64 = 20;

struct Scenario {
    services: usize,
    /// Executions that begin in a minute.
    per_minute: f64,
    minutes: u64,
    dependencies: usize,
    on_skew: OnSkew,
}

pub(crate) fn measure() -> Part {
    let mut part = Part::new("scale", "Scale, projected by the shipping transitions");
    let (day, peak) = (1_000.0 / 1_440.0, 20.0);
    for (services, rates, minutes) in [(200, [day, peak], [480, 60]), (2_000, [day * 10.0, peak * 10.0], [30, 20])] {
        for (per_minute, minutes) in rates.into_iter().zip(minutes) {
            for (dependencies, on_skew) in [(1, OnSkew::Block), (3, OnSkew::Block), (3, OnSkew::Report)] {
                let scenario = Scenario { services, per_minute, minutes, dependencies, on_skew };
                part.add(row(&scenario, &Projection::run(&scenario)));
            }
        }
    }
    part
}

fn row(scenario: &Scenario, seen: &Projection) -> Row {
    let Scenario { services, per_minute, dependencies, on_skew, .. } = scenario;
    let policy = if *on_skew == OnSkew::Block { "block" } else { "report" };
    let writes = seen.busiest_minute() as f64 / 60.0;
    let retests = seen.refused as f64 / seen.promoted.max(1) as f64;
    let (kib, change, sweep) = (seen.bytes >> 10, seen.change_millis, seen.sweep_millis);
    Row::new(
        format!("{services} services, {per_minute:.1} executions a minute, {dependencies} dependencies, `OnSkew={policy}`"),
        format!(
            "{retests:.2} re-tests a promotion ({} promoted); at most {} stacks; document {kib} KiB, {change:.0} ms to \
             read, change and render it; sweep decides in {sweep:.0} ms; {writes:.1} writes a second in the busiest minute",
            seen.promoted, seen.most_stacks
        ),
    )
    .beside(format!("{S3_TAKES:.0} writes a second"), writes / S3_TAKES)
    .goal("below half of what S3 takes", writes < S3_TAKES / 2.0)
}

/// What happens next to an execution, or to all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Begins { service: usize, execution: u64, attempt: u32 },
    Ready(Going),
    Passed(Going),
    Promotes(Going),
    Forgotten(VersionRef),
    Sweep,
}

/// A version on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Going {
    of: VersionRef,
    service: usize,
    execution: u64,
    attempt: u32,
}

struct Projection<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    dice: Rng,
    now: Moment,
    next: BinaryHeap<Reverse<(Moment, Next)>>,
    /// Writes, by minute.
    writes: BTreeMap<Moment, u64>,
    promoted: u64,
    refused: u64,
    most_stacks: usize,
    bytes: usize,
    change_millis: f64,
    sweep_millis: f64,
}

impl<'a> Projection<'a> {
    fn run(scenario: &'a Scenario) -> Self {
        let mut this = Self {
            scenario,
            stage: Stage::empty("test".parse().unwrap()),
            dice: Rng::with_seed(8),
            now: 1_795_000_000,
            next: BinaryHeap::new(),
            writes: BTreeMap::new(),
            promoted: 0,
            refused: 0,
            most_stacks: 0,
            bytes: 0,
            change_millis: 0.0,
            sweep_millis: 0.0,
        };
        this.populate();
        let end = this.now + scenario.minutes * 60;
        this.schedule(SWEEP, Next::Sweep);
        let mut begins = this.now as f64;
        let mut execution = 1_000_000;
        while begins < end as f64 {
            let service = this.dice.usize(..scenario.services);
            this.next.push(Reverse((begins as Moment, Next::Begins { service, execution, attempt: 0 })));
            begins += -(1.0 - this.dice.f64()).ln() * 60.0 / scenario.per_minute;
            execution += 1;
        }
        while let Some(Reverse((at, next))) = this.next.pop().filter(|Reverse((at, _))| *at < end) {
            this.now = at;
            this.happens(next);
        }
        this.measure();
        this
    }

    /// One live version of each service, one after the other.
    fn populate(&mut self) {
        for number in 0..self.scenario.services {
            let going = self.begin(number, number as u64, 0);
            self.ready(&going);
            self.passed(&going);
            self.promotes(&going);
        }
        self.next.clear();
        self.writes.clear();
        (self.promoted, self.refused, self.most_stacks) = (0, 0, 0);
    }

    fn happens(&mut self, next: Next) {
        match next {
            Next::Begins { service, execution, attempt } => {
                let going = self.begin(service, execution, attempt);
                let time = self.about(DEPLOY);
                self.schedule(time, Next::Ready(going));
            }
            Next::Ready(going) => {
                self.ready(&going);
                let time = self.about(TESTS);
                self.schedule(time, Next::Passed(going));
            }
            Next::Passed(going) => {
                self.passed(&going);
                self.promotes(&going);
            }
            Next::Promotes(going) => self.promotes(&going),
            Next::Forgotten(of) => {
                self.stage.forget(&of, self.now).unwrap();
                self.wrote();
            }
            Next::Sweep => self.sweep(),
        }
        self.most_stacks = self.most_stacks.max(self.stage.all_versions().count());
    }

    fn begin(&mut self, number: usize, execution: u64, attempt: u32) -> Going {
        let request = self.request(number, execution, attempt);
        let version = self.stage.begin_blue(&request).unwrap();
        self.wrote();
        Going { of: VersionRef { service: request.service, version }, service: number, execution, attempt }
    }

    fn ready(&mut self, going: &Going) {
        let url = format!("https://{:010}.execute-api.us-east-1.amazonaws.com/prod", going.execution);
        let ready = BlueReady {
            stack_id: stack_id(&going.of),
            changed_at: Some("2026-11-23T07:33:33.163Z".to_owned()),
            outputs: BTreeMap::from([("ApiUrl".to_owned(), url)]),
            at: self.now,
        };
        self.stage.blue_ready(&going.of, &ready).unwrap();
        self.wrote();
        let reached = self.stage.closure_of(&going.of);
        let seen = reached.iter().map(|of| (stack_id(of), ready.changed_at.clone())).collect();
        self.stage.run_started(&going.of, &run_of(going), &seen, self.now).unwrap();
        self.wrote();
    }

    fn passed(&mut self, going: &Going) {
        self.stage.run_passed(&going.of, &run_of(going), self.now).unwrap();
        self.wrote();
    }

    fn promotes(&mut self, going: &Going) {
        let terms = Promotion { on_skew: self.scenario.on_skew, keep: 1, at: self.now };
        let seen = StackSeen { id: stack_id(&going.of), changed_at: Some("2026-11-23T07:33:33.163Z".to_owned()) };
        match self.stage.begin_promotion(&going.of, &seen, terms) {
            Ok(()) => {
                self.wrote();
                self.stage.finish_promotion(&going.of, terms).unwrap();
                self.promoted += 1;
            }
            Err(Refusal::Skewed { .. }) => {
                self.refused += 1;
                self.stage.note_loss(&going.of, self.now).unwrap();
                let again =
                    Next::Begins { service: going.service, execution: going.execution, attempt: going.attempt + 1 };
                self.schedule(0, again);
            }
            Err(Refusal::Reserved { .. }) => return self.schedule(LOOK, Next::Promotes(going.clone())),
            Err(Refusal::OlderThanLive { .. }) => self.stage.abandon(&going.of, "overtaken", self.now).unwrap(),
            Err(other) => panic!("{other:?}"),
        }
        self.wrote();
    }

    fn sweep(&mut self) {
        for of in self.stage.unreachable() {
            if self.stage.retire(&of, self.now).is_ok() {
                self.wrote();
                self.schedule(DELETION, Next::Forgotten(of));
            }
        }
        self.schedule(SWEEP, Next::Sweep);
    }

    /// How large the document is now, and what it costs to work with it.
    fn measure(&mut self) {
        let began = Instant::now();
        let unreachable = self.stage.unreachable();
        self.sweep_millis = began.elapsed().as_secs_f64() * 1_000.0;
        drop(unreachable);
        let bytes = document::render(&self.stage);
        let began = Instant::now();
        let read = document::parse(&self.stage.name, &bytes).unwrap();
        let changed = read.clone();
        assert!(document::render(&changed).len() == bytes.len());
        self.change_millis = began.elapsed().as_secs_f64() * 1_000.0;
        self.bytes = bytes.len();
    }

    fn request(&self, number: usize, execution: u64, attempt: u32) -> BlueRequest {
        // Each service keeps its dependencies: they are drawn from its own number, of those before it.
        let mut own = Rng::with_seed(number as u64);
        let many = self.scenario.dependencies.min(number);
        let mut dependencies: BTreeSet<ServiceName> = BTreeSet::new();
        while dependencies.len() < many {
            dependencies.insert(service(own.usize(..number)));
        }
        let output = BTreeSet::from(["ApiUrl".to_owned()]);
        BlueRequest {
            service: service(number),
            execution: Execution {
                pipeline_arn: format!("arn:aws:codepipeline:us-east-1:000000000000:service-{number:04}"),
                execution_id: format!("a09965da-6c4c-4a69-0000-{execution:012}"),
                // Each differs from all others at its beginning, as the ids of CodePipeline do.
                action_execution_id: format!("{:08x}-59b3-41ef-9ae2-bd8c4c9036e3", execution * 64 + u64::from(attempt)),
            },
            wired_to: dependencies.into_iter().map(|other| (other, output.clone())).collect(),
            depends_on: BTreeSet::new(),
            declares_green: false,
            most_versions: None,
            revision: Some("ad724149d9924becb02d0a43cedaf26e01234567".to_owned()),
            template_digest: "41c2cb5908eb4a898d240ee48204644a0f35b9f29a6239909d3b313b63cfd073".to_owned(),
            at: self.now,
            expires_at: self.now + 172_800,
        }
    }

    /// This time, give or take a half.
    fn about(&mut self, seconds: u64) -> u64 {
        self.dice.u64(seconds / 2..=seconds * 3 / 2)
    }

    fn schedule(&mut self, after: u64, next: Next) {
        self.next.push(Reverse((self.now + after, next)));
    }

    fn wrote(&mut self) {
        *self.writes.entry(self.now / 60).or_default() += 1;
    }

    fn busiest_minute(&self) -> u64 {
        self.writes.values().copied().max().unwrap_or_default()
    }
}

fn run_of(going: &Going) -> RunId {
    RunId::new(&format!("{:08}{:04}", going.execution, going.attempt), 1)
}

fn stack_id(of: &VersionRef) -> String {
    let (service, version) = (&of.service, &of.version);
    format!(
        "arn:aws:cloudformation:us-east-1:000000000000:stack/test-{service}-{version}/26da2000-c83e-11f0-a1b2-0affc0ffee00"
    )
}
