//! Workers that die, freeze and wake up: their jobs are another one's, and each gets one verdict.

use std::sync::Arc;
use std::time::Duration;

use bluestage::ports::{ActionKind, Job, JobId, Verdict};
use bluestage::worker::{Ended, Settings};

use crate::memory::freezing::FreezingClock;
use crate::memory::{Break, Command, Memory};
use crate::worker::{Working, is_answered, last_of, settings, until};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

/// A worker that can be frozen.
fn mortal(world: &Memory, machine: &'static str) -> (Working, Arc<FreezingClock>) {
    let mut ports = world.ports(machine);
    let clock = Arc::new(FreezingClock::new(ports.clock));
    ports.clock = Arc::clone(&clock) as Arc<_>;
    (Working::on(ports, 2), clock)
}

/// A worker that stands still when it has noted a job. Its next claim, which it makes as soon as it wakes up, arrives.
async fn stalls_before_its_claim(world: &Memory) -> (Working, Arc<FreezingClock>, Job) {
    world.jobs.behave(|jobs| jobs.offered_for = Duration::from_secs(3_600));
    world.line.breaks_later("jobs.acknowledge", Break::Unavailable, 0, 5);
    let (worker, clock) = mortal(world, "a");
    let job = offered(world, "orders");
    until(world, || world.line.broken() >= 1).await;
    clock.freeze();
    world.line.is_mended();
    (worker, clock, job)
}

fn offered(world: &Memory, service: &str) -> Job {
    let job = world.release(service).job(DEPLOY);
    world.jobs.offer(job.clone());
    job
}

/// Every job has one verdict, and no page is left.
fn is_settled(world: &Memory) {
    let mut ids: Vec<String> = world.jobs.verdicts().into_iter().map(|(id, _)| id.0).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "a job got two verdicts");
    assert_eq!(world.jobs.held(), 0, "a job got none");
    assert!(world.journal.now().is_empty(), "{:?}", world.journal.now());
}

