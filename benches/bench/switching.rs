//! A switch back and a promotion, beside the floor: the same two raw requests, by the same SDK, in a process of their own.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_sdk_s3::primitives::ByteStream;
use bluestage::actions::{SwitchBackRequest, switch_back};
use bluestage::ports::Ports;
use tokio::task::JoinHandle;

use super::large_stage::{large_stage, service};
use super::outside::{DOCUMENT, bluestage, ports, put_stage};
use super::promoting;
use super::table::{Part, Row};
use super::usage::{median_and_p99, millis, quantile};
use super::world::{Endpoints, Options, Proxy, STATE_BUCKET, World};

/// The word by which this program, started again, knows that it is to make the two raw requests.
pub(crate) const FLOOR: &str = "floor";

pub(crate) const SERVICES: usize = 200;
const TIMES: usize = 60;
pub(crate) const WRITERS: usize = 10;
const CONTENDED: usize = 150;

/// How often each of the writers changes the stage: together they do about ten changes a second, two thirds of what S3
/// takes for one object.
const EACH: Duration = Duration::from_secs(1);

/// At most this many times the floor.
pub(crate) const GOAL: f64 = 1.5;

pub(crate) async fn measure() -> Part {
    let world = World::start(&bluestage(), Options::default()).await;
    let bytes = put_stage(&world, &large_stage(SERVICES)).await;
    let mut part = Part::new("switching", "Switch back and promotion");
    let calls = round_trips(&world).await;
    part.add(
        Row::new("round trips of a switch back: reads + conditional writes", format!("{} + {}", calls.0, calls.1))
            .goal("1 + 1", calls == (1, 1)),
    );
    let (ours, floor) = in_turn(&world);
    let (own, raw) = (quantile(&ours, 0.5), quantile(&floor, 0.5));
    let ratio = own.as_secs_f64() / raw.as_secs_f64();
    let what = format!("switch back as a process, {SERVICES} services ({} KiB), p50 / p99 of {TIMES}", bytes >> 10);
    part.add(
        Row::new(what, median_and_p99(&ours))
            .beside(format!("{} for the two raw requests", median_and_p99(&floor)), ratio)
            .goal(format!("p50 at most {GOAL} × the raw requests"), ratio <= GOAL),
    );
    let (contended, by_others) = contended(&world).await;
    let p99 = quantile(&contended, 0.99);
    let what =
        format!("the same while {WRITERS} others change it {by_others:.0} times a second, p50 / p99 of {CONTENDED}");
    part.add(
        Row::new(what, median_and_p99(&contended))
            .beside(format!("{} alone", millis(own)), quantile(&contended, 0.5).as_secs_f64() / own.as_secs_f64())
            .goal("p99 below 1 s", p99 < Duration::from_secs(1)),
    );
    promoting::add_to(&mut part).await;
    part
}

/// Makes the two raw requests.
pub(crate) async fn floor(endpoint: &str) {
    let sdk = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(endpoint).load().await;
    let configuration = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(configuration);
    let got = s3.get_object().bucket(STATE_BUCKET).key(DOCUMENT).send().await.unwrap();
    let etag = got.e_tag.unwrap();
    let bytes = got.body.collect().await.unwrap().into_bytes();
    let put = s3.put_object().bucket(STATE_BUCKET).key(DOCUMENT).if_match(etag);
    put.body(ByteStream::from(bytes)).send().await.unwrap();
}

/// Reads and conditional writes of one switch back.
async fn round_trips(world: &World) -> (usize, usize) {
    let proxy = Proxy::before(&world.aws_url).await;
    let endpoints = Endpoints { aws: proxy.url.clone(), codepipeline: world.codepipeline_url.clone() };
    let began = Instant::now();
    switch(world, &endpoints, 0);
    let counted = proxy.counted(began..Instant::now());
    let calls = |name: &str| counted.get(name).copied().unwrap_or_default();
    let all: usize = counted.values().sum();
    let found = (calls("S3 GET stages"), calls("S3 PUT-IF stages"));
    assert_eq!(all, found.0 + found.1, "{counted:?}");
    found
}

/// Switches the service of this number back, in a process of its own.
fn switch(world: &World, endpoints: &Endpoints, number: usize) {
    let service = service(number).to_string();
    let output = world.bluestage_at(endpoints, &["switch-back", &service, "--stage", "test"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Switches back and makes the raw requests, one after the other, so that both see the same machine.
fn in_turn(world: &World) -> (Vec<Duration>, Vec<Duration>) {
    let one = |number: usize| {
        let began = Instant::now();
        switch(world, &world.endpoints(), number);
        let ours = began.elapsed();
        let began = Instant::now();
        let raw = Command::new(std::env::current_exe().unwrap())
            .args([FLOOR, &world.aws_url])
            .env_clear()
            .envs(world.environment())
            .output()
            .unwrap();
        let floor = began.elapsed();
        assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
        (ours, floor)
    };
    (0..TIMES).map(one).unzip()
}

/// Switches back while others change the stage, too. Tells how long each took, and how many changes the others made in a
/// second.
async fn contended(world: &World) -> (Vec<Duration>, f64) {
    let writers = Writers::begin(world);
    let mut took = Vec::new();
    for number in 0..CONTENDED {
        let since = Instant::now();
        tokio::task::block_in_place(|| switch(world, &world.endpoints(), number % 100));
        took.push(since.elapsed());
    }
    (took, writers.end().await)
}

/// Others who change the stage.
pub(crate) struct Writers {
    began: Instant,
    over: Arc<AtomicBool>,
    changes: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    pub(crate) fn begin(world: &World) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let changes = Arc::new(AtomicUsize::new(0));
        let tasks = (0..WRITERS).map(|number| {
            let ports = ports(&world.aws_url);
            tokio::spawn(change_until(ports, SERVICES - 1 - number, (Arc::clone(&over), Arc::clone(&changes))))
        });
        Self { began: Instant::now(), tasks: tasks.collect(), over, changes }
    }

    /// Tells how often in a second they have changed it.
    pub(crate) async fn end(self) -> f64 {
        let rate = self.changes.load(Ordering::Relaxed) as f64 / self.began.elapsed().as_secs_f64();
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        rate
    }
}

async fn change_until(ports: Ports, number: usize, (over, changes): (Arc<AtomicBool>, Arc<AtomicUsize>)) {
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(ports.dice.jittered(EACH)).await;
        switch_back(&ports, &request(number)).await.unwrap();
        changes.fetch_add(1, Ordering::Relaxed);
    }
}

/// A switch back of the service of this number.
pub(crate) fn request(number: usize) -> SwitchBackRequest {
    SwitchBackRequest {
        stage: "test".parse().unwrap(),
        service: service(number),
        to: None,
        who: "bench".to_owned(),
        reason: "to see how long it takes".to_owned(),
        strict: false,
    }
}
