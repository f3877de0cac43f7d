//! How a stage grows: the worker that ships, several of it, in simulated time.
//!
//! `play` lets pipelines start at random and the workers serve them, without faults. The ports are those in memory of the
//! tests (`tests/memory`), but for the three that everything turns on, which take their time: the stage document
//! (`documents`), CodePipeline (`codepipeline`) and CloudFormation (`cloudformation`), over a `network` that counts. So
//! how often the document is written, which writes lose their race and who waits for whom come out by themselves.

mod cloudformation;
mod codepipeline;
mod documents;
mod network;
mod play;
mod releases;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bluestage::release::{OnSkew, Stage, document};
use fastrand::Rng;

use self::network::Call;
use self::play::{Seen, play};
use super::table::{Part, Row};
use super::usage::{millis, quantile};

/// Compare-and-swaps that S3 takes for one object in a second: a read and a write of about 30 ms each, one after the other.
const S3_TAKES: f64 = 15.0;

/// `DescribeStacks` that CloudFormation answers in a second, to a whole account and region.
const CLOUDFORMATION_ANSWERS: f64 = 5.0;

/// S3 carries about 100 MiB a second on one connection: larger than this, a document takes longer to be carried than S3
/// takes to answer, and the rate above does not hold any more.
const LARGEST_MIB: usize = 4;

/// How long all of it may take, on so many processors; and what of that one scenario may take.
const LONGEST: Duration = Duration::from_secs(200);
const AT_ONCE: f64 = 2.0;

const SWEEP_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Scenario {
    services: usize,
    /// Executions that begin in a minute.
    per_minute: f64,
    minutes: u64,
    dependencies: usize,
    on_skew: OnSkew,
    workers: usize,
    slots: usize,
    /// How many stages they are divided among, each with services that are wired to none in another.
    stages: usize,
}

impl Scenario {
    fn in_each_stage(&self) -> usize {
        self.services / self.stages
    }
}

/// Those of the table, in its order: what takes longest to play comes last.
fn scenarios() -> Vec<Scenario> {
    let day = 1_000.0 / 1_440.0;
    // By day as many slots as by default; at a peak as many as it takes that no job waits long.
    let stages = [
        (200, day, 480, (4, 20)),
        (200, 20.0, 45, (4, 150)),
        (2_000, day * 10.0, 30, (4, 50)),
        (2_000, 200.0, 30, (16, 300)),
    ];
    let wired = [(1, OnSkew::Block), (3, OnSkew::Block), (3, OnSkew::Report)];
    let each = stages.into_iter().flat_map(|stage| wired.map(|wired| (stage, wired)));
    let mut all: Vec<Scenario> = each
        .map(|((services, per_minute, minutes, (workers, slots)), (dependencies, on_skew))| Scenario {
            services,
            per_minute,
            minutes,
            dependencies,
            on_skew,
            workers,
            slots,
            stages: 1,
        })
        .collect();
    // What is done about the one that is too large: the worst of them, divided.
    let divided = Scenario { stages: 10, ..all[all.len() - 2].clone() };
    all.push(divided);
    all
}