#[tokio::test(start_paused = true)]
async fn the_job_of_a_worker_that_froze_is_gone_on_with_by_another() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 60);
    let (first, clock) = mortal(&world, "a");
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1 && !world.stacks.events().is_empty()).await;
    clock.freeze();
    let second = Working::on(world.ports("b"), 2);
    let before = world.elapsed();
    until(&world, || !world.line.trail_of(&["jobs.job "]).is_empty()).await;
    let took = world.elapsed() - before;
    let lease = settings(1).lease;
    assert!((lease..lease * 2).contains(&took), "{took:?}");
    until(&world, || is_answered(&world, &job)).await;
    assert!(matches!(last_of(&world, &job), Some(Verdict::Done(_))), "{:?}", last_of(&world, &job));
    assert_eq!(world.stacks.events().len(), 1, "it goes on with the same stack");

    clock.thaw();
    world.pass(Duration::from_secs(300)).await;
    assert_eq!(first.stop().await, Ended::Cleanly);
    assert_eq!(second.stop().await, Ended::Cleanly);
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_wakes_up_and_stops_hands_nothing_over_that_was_taken_from_it() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    // Long enough that nobody hands the job on meanwhile.
    let patient = Settings { longest_hold: settings(1).lease * 10, ..settings(1) };
    let mut ports = world.ports("a");
    let clock = Arc::new(FreezingClock::new(ports.clock));
    ports.clock = Arc::clone(&clock) as Arc<_>;
    let first = Working::with(ports, patient.clone());
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1).await;
    clock.freeze();
    let second = Working::with(world.ports("b"), patient.clone());
    until(&world, || !world.line.trail_of(&["jobs.job "]).is_empty()).await;
    clock.thaw();
    let reports = world.line.trail_of(&["jobs.report "]);
    world.pass(patient.lease).await;
    assert_eq!(first.stop().await, Ended::Cleanly);
    assert_eq!(world.line.trail_of(&["jobs.report "]), reports);
    world.stacks.behave(|stacks| stacks.creating = 0);
    until(&world, || is_answered(&world, &job)).await;
    assert_eq!(second.stop().await, Ended::Cleanly);
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_wakes_up_gives_up_what_was_taken_over_and_takes_new_jobs() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    let (first, clock) = mortal(&world, "a");
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1).await;
    clock.freeze();
    let (second, other_clock) = mortal(&world, "b");
    until(&world, || !world.line.trail_of(&["jobs.job "]).is_empty()).await;
    other_clock.freeze();
    clock.thaw();
    // Now the first one, which has lost the job, takes it back in the same way.
    until(&world, || world.line.trail_of(&["jobs.job "]).len() == 2).await;
    world.stacks.behave(|stacks| stacks.creating = 0);
    until(&world, || is_answered(&world, &job)).await;
    other_clock.thaw();
    let next = offered(&world, "mail");
    until(&world, || is_answered(&world, &next)).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((first.stop().await, second.stop().await), (Ended::Cleanly, Ended::Cleanly));
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn of_several_watchers_one_takes_a_job_over() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 60);
    let (first, clock) = mortal(&world, "a");
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1).await;
    clock.freeze();
    let others = ["b", "c", "d"].map(|machine| Working::on(world.ports(machine), 2));
    until(&world, || is_answered(&world, &job)).await;
    assert_eq!(world.line.trail_of(&["jobs.job "]).len(), 1);
    clock.thaw();
    world.pass(Duration::from_secs(60)).await;
    for working in others {
        working.stop().await;
    }
    first.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_moves_between_the_last_look_and_the_claim_is_left_to_its_worker() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    let (first, clock) = mortal(&world, "a");
    offered(&world, "orders");
    until(&world, || world.jobs.held() == 1).await;
    clock.freeze();
    world.journal.moves_before_it_is_read();
    let second = Working::on(world.ports("b"), 2);
    until(&world, || !world.line.trail_of(&["journal.read"]).is_empty()).await;
    let before = world.elapsed();
    until(&world, || !world.line.trail_of(&["jobs.job "]).is_empty()).await;
    let took = world.elapsed() - before;
    assert!(took >= settings(1).lease, "the lease begins anew, but it was taken over after {took:?}");
    clock.thaw();
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_is_noted_before_it_is_claimed() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 2);
    let job = offered(&world, "orders");
    until(&world, || is_answered(&world, &job)).await;
    let trail = world.line.trail_of(&["journal.write", "jobs.acknowledge"]);
    assert!(trail[0].starts_with("journal.write"), "{trail:?}");
    working.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_noted_is_left_to_be_offered_again() {
    let world = Memory::new();
    world.line.breaks_later("journal.write", Break::Unavailable, 0, usize::MAX);
    let working = Working::on(world.ports("a"), 2);
    let job = offered(&world, "orders");
    world.pass(Duration::from_secs(120)).await;
    assert!(world.line.trail_of(&["jobs.acknowledge"]).is_empty());
    world.line.is_mended();
    until(&world, || is_answered(&world, &job)).await;
    working.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_is_ours_all_the_same() {
    let world = Memory::new();
    world.line.breaks("jobs.acknowledge", Break::LostAnswer);
    let working = Working::on(world.ports("a"), 2);
    let job = offered(&world, "orders");
    until(&world, || is_answered(&world, &job)).await;
    assert_eq!(world.line.trail_of(&["jobs.acknowledge"]).len(), 2, "it is claimed again and refused");
    working.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_offered_once_more_to_its_own_worker_stays_noted() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    let patient = Settings { longest_hold: settings(1).lease * 10, ..settings(2) };
    let first = Working::with(world.ports("a"), patient.clone());
    let job = offered(&world, "orders");
    let acknowledged = || world.line.trail_of(&["jobs.acknowledge"]).len();
    until(&world, || acknowledged() == 2).await; // The stack is begun, and its continuation waits for it.
    let again = Job { id: JobId(format!("{}+", job.id)), ..job };
    world.jobs.offer(again);
    until(&world, || acknowledged() == 3).await;
    world.pass(patient.lease).await;
    assert_eq!(world.journal.now().len(), 1, "it is still held");
    assert_eq!(first.stop().await, Ended::Cleanly);
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_claimed_only_after_it_was_taken_over_gets_its_verdict() {
    let world = Memory::new();
    let (first, clock, job) = stalls_before_its_claim(&world).await;
    let second = Working::on(world.ports("b"), 2);
    until(&world, || !world.line.trail_of(&["jobs.report"]).is_empty()).await;
    assert!(world.jobs.verdicts().is_empty(), "what nobody has claimed waits for no verdict");
    clock.thaw();
    until(&world, || is_answered(&world, &job)).await;
    world.pass(Duration::from_secs(60)).await;
    assert_eq!((first.stop().await, second.stop().await), (Ended::Cleanly, Ended::Cleanly));
    is_settled(&world);
}

/// As above, but the worker dies when its claim has arrived: only who took the job over knows of it.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_claimed_late_by_a_worker_that_dies_gets_its_verdict() {
    let world = Memory::new();
    let (_dead, clock, job) = stalls_before_its_claim(&world).await;
    world.line.breaks("jobs.acknowledge", Break::DiesAfter);
    let second = Working::on(world.ports("b"), 2);
    until(&world, || !world.line.trail_of(&["jobs.report"]).is_empty()).await;
    assert_eq!(world.jobs.held(), 0);
    clock.thaw();
    until(&world, || world.jobs.held() == 1).await;
    clock.freeze(); // Whatever else it did.
    let before = world.elapsed();
    until(&world, || is_answered(&world, &job)).await;
    assert!(world.elapsed() - before < settings(1).lease * 3, "{:?}", world.elapsed() - before);
    assert_eq!(second.stop().await, Ended::Cleanly);
    assert_eq!((world.jobs.held(), world.jobs.verdicts().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_page_whose_write_had_no_answer_is_still_our_own() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 30);
    world.line.breaks_later("journal.write", Break::LostAnswer, 0, 3);
    let working = Working::on(world.ports("a"), 2);
    let job = offered(&world, "orders");
    until(&world, || is_answered(&world, &job)).await;
    assert_eq!(world.line.broken(), 3);
    assert_eq!(world.stacks.events().len(), 1);
    assert!(world.line.trail_of(&["jobs.job "]).is_empty(), "nobody takes anything over");
    working.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_could_not_be_handed_over_stays_in_the_journal_for_the_next_worker() {
    let world = Memory::new();
    world.line.breaks_later("jobs.report", Break::Unavailable, 0, usize::MAX);
    let (first, clock) = mortal(&world, "a");
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1).await;
    assert_eq!(first.stop().await, Ended::WithJobsHeld(1));
    clock.freeze(); // Its process has ended.
    world.line.is_mended();
    let second = Working::on(world.ports("b"), 2);
    until(&world, || is_answered(&world, &job)).await;
    assert!(matches!(last_of(&world, &job), Some(Verdict::Done(_))));
    second.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_nobody_waits_for_any_more_is_dropped_when_it_is_taken_over() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    let (first, clock) = mortal(&world, "a");
    let job = offered(&world, "orders");
    until(&world, || world.jobs.held() == 1 && world.jobs.verdicts().len() == 1).await;
    clock.freeze();
    world.jobs.settle(&JobId(format!("{}+", job.id)));
    let second = Working::on(world.ports("b"), 2);
    until(&world, || !world.line.trail_of(&["jobs.job "]).is_empty()).await;
    let looks = world.line.trail_of(&["stacks.read"]).len();
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.line.trail_of(&["stacks.read"]).len(), looks, "nothing is done for it");
    assert_eq!(world.jobs.verdicts().len(), 1, "nobody is told anything");
    clock.thaw();
    world.pass(Duration::from_secs(60)).await;
    first.stop().await;
    second.stop().await;
    is_settled(&world);
}

#[tokio::test(start_paused = true)]
async fn tests_that_were_started_are_watched_and_not_started_again_when_their_job_is_played_twice() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::passes(3).after(4));
    let job = orders.job(ActionKind::RunIsolatedTests);
    // The first turn starts the tests; its verdict is lost with its worker, and the job is played once more elsewhere.
    assert!(matches!(world.turn_on("a", &job).await, Some(Verdict::Continue(_))));
    let Some(Verdict::Continue(watching)) = world.turn_on("b", &job).await else {
        panic!("the tests run elsewhere");
    };
    assert!(world.machine("b").runs().is_empty(), "they run once");
    let next = Job { token: Some(watching.token.as_str().to_owned()), ..job };
    last_turn(&world, next).await;
    assert!(world.machine("b").runs().is_empty(), "they ran once");
}

