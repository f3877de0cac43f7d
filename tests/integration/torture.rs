//! Many services, many executions, random everything, on the real parts; then every promise is held against everything
//! that is on record: each document that was ever written, each test run, each action, each stack.
//!
//! `make torture` runs a large one with a fresh seed. A seed draws the same plan again, but not the same timing: real
//! processes race each other.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test looks at the real clock, its size is no setting of the product, and it tells what it has seen"
)]

mod actions;
mod chaos;
mod history;
mod leftovers;
mod plan;
mod runs;
mod services;
mod storm;

use std::fs;
use std::time::{Duration, Instant};

use crate::bluestage;
use crate::world::{Options, World, root};
use actions::Actions;
use history::History;
use plan::{Plan, Size};
use runs::{Known, Runs};
use storm::Done;

const WORKERS: usize = 3;

/// What is not as it was promised.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn add(&mut self, finding: String) {
        self.0.push(finding);
    }

    fn expect(&mut self, holds: bool, else_say: impl FnOnce() -> String) {
        if !holds {
            self.add(else_say());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_whatever_happens() {
    let size = Size {
        seed: given("SEED").unwrap_or(13),
        services: given("SERVICES").map_or(4, |count| usize::try_from(count).unwrap()),
        executions: given("EXECUTIONS").map_or(8, |count| usize::try_from(count).unwrap()),
    };
    let Size { seed, services, executions } = size;
    let replay = format!("make torture SEED={seed} SERVICES={services} EXECUTIONS={executions}");
    println!("torture: {replay}");
    let _told = ToldOnPanic(replay);
    let findings = torture(size).await.0;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

fn given(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().expect("a number"))
}

/// Tells how to do it again, also when something panics on the way.
struct ToldOnPanic(String);

impl Drop for ToldOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("To do it again: {}", self.0);
        }
    }
}

async fn torture(size: Size) -> Findings {
    let began = Instant::now();
    let (mut findings, mut done) = (Findings::default(), Done::default());
    let plan = Plan::drawn(size);
    let mut world = world().await;
    storm::release_all(&world, &plan, &mut done).await;
    for trouble in storm::carry_out(&mut world, &plan, &mut done).await {
        findings.add(trouble);
    }
    storm::settle(&world, &plan, &mut findings).await;
    let stormed = began.elapsed();
    storm::replaced_workers_ended(&mut done, &mut findings);

    let history = history::read(&world, &plan, (&done, &mut findings)).await;
    let known = Known { plan: &plan, done: &done, history: &history };
    let runs = runs::read(&world, &known, &mut findings).await;
    let actions = actions::read(&world, &known, &mut findings).await;
    leftovers::check_stacks(&world, &mut findings).await;
    tell(&known, (&runs, &actions), stormed);
    if !findings.0.is_empty() {
        keep_logs(&world, &format!("torture/{}", size.seed));
    }
    let traces = world.traces();
    drop(world);
    leftovers::check_processes(&traces, &mut findings).await;
    println!("torture: {:.0} s in all", began.elapsed().as_secs_f64());
    findings
}

async fn world() -> World {
    let flags = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
    let options = Options {
        local_flags: flags(&["--no-start-on-create"]),
        worker_flags: flags(&["--failed-grace-seconds", "0", "--test-runs", "4", "--stop-grace-seconds", "25"]),
        ..Options::default()
    };
    let mut world = World::start(&bluestage(), options).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{registered:?}");
    for _ in 0..WORKERS {
        world.start_worker();
    }
    world
}

fn tell(known: &Known<'_>, (runs, actions): (&Runs, &Actions), took: Duration) {
    let Known { done, history, .. } = known;
    let History { documents, versions, retired, .. } = history;
    let stacks = versions.values().filter(|version| version.stack.id.is_some()).count();
    let Runs { passed, failed, stopped, invalid, answers, .. } = runs;
    println!("torture: executions {:?}, of which {} were stopped", actions.executions, done.stopped.len());
    println!(
        "torture: runs: {passed} passed, {failed} failed, {stopped} stopped, {invalid} disturbed; {answers} answers checked"
    );
    println!(
        "torture: {} promotions, refused {:?}, failed as they deserve {:?}",
        actions.promoted, actions.refusals, actions.deserved
    );
    println!(
        "torture: {} switch backs, {} had nothing to switch to, {} were overtaken",
        done.switched_back, done.nothing_kept, done.overtaken
    );
    println!(
        "torture: {stacks} stacks made, {retired} versions retired, {documents} documents, {:.0} s",
        took.as_secs_f64()
    );
}

/// The logs of a test that fails stay for a look, below `target`.
fn keep_logs(world: &World, directory: &str) {
    let kept = root().join("target").join(directory);
    fs::create_dir_all(&kept).unwrap();
    for entry in fs::read_dir(world.home.path()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            fs::copy(entry.path(), kept.join(entry.file_name())).unwrap();
        }
    }
    eprintln!("The logs are in {}.", kept.display());
}
