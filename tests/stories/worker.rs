//! The worker over a small CodePipeline: every job it takes gets one verdict, whatever happens.

use std::sync::Arc;
use std::time::Duration;

use bluestage::ports::{ActionKind, Job, JobId, Ports, Verdict};
use bluestage::release::State;
use bluestage::worker::{Ended, Health, Pacing, Settings, Worker};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use bluestage::actions::Limits;

use crate::memory::{Break, Command, GRACE, HOLD, Memory};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

pub(crate) fn settings(slots: usize) -> Settings {
    Settings {
        slots,
        limits: Limits::default(),
        longest_hold: HOLD,
        pacing: Pacing { busy: Duration::from_secs(1), idle: Duration::from_secs(10) },
        sweep_every: Duration::from_secs(60),
        failed_grace: GRACE,
        lease: Duration::from_secs(30),
        stop_grace: Duration::from_secs(25),
    }
}

/// A worker that works.
pub(crate) struct Working {
    stopping: CancellationToken,
    pub(crate) cancelled: CancellationToken,
    pub(crate) health: Arc<Health>,
    task: JoinHandle<Ended>,
}

impl Working {
    pub(crate) fn on(ports: Ports, slots: usize) -> Self {
        Self::with(ports, settings(slots))
    }

    pub(crate) fn with(ports: Ports, settings: Settings) -> Self {
        let (stopping, cancelled) = (CancellationToken::new(), CancellationToken::new());
        let worker = Worker::new(ports, settings);
        let health = worker.health();
        let task = tokio::spawn({
            let (stopping, cancelled) = (stopping.clone(), cancelled.clone());
            async move { worker.run(stopping, cancelled).await }
        });
        Self { stopping, cancelled, health, task }
    }

    pub(crate) fn is_told_to_stop(&self) {
        self.stopping.cancel();
    }

    pub(crate) async fn stop(self) -> Ended {
        self.stopping.cancel();
        self.task.await.expect("the worker itself never panics")
    }
}

/// Passes time until `is_so`, and not for ever.
pub(crate) async fn until(world: &Memory, is_so: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        world.pass(Duration::from_millis(500)).await;
    }
    panic!("it never came to be");
}

/// Whether this action execution has got its last verdict.
pub(crate) fn is_answered(world: &Memory, job: &Job) -> bool {
    last_of(world, job).is_some_and(|verdict| !matches!(verdict, Verdict::Continue(_)))
}

pub(crate) fn last_of(world: &Memory, job: &Job) -> Option<Verdict> {
    let verdicts = world.jobs.verdicts();
    let ours = |(id, _): &&(JobId, Verdict)| id.0.trim_end_matches('+') == job.id.0;
    verdicts.iter().rfind(ours).map(|(_, verdict)| verdict.clone())
}

#[tokio::test(start_paused = true)]
async fn a_worker_plays_a_whole_pipeline() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 8);
    world.script.next_run(Command::passes(2).after(9));
    let orders = world.release("orders");
    let working = Working::on(world.ports("a"), 2);
    for action in ActionKind::ALL {
        let job = orders.job(action);
        world.jobs.offer(job.clone());
        until(&world, || is_answered(&world, &job)).await;
        let last = last_of(&world, &job).unwrap();
        assert!(matches!(last, Verdict::Done(_)), "{action}: {last:?}");
    }
    assert_eq!(world.live("orders").unwrap().state, State::Live);
    assert_eq!(working.stop().await, Ended::Cleanly);
    let ids: Vec<JobId> = world.jobs.verdicts().into_iter().map(|(id, _)| id).collect();
    let mut once = ids.clone();
    once.dedup();
    assert_eq!(once, ids, "one verdict for each job");
    assert_eq!(world.line.trail_of(&["jobs.report"]).len(), ids.len(), "and each is reported once");
}

#[tokio::test(start_paused = true)]
async fn it_asks_only_for_as_many_jobs_as_it_has_free_slots() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 3);
    let releases: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| world.release(name)).into();
    releases.iter().for_each(|release| world.jobs.offer(release.job(DEPLOY)));
    let working = Working::on(world.ports("a"), 2);
    let mut most = 0;
    for _ in 0..400 {
        most = most.max(world.jobs.held());
        world.pass(Duration::from_millis(250)).await;
    }
    assert_eq!(most, 2, "both slots are used and no third");
    let polled = world.jobs.polled();
    assert!(polled.iter().all(|(_, free)| (1..=2).contains(free)), "{polled:?}");
    assert!(releases.iter().all(|release| is_answered(&world, &release.job(DEPLOY))));
    assert_eq!(working.stop().await, Ended::Cleanly);
}