#[tokio::test(start_paused = true)]
async fn a_late_repeat_of_a_job_does_not_put_its_run_before_a_newer_one() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let job = orders.job(ActionKind::RunIsolatedTests);
    let Some(Verdict::Continue(first)) = world.turn_on("a", &job).await else {
        panic!("the tests run");
    };
    world.machine("a").dies();
    let mut job_b = Job { token: Some(first.token.as_str().to_owned()), ..job.clone() };
    world.script.next_run(Command::passes(2).after(9));
    while world.machine("b").runs().is_empty() {
        let Some(Verdict::Continue(more)) = world.turn_on("b", &job_b).await else {
            panic!("the run is lost and made again");
        };
        job_b.token = Some(more.token.as_str().to_owned());
    }
    assert!(matches!(world.turn_on("c", &job).await, Some(Verdict::Continue(_))), "the late repeat");
    last_turn(&world, job_b).await;
}

/// Plays the job and its continuations on machine `b` until it is done.
async fn last_turn(world: &Memory, mut job: Job) {
    loop {
        match world.turn_on("b", &job).await {
            Some(Verdict::Continue(more)) => job.token = Some(more.token.as_str().to_owned()),
            Some(Verdict::Done(_)) => return,
            other => panic!("the tests passed: {other:?}"),
        }
    }
}
