//! What the worker itself costs, beside a plain boto3 loop, with jobs that are no work at all.
//!
//! Our job is a Promote whose `Strategy` is none that there is: the worker notes it in the journal, claims it, parses it
//! and reports it, and asks nobody anything. The loop claims and reports, and knows no journal.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use super::outside::bluestage;
use super::pipelines::{self, MOST_ACTIONS, MOST_EXECUTIONS};
use super::table::{Part, Row};
use super::usage::{median_and_p99, processor_seconds, quantile};
use super::world::{Endpoints, Options, Process, Proxy, World, root, venv};

const PROVIDER: &str = "Promote";
const PIPELINES: usize = 4;
const FEW: usize = 1_000;
const MANY: usize = PIPELINES * MOST_ACTIONS * MOST_EXECUTIONS;

/// Jobs that become available one after the other, at this pace, to see how soon each is taken.
const SINGLE: usize = 200;
const BETWEEN: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Who {
    Bluestage,
    Loop,
}

/// What it took to do all of some jobs.
struct Drained {
    seconds: f64,
    processor: f64,
}

pub(crate) async fn measure() -> Part {
    let world = world().await;
    pipelines::create(&world, "single", (PROVIDER, 1), &[("Strategy", "sideways")]).await;
    for number in 0..PIPELINES {
        pipelines::create(&world, &name(number), (PROVIDER, MOST_ACTIONS), &[("Strategy", "sideways")]).await;
    }
    let mut part = Part::new("overhead", "The worker's own cost, beside a boto3 loop of 10 threads");
    let mut begun = 0;
    let mut drained = Vec::new();
    for jobs in [FEW, MANY] {
        for who in [Who::Bluestage, Who::Loop] {
            begun += jobs;
            drained.push(drain(&world, (jobs, begun), (who, &world.endpoints())).await);
        }
    }
    rows(&mut part, &drained);
    let mut calls = Vec::new();
    for who in [Who::Bluestage, Who::Loop] {
        begun += FEW;
        calls.push(calls_per_job(&world, begun, who).await);
    }
    part.add(
        Row::new("API calls a job, when many wait", told(&calls[0]))
            .beside(told(&calls[1]), total(&calls[0]) / total(&calls[1]))
            .goal("fewer than the loop", total(&calls[0]) < total(&calls[1])),
    );
    let (ours, theirs) = (Latency::of(&world, Who::Bluestage).await, Latency::of(&world, Who::Loop).await);
    for (what, ours, theirs) in [
        ("from available to acknowledged, p50 / p99", &ours.acknowledged, &theirs.acknowledged),
        ("from available to reported, p50 / p99", &ours.reported, &theirs.reported),
    ] {
        let ratio = quantile(ours, 0.5).as_secs_f64() / quantile(theirs, 0.5).as_secs_f64();
        part.add(Row::new(what, median_and_p99(ours)).beside(median_and_p99(theirs), ratio));
    }
    part
}

