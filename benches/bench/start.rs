//! How quickly the program is there, and how large it is.

use std::process::Command;
use std::time::{Duration, Instant};

use super::outside::bluestage;
use super::table::{Part, Row};
use super::usage::{median_and_p99, quantile};
use super::world::{Endpoints, Options, Proxy, World};

const STARTS: usize = 40;
const WORKERS: usize = 10;

pub(crate) async fn measure() -> Part {
    let mut part = Part::new("start", "Start");
    let help: Vec<Duration> = (0..STARTS).map(|_| run(&["--help"])).collect();
    part.add(Row::new(format!("`bluestage --help`, p50 / p99 of {STARTS}"), median_and_p99(&help)));
    let polls = first_polls().await;
    let first = quantile(&polls, 0.5);
    part.add(
        Row::new(format!("worker: from start to first poll, p50 / p99 of {WORKERS}"), median_and_p99(&polls))
            .goal("p50 below 1 s", first < Duration::from_secs(1)),
    );
    let bytes = std::fs::metadata(bluestage()).unwrap().len();
    part.add(Row::new("the program, with its symbols", mebibytes(bytes)));
    part.add(Row::new("the program, stripped", mebibytes(stripped_bytes())));
    part
}

fn run(arguments: &[&str]) -> Duration {
    let began = Instant::now();
    let output = Command::new(bluestage()).args(arguments).output().unwrap();
    assert!(output.status.success());
    began.elapsed()
}

async fn first_polls() -> Vec<Duration> {
    let world = World::start(&bluestage(), Options::default()).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    let mut polls = Vec::new();
    for _ in 0..WORKERS {
        let codepipeline = Proxy::before(&world.codepipeline_url).await;
        let endpoints = Endpoints { aws: world.aws_url.clone(), codepipeline: codepipeline.url.clone() };
        let began = Instant::now();
        let worker = world.worker_at(&endpoints);
        while codepipeline.counted(began..Instant::now()).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(30), "{}", worker.logged());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        polls.push(began.elapsed());
    }
    polls
}

fn stripped_bytes() -> u64 {
    let home = tempfile::tempdir().unwrap();
    let copy = home.path().join("bluestage");
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(bluestage()).status();
    assert!(stripped.is_ok_and(|status| status.success()), "strip is missing: install binutils");
    std::fs::metadata(copy).unwrap().len()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
