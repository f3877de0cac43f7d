//! A promotion beside the same two raw requests: in a stage as large as that in which is switched back, by a worker that has
//! nothing else to do.

use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;

use super::large_stage::large_stage;
use super::outside::{DOCUMENT, bluestage, put_stage};
use super::switching::{GOAL, SERVICES, WRITERS, Writers};
use super::table::{Part, Row};
use super::usage::{median_and_p99, millis, quantile};
use super::world::{Endpoints, Exchange, Options, PipelineOptions, Process, Proxy, STATE_BUCKET, Source, World};

/// How many releases are promoted, without and with others who change the stage.
const TIMES: usize = 20;

const PIPELINE: &str = "promoted";
const TEMPLATE: &str = "Resources: {Queue: {Type: AWS::SQS::Queue}}";

pub(crate) async fn add_to(part: &mut Part) {
    let world = world().await;
    let codepipeline = Proxy::before(&world.codepipeline_url).await;
    let _worker = worker(&world, &codepipeline);
    let raw = raw(&world).await;
    release(&world).await;
    let alone = promotions(&codepipeline);
    let (own, floor) = (quantile(&alone, 0.5), quantile(&raw, 0.5));
    let ratio = own.as_secs_f64() / floor.as_secs_f64();
    part.add(
        Row::new(
            format!("a promotion, from acknowledged to reported, {SERVICES} services, p50 / p99 of {TIMES}"),
            median_and_p99(&alone),
        )
        .beside(format!("{} for the two raw requests", median_and_p99(&raw)), ratio)
        .goal(format!("p50 at most {GOAL} × the raw requests"), ratio <= GOAL),
    );
    let writers = Writers::begin(&world);
    release(&world).await;
    let by_others = writers.end().await;
    let contended = promotions(&codepipeline).split_off(TIMES);
    part.add(
        Row::new(
            format!("the same while {WRITERS} others change it {by_others:.0} times a second, p50 / p99 of {TIMES}"),
            median_and_p99(&contended),
        )
        .beside(format!("{} alone", millis(own)), quantile(&contended, 0.5).as_secs_f64() / own.as_secs_f64())
        .goal("p99 below 1 s", quantile(&contended, 0.99) < Duration::from_secs(1)),
    );
}

/// A world with the large stage, and a pipeline of one more service.
async fn world() -> World {
    let options = Options { local_flags: vec!["--no-start-on-create".to_owned()], ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    put_stage(&world, &large_stage(SERVICES)).await;
    world.create_pipeline(PIPELINE, &PipelineOptions::service(PIPELINE).test("Command", "true")).await;
    world.push(PIPELINE, &Source::empty().with("template.yaml", TEMPLATE)).await;
    world
}

/// As the tests of the whole start it, but for the sweep: the services of the large stage have no stacks.
fn worker(world: &World, codepipeline: &Proxy) -> Process {
    let endpoints = Endpoints { aws: world.aws_url.clone(), codepipeline: codepipeline.url.clone() };
    let flags = ["--poll-seconds", "1", "--idle-poll-seconds", "1", "--hold-seconds", "20", "--sweep-seconds", "3600"];
    world.worker_with(&endpoints, &flags.map(str::to_owned))
}

/// Releases the service so many times, one after the other.
async fn release(world: &World) {
    for _ in 0..TIMES {
        let execution = world.start_pipeline(PIPELINE).await;
        world.await_execution(PIPELINE, &execution).await.succeeded();
    }
}

/// How long each promotion took so far, from acknowledged to reported.
fn promotions(codepipeline: &Proxy) -> Vec<Duration> {
    let exchanges = codepipeline.exchanges();
    let polls = exchanges.iter().filter(|exchange| exchange.request["actionTypeId"]["provider"] == "Promote");
    let jobs = polls.flat_map(|poll| poll.answer["jobs"].as_array().into_iter().flatten()).map(|job| &job["id"]);
    let took = jobs.filter_map(|job| {
        let when = |operation: &str| {
            let its = |exchange: &&Exchange| exchange.operation == operation && exchange.request["jobId"] == *job;
            exchanges.iter().find(its).map(|exchange| exchange.at)
        };
        Some(when("PutJobSuccessResult")? - when("AcknowledgeJob")?)
    });
    took.collect()
}

/// The two raw requests, in this process, over a connection that is there.
async fn raw(world: &World) -> Vec<Duration> {
    let s3 = world.s3();
    let mut took = Vec::new();
    for _ in 0..=TIMES {
        let began = Instant::now();
        let got = s3.get_object().bucket(STATE_BUCKET).key(DOCUMENT).send().await.unwrap();
        let etag = got.e_tag.unwrap();
        let bytes = got.body.collect().await.unwrap().into_bytes();
        let put = s3.put_object().bucket(STATE_BUCKET).key(DOCUMENT).if_match(etag);
        put.body(ByteStream::from(bytes)).send().await.unwrap();
        took.push(began.elapsed());
    }
    // The first one connects.
    took.split_off(1)
}