#[tokio::test(start_paused = true)]
async fn jobs_beyond_what_was_asked_for_are_left_to_be_offered_again() {
    let world = Memory::new();
    world.jobs.hands_out_more_than_asked();
    let releases: Vec<_> = ["a", "b", "c"].map(|name| world.release(name)).into();
    releases.iter().for_each(|release| world.jobs.offer(release.job(DEPLOY)));
    let working = Working::on(world.ports("a"), 1);
    until(&world, || releases.iter().all(|release| is_answered(&world, &release.job(DEPLOY)))).await;
    assert_eq!(world.jobs.verdicts().len(), 3);
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_action_is_polled_first_in_its_turn() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.jobs.polled().len() >= 9).await;
    working.stop().await;
    let actions: Vec<ActionKind> = world.jobs.polled().iter().map(|(action, _)| *action).collect();
    let first: Vec<ActionKind> = actions.chunks(3).take(3).map(|round| round[0]).collect();
    assert_eq!(first, ActionKind::ALL);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_taken_once_although_its_answers_were_lost() {
    for how in [Break::Unavailable, Break::LostAnswer] {
        let world = Memory::new();
        world.line.breaks_later("jobs.report", how, 0, 2);
        let job = world.release("orders").job(DEPLOY);
        world.jobs.offer(job.clone());
        let working = Working::on(world.ports("a"), 1);
        until(&world, || is_answered(&world, &job)).await;
        world.pass(Duration::from_secs(60)).await;
        assert_eq!(working.stop().await, Ended::Cleanly);
        assert!(world.line.broken() >= 1);
        assert_eq!(world.jobs.verdicts().len(), 1, "{how:?}");
        assert_eq!(world.line.trail_of(&["stacks.ensure"]).len(), 1, "{how:?}: the story is not played again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_codepipeline_refuses_becomes_a_failure_that_says_so() {
    let world = Memory::new();
    world.line.breaks("jobs.report", Break::Rejected);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    let working = Working::on(world.ports("a"), 1);
    until(&world, || is_answered(&world, &job)).await;
    working.stop().await;
    let Some(Verdict::Failed(failure)) = last_of(&world, &job) else {
        panic!("the first verdict was refused");
    };
    assert!(failure.message.as_str().contains("did not take its result"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_is_not_wanted_is_dropped() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.review = 100);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.jobs.held() == 1).await;
    world.jobs.settle(&job.id);
    until(&world, || !world.line.trail_of(&["jobs.report"]).is_empty()).await;
    world.pass(Duration::from_secs(300)).await;
    assert!(world.jobs.verdicts().is_empty());
    assert_eq!(world.line.trail_of(&["jobs.report"]).len(), 1, "it is not reported again");
    assert_eq!(working.stop().await, Ended::Cleanly);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_two_workers_are_offered_is_played_by_one() {
    let world = Memory::new();
    let jobs: Vec<Job> = ["a", "b", "c", "d"].map(|name| world.release(name).job(DEPLOY)).into();
    jobs.iter().for_each(|job| world.jobs.offer(job.clone()));
    let (one, two) = (Working::on(world.ports("a"), 4), Working::on(world.ports("b"), 4));
    until(&world, || jobs.iter().all(|job| is_answered(&world, job))).await;
    assert_eq!(world.jobs.verdicts().len(), jobs.len());
    assert_eq!((one.stop().await, two.stop().await), (Ended::Cleanly, Ended::Cleanly));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_acknowledgement_failed_is_offered_again() {
    let world = Memory::new();
    world.line.breaks("jobs.acknowledge", Break::Unavailable);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    let working = Working::on(world.ports("a"), 1);
    until(&world, || is_answered(&world, &job)).await;
    assert_eq!(world.jobs.verdicts().len(), 1);
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn it_polls_slower_while_nothing_happens_and_backs_off_when_refused() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    world.pass(Duration::from_secs(600)).await;
    let quiet = world.jobs.polled().len() / 3;
    assert!((48..90).contains(&quiet), "{quiet} rounds in ten minutes, about one in ten seconds");
    world.line.breaks_later("jobs.poll", Break::Unavailable, 0, usize::MAX);
    let before = world.line.trail_of(&["jobs.poll"]).len();
    world.pass(Duration::from_secs(600)).await;
    let faulty = (world.line.trail_of(&["jobs.poll"]).len() - before) / 3;
    assert!((8..20).contains(&faulty), "{faulty} rounds in ten minutes, about one a minute");
    working.stop().await;
}