pub(crate) fn measure() -> Part {
    let (scenarios, began) = (scenarios(), Instant::now());
    let waiting: Mutex<VecDeque<(usize, &Scenario)>> = Mutex::new(scenarios.iter().enumerate().collect());
    let rows: Mutex<Vec<(usize, [Row; 5])>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE as usize {
            scope.spawn(|| {
                loop {
                    let Some((place, scenario)) = waiting.lock().unwrap().pop_front() else { return };
                    // Each may take an equal share of what is left; what it does not take, those after it may.
                    let left = LONGEST.saturating_sub(began.elapsed());
                    let seen = play(scenario, left.mul_f64((AT_ONCE / (scenarios.len() - place) as f64).min(1.0)));
                    println!(
                        "scale: {} of {} minutes of {scenario} in {:.0?}",
                        seen.minutes, scenario.minutes, seen.real
                    );
                    rows.lock().unwrap().push((place, rows_of(scenario, &seen)));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(place, _)| *place);
    let mut part = Part::new("scale", "Scale, simulated with the shipping worker");
    rows.into_iter().flat_map(|(_, rows)| rows).for_each(|row| part.add(row));
    part
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { services, per_minute, dependencies, workers, slots, .. } = self;
        let policy = if self.on_skew == OnSkew::Block { "block" } else { "report" };
        write!(
            f,
            "{services} services, {per_minute:.1} executions a minute, {dependencies} dependencies, `OnSkew={policy}`, \
             {workers} workers of {slots} slots"
        )?;
        if self.stages > 1 {
            write!(f, ", divided among {} stages", self.stages)?;
        }
        Ok(())
    }
}

fn rows_of(scenario: &Scenario, seen: &Seen) -> [Row; 5] {
    let (largest, bytes) = seen.documents.largest();
    [released(scenario, seen), writes(seen), size(&largest, bytes), calls(seen), sweeps(seen, &largest)]
}

fn released(scenario: &Scenario, seen: &Seen) -> Row {
    let came = &seen.came;
    let retests = came.retested as f64 / came.promoted.max(1) as f64;
    let cut = if seen.minutes < scenario.minutes {
        format!("; played for {} of {} minutes, which took {:.0?}", seen.minutes, scenario.minutes, seen.real)
    } else {
        String::new()
    };
    let odd = came.otherwise.first().map(|first| format!("; {} failed otherwise: {first}", came.otherwise.len()));
    Row::new(
        format!("**{scenario}**, {} minutes", seen.minutes),
        format!(
            "{} begun, {} promoted, {retests:.2} re-tests a promotion, {} overtaken; at most {} stacks at once; from start \
             to live {}; a job waits {} for a worker{cut}{}",
            came.begun,
            came.promoted,
            came.overtaken,
            seen.documents.most_stacks(),
            seconds(&came.took),
            seconds(&seen.waited),
            odd.unwrap_or_default()
        ),
    )
    .goal("no release fails but for a newer one", came.otherwise.is_empty())
}

fn writes(seen: &Seen) -> Row {
    let written = seen.network.busiest(&[Call::DocumentWrite]);
    let tried = seen.network.busiest(&[Call::DocumentWrite, Call::LostRace]);
    let read = seen.network.busiest(&[Call::DocumentRead]);
    Row::new(
        "writes a second in its busiest minute",
        format!(
            "{tried:.1}, of which {written:.1} won; {read:.1} reads; a change is stored after {}",
            seconds(&seen.stored)
        ),
    )
    .beside(format!("{S3_TAKES:.0} that S3 takes"), tried / S3_TAKES)
    .goal("below half of that", tried < S3_TAKES / 2.0)
}

/// How long it takes, on this machine, to work with the document.
fn size(largest: &Stage, bytes: usize) -> Row {
    let rendered = document::render(largest);
    let (read, reading) = timed(|| document::parse(&largest.name, &rendered).unwrap());
    let (copied, copying) = timed(|| read.clone());
    let (_, rendering) = timed(|| document::render(&copied));
    Row::new(
        "its document at its largest",
        format!(
            "{} KiB, with {} versions; {} to read, {} to copy, {} to render",
            bytes >> 10,
            largest.all_versions().count(),
            millis(reading),
            millis(copying),
            millis(rendering)
        ),
    )
    .goal(format!("below {LARGEST_MIB} MiB"), bytes < LARGEST_MIB << 20)
}

fn calls(seen: &Seen) -> Row {
    let looks = seen.network.busiest(&[Call::Look, Call::LookAtMaking, Call::LookAtGoing, Call::Listing]);
    let [making, going, listing] =
        [Call::LookAtMaking, Call::LookAtGoing, Call::Listing].map(|look| seen.network.busiest(&[look]));
    let [codepipeline, standing] =
        [&[Call::CodePipeline, Call::Standing][..], &[Call::Standing]].map(|calls| seen.network.busiest(calls));
    Row::new(
        "its looks at stacks a second in its busiest minute",
        format!(
            "{looks:.1}; of these, in the minutes that had most of them, {making:.1} at stacks that are being made, \
             {going:.1} at those being deleted and {listing:.1} pages of listings; calls of CodePipeline: \
             {codepipeline:.1}, at most {standing:.1} of them by sweeps that ask how an execution stands"
        ),
    )
    .beside(format!("{CLOUDFORMATION_ANSWERS:.0} that CloudFormation answers"), looks / CLOUDFORMATION_ANSWERS)
    .goal("below that", looks < CLOUDFORMATION_ANSWERS)
}

fn sweeps(seen: &Seen, largest: &Stage) -> Row {
    let (_, deciding) = timed(|| largest.unreachable());
    let longest = seen.sweeps.iter().max().copied().unwrap_or_default();
    Row::new(
        "its sweep, p50 / p99",
        format!("{}; to decide who is reachable takes {} of a processor", seconds(&seen.sweeps), millis(deciding)),
    )
    .beside("60 s from one to the next", longest.as_secs_f64() / SWEEP_EVERY.as_secs_f64())
    .goal("none takes longer", longest <= SWEEP_EVERY)
}

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = what();
    (result, began.elapsed())
}

/// The median and the 99th hundredth, in seconds.
fn seconds(measured: &[Duration]) -> String {
    if measured.is_empty() {
        return "(none)".to_owned();
    }
    let [median, p99] = [0.5, 0.99].map(|share| quantile(measured, share).as_secs_f64());
    format!("{median:.1} s / {p99:.1} s")
}

/// So many seconds, give or take a half.
fn about(dice: &mut Rng, seconds: u64) -> Duration {
    Duration::from_millis(dice.u64(seconds * 500..=seconds * 1_500))
}

/// A stack's id, as long as those of AWS.
fn stack_id(name: &str) -> String {
    format!("arn:aws:cloudformation:us-east-1:000000000000:stack/{name}/26da2000-c83e-11f0-a1b2-0affc0ffee00")
}
