//! The worker when it is told to stop, and when something in it panics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::ports::{
    ActionKind, Cause, Changing, Declared, Deleting, Deletion, Fault, MadeFrom, ParameterChange, Ports, ReadyStacks,
    StackSpec, StackState, Stacks, StacksAtWork, TaggedStack, Verdict,
};
use bluestage::release::StackRef;
use bluestage::worker::Ended;

use crate::memory::{Break, Command, HOLD, Memory};
use crate::worker::{Working, is_answered, last_of, settings, until};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

/// Stacks that bring whoever makes one down, and whoever reads one so many times.
struct Bombs {
    inner: Arc<dyn Stacks>,
    reads: AtomicUsize,
}

impl Bombs {
    fn beside(ports: &mut Ports, reads: usize) {
        ports.stacks = Arc::new(Self { inner: Arc::clone(&ports.stacks), reads: AtomicUsize::new(reads) });
    }
}

#[async_trait]
impl Stacks for Bombs {
    async fn declared(&self, template: &str) -> Result<Declared, Fault> {
        self.inner.declared(template).await
    }

    async fn ensure(&self, _: &StackSpec) -> Result<StackState, Fault> {
        panic!("the wheel came off");
    }

    async fn read(&self, stack: &StackRef) -> Result<StackState, Fault> {
        let left = self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        assert!(left.is_err(), "the wheel came off while reading");
        self.inner.read(stack).await
    }

    async fn all_ready(&self) -> Result<ReadyStacks, Fault> {
        self.inner.all_ready().await
    }

    async fn all_at_work(&self) -> Result<StacksAtWork, Fault> {
        self.inner.all_at_work().await
    }

    async fn made_from(&self, stack: &StackRef) -> Result<MadeFrom, Fault> {
        self.inner.made_from(stack).await
    }

    async fn apply(&self, spec: &StackSpec, change_set: &str) -> Result<StackState, Fault> {
        self.inner.apply(spec, change_set).await
    }

    async fn set_parameter(&self, stack: &StackRef, change: &ParameterChange) -> Result<Changing, Fault> {
        self.inner.set_parameter(stack, change).await
    }

    async fn delete(&self, stack: &StackRef, how: Deletion) -> Result<Deleting, Fault> {
        self.inner.delete(stack, how).await
    }

    async fn tagged(&self, prefix: &str) -> Result<Vec<TaggedStack>, Fault> {
        self.inner.tagged(prefix).await
    }

    async fn account_limit(&self) -> Result<Option<usize>, Fault> {
        self.inner.account_limit().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_story_becomes_the_verdict_of_its_job_and_of_no_other() {
    let world = Memory::new();
    let mut ports = world.ports("a");
    Bombs::beside(&mut ports, 0);
    let (bad, good) = (world.release("orders").job(DEPLOY), world.release("mail").job(ActionKind::Promote));
    world.jobs.offer(bad.clone());
    let working = Working::on(ports, 1);
    until(&world, || is_answered(&world, &bad)).await;
    let Some(Verdict::Failed(failure)) = last_of(&world, &bad) else {
        panic!("a panic is a failure");
    };
    assert_eq!(failure.cause, Cause::Bug);
    assert!(failure.message.as_str().contains("the wheel came off"), "{}", failure.message);
    world.jobs.offer(good.clone());
    until(&world, || is_answered(&world, &good)).await;
    assert_eq!(working.stop().await, Ended::Cleanly);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_stop_hands_its_jobs_over_at_once() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 100);
    let orders = world.release("orders");
    let job = orders.job(DEPLOY);
    world.jobs.offer(job.clone());
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.jobs.verdicts().len() == 1 && world.jobs.held() == 1).await;
    let before = world.elapsed();
    assert_eq!(working.stop().await, Ended::Cleanly);
    assert!(world.elapsed() - before < Duration::from_secs(1), "{:?}", world.elapsed() - before);
    assert!(matches!(last_of(&world, &job), Some(Verdict::Continue(_))));
    let polled = world.jobs.polled().len();
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(world.jobs.polled().len(), polled, "it takes nothing new");

    world.stacks.behave(|stacks| stacks.creating = 0);
    let next = Working::on(world.ports("b"), 1);
    until(&world, || is_answered(&world, &job)).await;
    next.stop().await;
    assert_eq!(world.stacks.events().len(), 1, "the next worker goes on with the same stack");
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_worker_that_stops_are_started_anew_by_the_next_at_once() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let job = orders.job(ActionKind::RunIsolatedTests);
    world.jobs.offer(job.clone());
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.jobs.verdicts().len() == 2).await;
    assert_eq!(working.stop().await, Ended::Cleanly);
    assert!(world.machine("a").runs().is_empty());
    let before = world.elapsed();
    let next = Working::on(world.ports("b"), 1);
    until(&world, || is_answered(&world, &job)).await;
    next.stop().await;
    assert!(matches!(last_of(&world, &job), Some(Verdict::Done(_))));
    assert!(world.elapsed() - before < HOLD, "no lease is waited for");
}

/// Reports that never come back: what is held cannot be handed over.
async fn with_a_job_that_cannot_be_reported(world: &Memory) -> Working {
    world.line.breaks_later("jobs.report", Break::Unavailable, 0, usize::MAX);
    world.jobs.offer(world.release("orders").job(DEPLOY));
    let working = Working::on(world.ports("a"), 1);
    until(world, || world.jobs.held() == 1).await;
    working
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_hand_over_ends_when_its_grace_is_over() {
    let world = Memory::new();
    let working = with_a_job_that_cannot_be_reported(&world).await;
    let before = world.elapsed();
    assert_eq!(working.stop().await, Ended::WithJobsHeld(1));
    assert_eq!(world.elapsed() - before, settings(1).stop_grace);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_cuts_the_grace_short() {
    let world = Memory::new();
    let working = with_a_job_that_cannot_be_reported(&world).await;
    let before = world.elapsed();
    working.cancelled.cancel();
    assert_eq!(working.stop().await, Ended::WithJobsHeld(1));
    assert_eq!(world.elapsed(), before);
}

/// An orders whose pipeline execution is over.
async fn over(world: &Memory) {
    let orders = world.release("orders");
    orders.deploy().await.done();
    let over = bluestage::ports::ExecutionStatus::Over;
    world.jobs.execution_is(&orders.execution_id, over);
}

#[tokio::test(start_paused = true)]
async fn it_sweeps_every_minute() {
    let world = Memory::new();
    over(&world).await;
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.versions("orders").is_empty()).await;
    let took = world.elapsed().as_secs();
    assert!((45..100).contains(&took), "{took} s");
    working.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_sweep_ends_neither_the_sweeps_nor_the_jobs_beside_them() {
    let world = Memory::new();
    over(&world).await;
    world.stacks.behave(|stacks| stacks.review = 1_000);
    let mut ports = world.ports("a");
    Bombs::beside(&mut ports, 2);
    let working = Working::on(ports, 1);
    until(&world, || world.versions("orders").is_empty()).await;
    assert!(world.elapsed() > Duration::from_secs(130), "two sweeps came down");
    assert_eq!(working.stop().await, Ended::Cleanly);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_can_list_no_stage_is_tried_again() {
    let world = Memory::new();
    over(&world).await;
    world.line.breaks_later("stages.names", Break::Unavailable, 0, 2);
    let working = Working::on(world.ports("a"), 1);
    until(&world, || world.versions("orders").is_empty()).await;
    assert_eq!(world.line.broken(), 2);
    working.stop().await;
}
