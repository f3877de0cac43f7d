//! The stage as a whole: many services released at once, beside the longest of them alone and beside an exclusive lock.

use std::time::{Duration, Instant};

use futures::future::join_all;

use super::outside::bluestage;
use super::table::{Part, Row};
use super::usage::quantile;
use super::world::{Options, PipelineOptions, Process, Source, World};

const SERVICES: usize = 20;
const TESTS: &str = "sleep 10";

/// How many are released one after the other: the others would take as long again.
const LOCKED: usize = 8;

/// How often one service is released alone; the longest of these is the ideal.
const ALONE: usize = 3;

const TEMPLATE: &str = "
Parameters:
  Note: {Type: String, Default: none}
Resources:
  Queue: {Type: AWS::SQS::Queue}
Outputs:
  Address: {Value: !Ref Queue}
";

pub(crate) async fn measure() -> Part {
    let world = world().await;
    let _worker = worker(&world);
    let mut part = Part::new("releases", "Twenty services with tests of ten seconds");
    let alone: Vec<f64> = one_after_the_other(&world, vec![0; ALONE]).await;
    let ideal = alone.into_iter().fold(0.0, f64::max);
    let together = together(&world).await;
    part.add(
        Row::new(format!("{SERVICES} services at once: until all are live"), format!("{together:.1} s"))
            .beside(format!("{ideal:.1} s for one alone"), together / ideal)
            .goal("at most 1.2 × one alone", together <= 1.2 * ideal),
    );
    let some: f64 = one_after_the_other(&world, (0..LOCKED).collect()).await.iter().sum();
    let locked = some * SERVICES as f64 / LOCKED as f64;
    let what = format!("the same behind one lock: {SERVICES} one after the other, reckoned from {LOCKED}");
    part.add(Row::new(what, format!("{locked:.1} s")).beside(format!("{together:.1} s at once"), locked / together));
    part
}

/// A world with a service that all others are wired to, and the others' pipelines.
async fn world() -> World {
    let options = Options { local_flags: vec!["--no-start-on-create".to_owned()], ..Options::default() };
    let mut world = World::start(&bluestage(), options).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    world.start_worker();
    world.create_pipeline("base", &PipelineOptions::service("base")).await;
    let execution = world.release("base", &source()).await;
    world.await_execution("base", &execution).await.succeeded();
    world.workers.clear();
    for number in 0..SERVICES {
        let options = PipelineOptions::service(&name(number))
            .deploy("ParameterOverrides", r#"{"Note":{"Fn::GetLive":["base","Address"]}}"#)
            .test("Command", TESTS);
        world.create_pipeline(&name(number), &options).await;
        world.push(&name(number), &source()).await;
    }
    world
}

/// As it is by default, but with a place for every job and every run.
fn worker(world: &World) -> Process {
    let flags = ["--slots", "40", "--test-runs", "20", "--poll-seconds", "1", "--idle-poll-seconds", "10"];
    let more = ["--hold-seconds", "20", "--sweep-seconds", "60"];
    world.worker_with(
        &world.endpoints(),
        &[&flags[..], &more[..]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>(),
    )
}

fn source() -> Source {
    Source::empty().with("template.yaml", TEMPLATE)
}

fn name(number: usize) -> String {
    format!("service-{number}")
}

async fn one_after_the_other(world: &World, services: Vec<usize>) -> Vec<f64> {
    let mut took = Vec::new();
    for number in services {
        took.push(release(world, number).await.as_secs_f64());
    }
    took
}

async fn together(world: &World) -> f64 {
    let took = join_all((0..SERVICES).map(|number| release(world, number))).await;
    quantile(&took, 1.0).as_secs_f64()
}

/// Releases a service, and tells how long it took until it was live.
async fn release(world: &World, number: usize) -> Duration {
    let began = Instant::now();
    let execution = world.start_pipeline(&name(number)).await;
    world.await_execution(&name(number), &execution).await.succeeded();
    began.elapsed()
}