/// A local CodePipeline with our action types, whose pipelines start when they are told to.
pub(crate) async fn world() -> World {
    let options = Options { local_flags: vec!["--no-start-on-create".to_owned()], ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    pipelines::push_source(&world).await;
    world
}

/// Starts whoever is to do the jobs, as it is by default; the sweep has nothing to do here.
pub(crate) fn worker(world: &World, who: Who, endpoints: &Endpoints) -> Process {
    match who {
        Who::Bluestage => {
            let flags =
                ["--poll-seconds", "1", "--idle-poll-seconds", "10", "--hold-seconds", "20", "--sweep-seconds", "60"];
            world.worker_with(endpoints, &flags.map(str::to_owned))
        }
        Who::Loop => rival(world, endpoints, &["--provider", PROVIDER]),
    }
}

/// The boto3 loop.
pub(crate) fn rival(world: &World, endpoints: &Endpoints, flags: &[&str]) -> Process {
    let mut command = Command::new(venv().join("bin/python"));
    command.arg(root().join("benches/bench/rival.py")).args(flags);
    Process::start("rival", command, world.home.path(), &endpoints.environment())
}

fn name(number: usize) -> String {
    format!("many-{number}")
}

/// Makes so many jobs available, and measures how they are done. `begun` is how many there have been then in all.
async fn drain(world: &World, (jobs, begun): (usize, usize), (who, endpoints): (Who, &Endpoints)) -> Drained {
    for number in 0..PIPELINES {
        pipelines::start(world, &name(number), jobs / MOST_ACTIONS / PIPELINES).await;
    }
    for number in 0..PIPELINES {
        pipelines::await_begun(world, &name(number), (PROVIDER, begun / PIPELINES)).await;
    }
    let began = Instant::now();
    let process = worker(world, who, endpoints);
    for number in 0..PIPELINES {
        pipelines::await_over(world, &name(number)).await;
    }
    Drained { seconds: began.elapsed().as_secs_f64(), processor: processor_seconds(process.id()) }
}

fn rows(part: &mut Part, drained: &[Drained]) {
    for (place, jobs) in [(0, FEW), (2, MANY)] {
        let rate = |place: usize| jobs as f64 / drained[place].seconds;
        part.add(
            Row::new(format!("{jobs} jobs that wait: jobs a second"), format!("{:.0}", rate(place)))
                .beside(format!("{:.0}", rate(place + 1)), rate(place) / rate(place + 1)),
        );
    }
    // What the start costs is in both, and so in no difference.
    let each = |few: usize, many: usize| (drained[many].processor - drained[few].processor) / (MANY - FEW) as f64;
    let (ours, theirs) = (each(0, 2), each(1, 3));
    part.add(
        Row::new("jobs a second of processor time", format!("{:.0}", 1.0 / ours))
            .beside(format!("{:.0}", 1.0 / theirs), theirs / ours)
            .goal("at least 10 × the loop", theirs / ours >= 10.0),
    );
    part.add(
        Row::new("processor time a job", format!("{:.2} ms", ours * 1_000.0))
            .beside(format!("{:.2} ms", theirs * 1_000.0), ours / theirs),
    );
}

/// What is asked of each service, for one job.
async fn calls_per_job(world: &World, begun: usize, who: Who) -> BTreeMap<String, f64> {
    let (aws, codepipeline) = (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
    let endpoints = Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() };
    let began = Instant::now();
    drain(world, (FEW, begun), (who, &endpoints)).await;
    let mut counted = aws.counted(began..Instant::now());
    counted.extend(codepipeline.counted(began..Instant::now()));
    counted.into_iter().map(|(call, count)| (call, count as f64 / FEW as f64)).collect()
}

fn total(calls: &BTreeMap<String, f64>) -> f64 {
    calls.values().sum()
}

fn told(calls: &BTreeMap<String, f64>) -> String {
    let each: Vec<String> = calls.iter().map(|(call, count)| format!("{call} {count:.2}")).collect();
    format!("{:.2} ({})", total(calls), each.join(", "))
}

/// How long single jobs wait.
struct Latency {
    acknowledged: Vec<Duration>,
    reported: Vec<Duration>,
}

impl Latency {
    async fn of(world: &World, who: Who) -> Self {
        let codepipeline = Proxy::before(&world.codepipeline_url).await;
        let endpoints = Endpoints { aws: world.aws_url.clone(), codepipeline: codepipeline.url.clone() };
        let (clock, instant) = (SystemTime::now(), Instant::now());
        let _process = worker(world, who, &endpoints);
        for _ in 0..SINGLE {
            pipelines::start(world, "single", 1).await;
            tokio::time::sleep(BETWEEN).await;
        }
        pipelines::await_over(world, "single").await;
        let available = pipelines::actions_of(world, "single", PROVIDER).await;
        let since = |id: &str, at: Instant| {
            let began = SystemTime::try_from(*available[id].start_time().unwrap()).unwrap();
            (clock + (at - instant)).duration_since(began).unwrap_or_default()
        };
        let mut jobs = BTreeMap::new();
        let (mut acknowledged, mut reported) = (Vec::new(), Vec::new());
        for exchange in codepipeline.exchanges() {
            for job in exchange.answer["jobs"].as_array().into_iter().flatten() {
                let id = &job["data"]["pipelineContext"]["action"]["actionExecutionId"];
                jobs.insert(job["id"].to_string(), id.as_str().unwrap().to_owned());
            }
            let Some(id) = jobs.get(&exchange.request["jobId"].to_string()) else {
                continue;
            };
            match exchange.operation.as_str() {
                "AcknowledgeJob" => acknowledged.push(since(id, exchange.at)),
                "PutJobFailureResult" | "PutJobSuccessResult" => reported.push(since(id, exchange.at)),
                _ => {}
            }
        }
        assert_eq!((acknowledged.len(), reported.len()), (SINGLE, SINGLE));
        Self { acknowledged, reported }
    }
}
