//! Workers are killed and frozen again and again while answers get lost; and every execution still ends as it deserves.
//!
//! The services, the releases and what is held against the promises are the torture's. On top of them each worker
//! reaches CodePipeline and AWS through fault proxies, which also note who was told what: so it can be counted that every
//! job that was claimed got one verdict, and how long that took where its worker was killed meanwhile.
//!
//! `make chaos` runs it for some minutes with a fresh seed. As with the torture, a seed draws the same deeds again, but
//! not the same timing.

mod ledger;
mod recovery;
mod schedule;
mod troupe;

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::types::PipelineExecutionStatus as Status;

use super::actions::{self, Actions};
use super::history;
use super::plan::{Plan, Size};
use super::runs::{self, Known, Runs};
use super::storm::{self, Done};
use super::{Findings, ToldOnPanic, given, keep_logs, leftovers};
use crate::bluestage;
use crate::world::{Options, STATE_BUCKET, World};
use ledger::Ledger;
use schedule::{Deed, Schedule};
use troupe::Troupe;

/// The shortest that kills and stops of each kind surely happen in; `make chaos` asks for more.
const SHORT: u64 = 12;

/// After this long without a sign of life a worker's jobs are another one's.
const LEASE: Duration = Duration::from_secs(3);

/// How long the last page of the journal may stay once everything has ended: a lease and some faults that are over.
const PAGES_PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_ends_as_it_deserves_although_workers_die() {
    let size = Size {
        seed: given("SEED").unwrap_or(7),
        services: given("SERVICES").map_or(3, |count| usize::try_from(count).unwrap()),
        executions: 0, // As many as there is time for.
    };
    let seconds = given("CHAOS_SECONDS").unwrap_or(SHORT);
    let replay = format!("make chaos SEED={} SERVICES={} CHAOS_SECONDS={seconds}", size.seed, size.services);
    println!("chaos: {replay}");
    let _told = ToldOnPanic(replay);
    let findings = chaos(size, Duration::from_secs(seconds)).await.0;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

async fn chaos(size: Size, time: Duration) -> Findings {
    let began = Instant::now();
    let (mut findings, mut done) = (Findings::default(), Done::default());
    done.workers_die = true;
    let mut plan = Plan::drawn(size);
    let schedule = Schedule::drawn(size, time);
    plan.storm = schedule.releases();
    let mut world = world(size.seed).await;
    let mut troupe = Troupe::start(&mut world, size.seed).await;
    storm::release_all(&world, &plan, &mut done).await;
    carry_out(&mut world, (&plan, schedule), (&mut troupe, &mut done)).await;
    troupe.recover();
    storm::settle(&world, &plan, &mut findings).await;
    no_page_is_left(&world, &mut findings).await;
    let settled = began.elapsed();
    troupe.end(&mut findings);

    let ledger = Ledger::of(&troupe);
    ledger.check(&mut findings);
    let history = history::read(&world, &plan, (&done, &mut findings)).await;
    let known = Known { plan: &plan, done: &done, history: &history };
    let runs = runs::read(&world, &known, &mut findings).await;
    let actions = actions::read(&world, &known, &mut findings).await;
    check_executions(&world, (&plan, &done), &mut findings).await;
    leftovers::check_stacks(&world, &mut findings).await;
    tell((&ledger, &troupe), (&runs, &actions), settled);
    if !findings.0.is_empty() {
        keep_logs(&world, &format!("chaos/{}", size.seed));
    }
    let mut traces = world.traces();
    traces.extend(troupe.addresses());
    drop((troupe, world));
    leftovers::check_processes(&traces, &mut findings).await;
    println!("chaos: {:.0} s in all", began.elapsed().as_secs_f64());
    findings
}

/// A CodePipeline that soon offers again what nobody claims. Whether it hears a repeated claim is not documented, so the
/// seed decides.
async fn world(seed: u64) -> World {
    let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
    let mut local_flags = owned(&["--no-start-on-create", "--redelivery-seconds", "3"]);
    if seed % 2 == 1 {
        local_flags.push("--refuse-acknowledge-again".to_owned());
    }
    let lease = LEASE.as_secs().to_string();
    let worker_flags = owned(&["--failed-grace-seconds", "0", "--test-runs", "4", "--lease-seconds", &lease]);
    let world = World::start(&bluestage(), Options { local_flags, worker_flags, ..Options::default() }).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{registered:?}");
    world
}

async fn carry_out(world: &mut World, (plan, schedule): (&Plan, Schedule), (troupe, done): (&mut Troupe, &mut Done)) {
    let began = Instant::now();
    troupe.disturb();
    for (at, deed) in schedule.deeds {
        tokio::time::sleep(at.saturating_sub(began.elapsed())).await;
        match deed {
            Deed::Release(release) => storm::start(world, plan, (release, done)).await,
            Deed::Kill { worker } => troupe.kill(world, worker).await,
            Deed::Freeze { worker, number } => troupe.freeze(worker, number).await,
            Deed::Thaw { number } => troupe.thaw(number),
        }
    }
}

/// The pages of the journal go with the jobs that stand on them.
async fn no_page_is_left(world: &World, findings: &mut Findings) {
    let deadline = Instant::now() + PAGES_PATIENCE;
    loop {
        let listed = world.s3().list_objects_v2().bucket(STATE_BUCKET).prefix("state/journal/").send().await.unwrap();
        let left: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        if left.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return findings.add(format!("pages of the journal are left: {left:?}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Good versions succeed, or are overtaken, or refused where the plan allows it, which `actions` looks at; broken ones
/// never do.
async fn check_executions(world: &World, (plan, done): (&Plan, &Done), findings: &mut Findings) {
    let mut statuses = BTreeMap::new();
    for (_, id, status) in storm::executions(world, plan).await {
        statuses.insert(id, status);
    }
    for release in plan.releases() {
        let status = &statuses[&done.executions[&release.number]];
        let deserved = match status {
            Status::Superseded | Status::Failed => true,
            Status::Succeeded => release.flaw.is_none(),
            _ => false,
        };
        findings.expect(deserved, || format!("{status}: {release:?}"));
    }
}

fn tell((ledger, troupe): (&Ledger, &Troupe), (runs, actions): (&Runs, &Actions), took: Duration) {
    let Runs { passed, failed, stopped, invalid, lost, answers } = runs;
    println!(
        "chaos: executions {:?}, {} promotions, refused {:?}, failed as they deserve {:?}",
        actions.executions, actions.promoted, actions.refusals, actions.deserved
    );
    println!(
        "chaos: runs: {passed} passed, {failed} failed, {stopped} stopped, {invalid} disturbed, {lost} lost with their \
         worker; {answers} answers checked"
    );
    println!("chaos: {} workers killed, {} frozen; faults {:?}", troupe.kills.len(), troupe.frozen, troupe.faults());
    println!(
        "chaos: {} jobs claimed, each with one verdict; {} verdicts were not wanted any more; {} take-overs; {} \
         directories left by killed workers",
        ledger.claimed(),
        ledger.not_wanted(),
        troupe.take_overs(),
        troupe.left_by_the_killed()
    );
    println!("chaos: {}; the lease is {:.0} s", ledger.recoveries, LEASE.as_secs_f64());
    println!("chaos: settled after {:.0} s", took.as_secs_f64());
}

/// What is in a directory, each with what is in it.
fn left_in(path: &std::path::Path) -> Vec<String> {
    let entries = |path: &std::path::Path| -> Vec<_> { fs::read_dir(path).into_iter().flatten().flatten().collect() };
    let name = |entry: &fs::DirEntry| entry.file_name().display().to_string();
    let names = |path: &std::path::Path| entries(path).iter().map(name).collect::<Vec<_>>();
    let told = |entry: &fs::DirEntry| format!("{} with {:?}", name(entry), names(&entry.path()));
    entries(path).iter().map(told).collect()
}
