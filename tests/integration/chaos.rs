//! Workers are killed and frozen, calls fail and answers get lost, while services are released again and again. Then
//! every execution must have ended as it deserved, every job must have got one verdict, and nothing may be left behind.
//!
//! `make chaos` runs a long one with a fresh seed. A seed draws the same releases, blows and faults again, but not the
//! same timing: real processes race each other.

#![expect(clippy::print_stdout, reason = "it tells what it has seen")]

mod crew;
mod reckoning;
mod releases;

use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::future::join_all;

use crate::bluestage;
use crate::torture::leftovers;
use crate::torture::{Findings, ToldOnPanic, given, keep_logs};
use crate::world::{Options, World};
use crew::Crew;
use reckoning::Reckoning;
use releases::{PIPELINES, Released};

/// After this long without a sign of life a worker's jobs are taken over. As short as a busy machine allows: a worker
/// that gets no processor for this long counts as gone.
const LEASE: Duration = Duration::from_secs(3);

/// How long everything together may take once nothing disturbs it: the longest pause between two tries to report is 30
/// seconds, and tests whose worker died are watched for 20 seconds.
const SETTLING: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn every_job_gets_one_verdict_whatever_happens_to_workers_and_answers() {
    let seed = given("SEED").unwrap_or(7);
    let seconds = given("CHAOS_SECONDS").unwrap_or(25);
    let replay = format!("make chaos SEED={seed} CHAOS_SECONDS={seconds}");
    println!("chaos: {replay}");
    let _told = ToldOnPanic(replay);
    let findings = chaos(seed, Duration::from_secs(seconds)).await.0;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

async fn chaos(seed: u64, time: Duration) -> Findings {
    let mut findings = Findings::default();
    let world = world().await;
    let mut crew = Crew::start(&world, seed).await;
    let mut released = releases::first(&world).await;

    let began = Instant::now();
    let until = began + time;
    let releasing = (0..PIPELINES.len()).map(|place| releases::again_and_again(&world, place, (seed, until)));
    let ((), stormy) = tokio::join!(trouble(&mut crew, seed, until), join_all(releasing));
    released.extend(stormy.into_iter().flatten());

    reckoning::settle(&world, &mut findings).await;
    let settled = began.elapsed();
    let reckoning = Reckoning::of(&crew);
    reckoning.check(&mut findings);
    releases::check(&world, &released, &mut findings).await;
    leftovers::check_stacks(&world, &mut findings).await;
    tell(&crew, &reckoning, (&released, settled));
    let traces = [world.traces(), crew.traces()].concat();
    crew.end(&mut findings);
    if !findings.0.is_empty() {
        keep_logs(&world, &format!("chaos/{seed}"));
    }
    drop(world);
    leftovers::check_processes(&traces, &mut findings).await;
    findings
}

async fn world() -> World {
    let flags = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
    let lease = LEASE.as_secs().to_string();
    let options = Options {
        local_flags: flags(&["--no-start-on-create"]),
        worker_flags: flags(&["--failed-grace-seconds", "0", "--lease-seconds", &lease]),
        ..Options::default()
    };
    let world = World::start(&bluestage(), options).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{registered:?}");
    world
}

/// Disturbs calls, and every few seconds kills or freezes a worker, until then; and is calm afterwards.
async fn trouble(crew: &mut Crew<'_>, seed: u64, until: Instant) {
    let mut rng = Rng::with_seed(seed);
    crew.disturb();
    for blow in 0.. {
        let pause = Duration::from_millis(rng.u64(1_500..4_500));
        let (place, kills) = (rng.usize(..), rng.bool());
        let freeze = LEASE + Duration::from_millis(rng.u64(1_000..3_000));
        if Instant::now() + pause > until {
            break;
        }
        tokio::time::sleep(pause).await;
        // One of each in any case.
        if blow == 0 || (blow != 1 && kills) {
            crew.kill(place).await;
        } else {
            crew.freeze(place, freeze).await;
        }
    }
    tokio::time::sleep_until(until.into()).await;
    crew.calm();
}

fn tell(crew: &Crew<'_>, reckoning: &Reckoning, (released, settled): (&[Released], Duration)) {
    let broken = released.iter().filter(|released| !released.source.is_sound()).count();
    println!("chaos: {} executions in {} pipelines, {broken} of broken versions", released.len(), PIPELINES.len());
    println!("chaos: {} workers killed, {} frozen for longer than the lease", crew.killed(), crew.frozen);
    println!("chaos: of {} calls disturbed: {:?}", crew.calls(), crew.faults());
    println!("chaos: {} jobs acknowledged, {} verdicts taken", reckoning.acknowledged(), reckoning.taken());
    let mut recoveries = reckoning.recoveries.clone();
    recoveries.sort();
    if let (Some(median), Some(worst)) = (recoveries.get(recoveries.len() / 2), recoveries.last()) {
        println!(
            "chaos: {} jobs outlived their worker; from its death to the next progress: median {:.1} s, worst {:.1} s",
            recoveries.len(),
            median.as_secs_f64(),
            worst.as_secs_f64()
        );
    }
    println!("chaos: {:.0} s until everything had settled", settled.as_secs_f64());
}
