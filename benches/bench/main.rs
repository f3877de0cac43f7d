//! What bluestage costs, and how it scales: every figure of `docs/performance.md`, in one run.
//!
//! `make bench` runs all of it and writes the figures into that page; names of parts as arguments run only those, and
//! write nothing: `cargo bench --bench bench -- switching start`. Every comparison is made within one run, on the same
//! machine, against the same S3 and CodePipeline: MiniStack, one Python process, and `bluestage local`. So the ratios
//! say something; the absolute figures say little about AWS.

#![expect(clippy::unwrap_used, reason = "a bench says that something is wrong by panicking")]
#![expect(clippy::disallowed_methods, reason = "a bench takes real time")]
#![expect(clippy::print_stdout, reason = "it prints tables")]

mod artifacts;
mod contention;
mod held;
mod outside;
mod overhead;
mod page;
mod pipelines;
mod promoting;
mod releases;
mod scale;
mod start;
mod switching;
mod table;
mod usage;

#[path = "../../tests/large_stage/mod.rs"]
mod large_stage;
#[path = "../../tests/memory/mod.rs"]
mod memory;
#[path = "../../tests/world/mod.rs"]
mod world;

use std::path::Path;
use std::time::Instant;

use tokio::runtime::Builder;

use table::Part;

/// The parts, in the order of the page.
const PARTS: [&str; 8] = ["start", "switching", "contention", "scale", "overhead", "held", "releases", "artifacts"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // On one thread, as `bluestage switch-back` is.
        [switching::FLOOR, endpoint] => play(&mut Builder::new_current_thread(), switching::floor(endpoint)),
        [artifacts::FETCH, endpoint, into] => {
            play(&mut Builder::new_multi_thread(), artifacts::fetch(endpoint, Path::new(into)));
        }
        _ => play(&mut Builder::new_multi_thread(), measure_all(&arguments)),
    }
}

fn play(runtime: &mut Builder, what: impl Future<Output = ()>) {
    runtime.enable_all().build().unwrap().block_on(what);
}

async fn measure_all(arguments: &[String]) {
    let write = arguments.iter().any(|argument| argument == "--write");
    let chosen: Vec<&str> =
        PARTS.into_iter().filter(|part| arguments.iter().any(|argument| argument == part)).collect();
    let chosen = if chosen.is_empty() { PARTS.to_vec() } else { chosen };
    let all = Instant::now();
    let mut parts = Vec::new();
    for name in chosen {
        let began = Instant::now();
        let part = measure(name).await;
        println!("\n{}\n{part}\n({:.0} s)", part.title, began.elapsed().as_secs_f64());
        parts.push(part);
    }
    let missed: usize = parts.iter().map(Part::missed).sum();
    println!("\n{missed} goals missed");
    if write {
        page::write(&parts, all.elapsed());
    }
}

async fn measure(part: &str) -> Part {
    match part {
        "start" => start::measure().await,
        "switching" => switching::measure().await,
        "contention" => contention::measure().await,
        "scale" => scale::measure(),
        "overhead" => overhead::measure().await,
        "held" => held::measure().await,
        "artifacts" => artifacts::measure().await,
        "releases" => releases::measure().await,
        other => panic!("there is no part {other}"),
    }
}
