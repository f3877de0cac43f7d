//! What a worker takes while it holds nothing, and while it holds a thousand jobs.
//!
//! The jobs are deployments that wait for a dependency which nobody releases: each has its artifact unpacked, its
//! template read, and looks at the stage again and again.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::overhead::{self, Who, rival};
use super::pipelines::{self, MOST_ACTIONS};
use super::table::{Part, Row};
use super::usage::{own_kib, processor_seconds, resident_kib};
use super::world::{Process, STATE_BUCKET, World};

const PROVIDER: &str = "DeployBlue";
const HELD: usize = 1_000;
const THREADS: usize = 10;

/// How long an idle worker is watched.
const WATCHED: Duration = Duration::from_secs(20);

const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) async fn measure() -> Part {
    let world = overhead::world().await;
    let waits = [
        ("TemplatePath", "Source::template.yaml"),
        ("ParameterOverrides", r#"{"Note":{"Fn::GetLive":["nobody","Address"]}}"#),
    ];
    pipelines::create(&world, "held", (PROVIDER, MOST_ACTIONS), &waits).await;
    let mut part = Part::new("held", "Idle, and holding jobs");
    let Idle { resident: idle, own, share } = idle(&world).await;
    let figure = format!("{}, of which {} its own and the rest the program's file", mebibytes(idle), mebibytes(own));
    part.add(Row::new("idle: memory", figure).goal("below 15 MiB", idle < 15.0 * 1024.0));
    part.add(
        Row::new(
            format!("idle: share of one processor over {} s", WATCHED.as_secs()),
            format!("{:.2} %", share * 100.0),
        )
        .goal("below 1 %", share < 0.01),
    );
    let ours = ours(&world).await;
    let loop_of_10 = theirs(&world, THREADS, HELD).await;
    let loop_of_1000 = theirs(&world, HELD, HELD + MOST_ACTIONS).await;
    let (own, plain) = (ours / HELD as f64, loop_of_10 / THREADS as f64);
    part.add(
        Row::new(
            format!("memory a held job: {HELD} held at once"),
            format!("{own:.0} KiB ({} in all)", mebibytes(ours)),
        )
        .beside(format!("{plain:.0} KiB ({} for the loop's {THREADS})", mebibytes(loop_of_10)), own / plain)
        .goal("a tenth of the loop's", own <= plain / 10.0),
    );
    let above = (ours - idle) / HELD as f64;
    part.add(Row::new("the same without what an idle worker takes", format!("{above:.0} KiB")).beside(
        format!("{} for a loop of {HELD} threads that hold one job each", mebibytes(loop_of_1000)),
        ours / loop_of_1000,
    ));
    part
}

/// What a worker without jobs takes.
struct Idle {
    resident: f64,
    own: f64,
    share: f64,
}

async fn idle(world: &World) -> Idle {
    let worker = overhead::worker(world, Who::Bluestage, &world.endpoints());
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = processor_seconds(worker.id());
    tokio::time::sleep(WATCHED).await;
    let share = (processor_seconds(worker.id()) - before) / WATCHED.as_secs_f64();
    Idle { resident: resident_kib(worker.id()), own: own_kib(worker.id()), share }
}

/// Our memory with all jobs held.
async fn ours(world: &World) -> f64 {
    pipelines::start(world, "held", HELD / MOST_ACTIONS).await;
    pipelines::await_begun(world, "held", (PROVIDER, HELD)).await;
    let flags = ["--slots", "1000", "--hold-seconds", "600", "--poll-seconds", "1", "--sweep-seconds", "3600"];
    let mut worker = world.worker_with(&world.endpoints(), &flags.map(str::to_owned));
    let deadline = Instant::now() + PATIENCE;
    while held(world).await < HELD {
        assert!(Instant::now() < deadline, "{}", worker.last_lines(20));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // Some have only just been claimed: until all wait for the dependency it takes as long as it takes.
    let mut most = 0.0_f64;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        most = most.max(resident_kib(worker.id()));
    }
    worker.kill(); // To hand a thousand jobs over takes a while, and nobody needs them any more.
    most
}

/// How many jobs stand in the journal.
async fn held(world: &World) -> usize {
    let s3 = world.s3();
    let pages = s3.list_objects_v2().bucket(STATE_BUCKET).prefix("state/journal/").send().await.unwrap();
    let mut jobs = 0;
    for page in pages.contents() {
        let Ok(found) = s3.get_object().bucket(STATE_BUCKET).key(page.key().unwrap()).send().await else {
            continue; // Turned over meanwhile.
        };
        let bytes = found.body.collect().await.unwrap().to_vec();
        let page: Value = serde_json::from_slice(&bytes).unwrap();
        jobs += page["jobs"].as_array().map_or(0, Vec::len);
    }
    jobs
}

/// The memory of a loop of so many threads, each of which holds a job. `before` is how many jobs there were before.
async fn theirs(world: &World, threads: usize, before: usize) -> f64 {
    let jobs = threads.next_multiple_of(MOST_ACTIONS);
    pipelines::start(world, "held", jobs / MOST_ACTIONS).await;
    pipelines::await_begun(world, "held", (PROVIDER, before + jobs)).await;
    let threads = threads.to_string();
    let flags = ["--provider", PROVIDER, "--threads", &threads, "--tell-at", &threads, "--hold-seconds", "600"];
    let mut rival: Process = rival(world, &world.endpoints(), &flags);
    rival.first_line();
    let resident = resident_kib(rival.id());
    rival.kill();
    resident
}

fn mebibytes(kib: f64) -> String {
    format!("{:.1} MiB", kib / 1024.0)
}
