//! Whether a worker is of use, as it tells itself: by what went well and when, not by being alive.

use std::time::Duration;

use bluestage::ports::{ActionKind, Job};
use bluestage::worker::{Loop, Sign};

use crate::memory::{Break, Memory};
use crate::worker::{Working, is_answered, until};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

/// What is overdue, by name.
fn overdue(working: &Working) -> Vec<String> {
    working.health.overdue().iter().map(|sign| sign.of.to_string()).collect()
}

/// What the worker says that it does about this job or a continuation of it.
fn doing(working: &Working, job: &Job) -> Option<String> {
    let is_its = |of: &Loop| matches!(of, Loop::Job(id) if id.0.trim_end_matches('+') == job.id.0);
    working.health.loops().into_iter().find(|told| is_its(&told.of)).map(|told| told.doing)
}

/// Passes this time in small steps, and insists that nothing is overdue in any of them.
async fn stays_well(world: &Memory, working: &Working, time: Duration) {
    let end = world.elapsed() + time;
    while world.elapsed() < end {
        world.pass(Duration::from_secs(1)).await;
        assert_eq!(overdue(working), Vec::<String>::new(), "at {:?}", world.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_ready_when_it_has_polled_for_each_action_and_read_the_state_bucket() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    let hindrances = working.health.hindrances();
    for missing in ["DeployBlue", "RunIsolatedTests", "Promote", "the state bucket was not read yet"] {
        assert!(hindrances.iter().any(|hindrance| hindrance.contains(missing)), "{missing}: {hindrances:?}");
    }
    until(&world, || working.health.hindrances().is_empty()).await;
    assert!(world.elapsed() < Duration::from_secs(10), "{:?}", world.elapsed());

    world.line.breaks_later("journal.pages", Break::Denied, 0, usize::MAX);
    until(&world, || !working.health.hindrances().is_empty()).await;
    let hindrances = working.health.hindrances();
    assert!(hindrances[0].starts_with("the state bucket cannot be read: "), "{hindrances:?}");
    assert_eq!(overdue(&working), Vec::<String>::new());
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_nothing_to_do_stays_well() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    stays_well(&world, &working, Duration::from_secs(1_800)).await;
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_gets_no_answer_to_its_polls_is_not_well_until_it_gets_one() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    until(&world, || working.health.hindrances().is_empty()).await;
    world.line.breaks_later("jobs.poll", Break::Unavailable, 0, usize::MAX);
    let before = world.elapsed();
    until(&world, || !overdue(&working).is_empty()).await;
    let took = (world.elapsed() - before).as_secs();
    assert!((75..=91).contains(&took), "{took} s: three rounds of the longest pause and the longest hold");
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(overdue(&working), ["poll DeployBlue", "poll RunIsolatedTests", "poll Promote"]);
    let first = working.health.overdue().remove(0);
    assert!(first.ever && first.age > first.limit, "{first:?}");
    assert!(first.trouble.is_some_and(|why| why.contains("jobs poll")), "it says what goes wrong");

    world.line.is_mended();
    until(&world, || overdue(&working).is_empty()).await;
    assert!(working.health.signs().iter().all(|sign| sign.trouble.is_none()));
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_action_that_alone_cannot_be_polled_for_is_named_alone() {
    let world = Memory::new();
    world.line.breaks_later("jobs.poll Promote", Break::Denied, 0, usize::MAX);
    let working = Working::on(world.ports("a"), 1);
    until(&world, || !overdue(&working).is_empty()).await;
    assert_eq!(overdue(&working), ["poll Promote"]);
    assert!(!working.health.overdue()[0].ever, "it is counted from the worker's beginning");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_sweep_is_not_well() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    world.line.breaks_later("stages.names", Break::Unavailable, 0, usize::MAX);
    until(&world, || !overdue(&working).is_empty()).await;
    assert_eq!(overdue(&working), ["sweep"]);
    let took = world.elapsed().as_secs();
    assert!((235..=245).contains(&took), "{took} s: three sweeps and the longest that each may wait");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_slots_are_all_taken_stays_well_while_its_jobs_move() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 100_000);
    let working = Working::on(world.ports("a"), 1);
    world.jobs.offer(world.release("orders").job(DEPLOY));
    until(&world, || world.jobs.held() == 1).await;
    stays_well(&world, &working, Duration::from_secs(1_200)).await;
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_every_job_is_stuck_is_not_well() {
    let world = Memory::new();
    world.line.breaks_later("jobs.report", Break::Unavailable, 0, usize::MAX);
    let working = Working::on(world.ports("a"), 1);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    until(&world, || !overdue(&working).is_empty()).await;
    let doing = doing(&working, &job).unwrap();
    assert!(doing.starts_with("reports its verdict again: "), "{doing}");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_loop_and_every_job_says_what_it_is_doing_and_since_when() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 60);
    let working = Working::on(world.ports("a"), 1);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    until(&world, || doing(&working, &job).is_some_and(|doing| doing.contains("plays"))).await;
    assert_eq!(doing(&working, &job).unwrap(), "plays DeployBlue of orders in stage test");
    let loops = working.health.loops();
    let names: Vec<String> = loops.iter().map(|told| told.of.to_string()).collect();
    assert_eq!(names[..4], ["poll", "sweep", "adopt", "page"]);
    let sweep = loops.iter().find(|told| told.of == Loop::Sweep).unwrap();
    assert_eq!(sweep.doing, "waits for the next sweep");
    assert!(sweep.age <= world.elapsed() && sweep.age > Duration::ZERO, "since the worker began");

    until(&world, || is_answered(&world, &job)).await;
    until(&world, || doing(&working, &job).is_none()).await;
    assert_eq!(working.health.loops().len(), 4, "a job that has ended says nothing");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopping_is_not_ready_and_still_well() {
    let world = Memory::new();
    world.line.breaks_later("jobs.report", Break::Unavailable, 0, usize::MAX);
    let working = Working::on(world.ports("a"), 2);
    world.jobs.offer(world.release("orders").job(DEPLOY));
    until(&world, || world.jobs.held() == 1 && working.health.hindrances().is_empty()).await;
    working.is_told_to_stop();
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(working.health.hindrances(), ["the worker is stopping"]);
    let poll = working.health.loops().remove(0);
    assert_eq!(poll.doing, "has ended, for the worker is stopping");
    let before = world.elapsed();
    while world.elapsed() - before < Duration::from_secs(300) {
        world.pass(Duration::from_secs(10)).await;
        assert_eq!(overdue(&working), Vec::<String>::new());
    }
    assert!(working.health.signs().iter().any(|sign| matches!(sign.of, Sign::Poll(_)) && sign.is_overdue()));
    working.stop().await;
}
