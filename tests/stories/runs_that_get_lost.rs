//! run-isolated-tests: runs that outlive jobs, lose their workers, or come too late.

use std::time::Duration;

use bluestage::ports::{ActionKind, Cause, Job, RunStatus, Verdict};
use bluestage::release::{RunId, RunOutcome, State};

use crate::memory::release::next;
use crate::memory::{Command, HOLD, Memory, Release};

const TEST: ActionKind = ActionKind::RunIsolatedTests;

/// The first turn, which starts the run; tells the job that continues it, and the run.
async fn started(world: &Memory, orders: &Release<'_>) -> (Job, RunId) {
    let job = orders.job(TEST);
    match world.turn(&job).await.unwrap() {
        Verdict::Continue(more) => {
            let run = more.external_id.as_str().parse().unwrap();
            (next(&job, &more, 1), run)
        }
        other => panic!("a run answers that it has started, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_on_another_machine_is_followed_by_its_record() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::passes(1).after(20));
    let (mut job, _) = started(&world, &orders).await;
    for turn in 2.. {
        match world.turn_on("b", &job).await.unwrap() {
            Verdict::Continue(more) => job = next(&job, &more, turn),
            verdict => {
                assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
                break;
            }
        }
    }
    assert_eq!(world.script.given().len(), 1, "a run that beats is not started anew");
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_worker_died_is_started_anew_only_after_the_lease_was_watched() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let (job, lost) = started(&world, &orders).await;
    world.pass(Duration::from_secs(7)).await;
    world.machine("a").dies();
    world.pass(Duration::from_secs(3_000)).await;
    let before = world.elapsed();
    let Verdict::Continue(more) = world.turn_on("b", &job).await.unwrap() else {
        panic!("the run is lost, not ended");
    };
    assert_eq!(world.elapsed() - before, HOLD, "nobody has watched it before");
    assert_eq!(more.external_id.as_str(), lost.as_str());
    let job = next(&job, &more, 2);
    let Verdict::Continue(more) = world.turn_on("b", &job).await.unwrap() else {
        panic!("the run is started anew");
    };
    assert_ne!(more.external_id.as_str(), lost.as_str(), "a new attempt has a new name");
    assert!(world.elapsed() - before <= HOLD + Duration::from_secs(4));
    assert_eq!(world.script.given().len(), 2);
    assert_eq!(orders.version().run.unwrap().id.as_str(), more.external_id.as_str());
    orders.go_on(next(&job, &more, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_stopped_with_its_worker_is_started_anew_at_once() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let (job, first) = started(&world, &orders).await;
    world.ports("a").test_runs.stop_all().await;
    let before = world.elapsed();
    let Verdict::Continue(more) = world.turn_on("b", &job).await.unwrap() else {
        panic!("the run is started anew");
    };
    assert_eq!(world.elapsed(), before);
    assert_ne!(more.external_id.as_str(), first.as_str());
    orders.go_on(next(&job, &more, 2)).await.done();
}

#[tokio::test(start_paused = true)]
async fn a_run_without_a_record_is_started_anew() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let (job, run) = started(&world, &orders).await;
    world.machine("a").dies();
    world.records.lose(&run);
    orders.go_on(job).await.done();
    assert_eq!(world.script.given().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_lost_again_and_again_is_given_up() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let mut job = orders.job(TEST);
    let failure = loop {
        world.script.next_run(Command::hangs());
        match world.turn(&job).await.unwrap() {
            Verdict::Continue(more) => job = next(&job, &more, 1),
            Verdict::Failed(failure) => break failure,
            Verdict::Done(done) => panic!("{done:?}"),
        }
        world.ports("a").test_runs.stop_all().await;
    };
    assert_eq!(world.script.given().len(), 5);
    assert_eq!(failure.cause, Cause::Unavailable);
    assert!(failure.message.as_str().contains("5 attempts"), "{}", failure.message);
    assert_eq!(orders.version().run.unwrap().outcome, RunOutcome::Failed);
}

#[tokio::test(start_paused = true)]
async fn the_late_result_of_a_replaced_run_is_discarded() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let (old, _) = started(&world, &orders).await;
    let orders = orders.retried();
    world.script.next_run(Command::fails("a test", "no"));
    orders.test().await.failed();
    let late = orders.go_on(old).await.failed();
    assert_eq!(late.cause, Cause::OutOfDate);
    assert!(late.message.as_str().contains("a newer run"), "{}", late.message);
    assert_eq!(orders.version().run.unwrap().outcome, RunOutcome::Failed);
    assert_ne!(orders.version().state, State::Tested);
}

#[tokio::test(start_paused = true)]
async fn the_late_result_of_an_abandoned_version_is_discarded() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let (job, _) = started(&world, &orders).await;
    let over = bluestage::ports::ExecutionStatus::Over;
    world.jobs.execution_is(&orders.execution_id, over);
    world.stacks.behave(|stacks| stacks.deleting = 100);
    world.sweep().await.unwrap();
    let late = orders.go_on(job).await.failed();
    assert_eq!(late.cause, Cause::OutOfDate);
    assert!(late.message.as_str().contains("stopped or superseded"), "{}", late.message);
    assert!(orders.version().tested.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_a_place_and_then_runs() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.machine("a").takes(0);
    let job = orders.job(TEST);
    let Verdict::Continue(more) = world.turn(&job).await.unwrap() else {
        panic!("there is no place");
    };
    assert!(more.summary.as_str().contains("wait"), "{}", more.summary);
    world.machine("a").takes(1);
    orders.go_on(next(&job, &more, 1)).await.done();
    assert_eq!(world.script.given().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_place_leaves_the_worker_time_for_others() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.machine("a").takes(0);
    let before = world.elapsed();
    world.turn(&orders.job(TEST)).await.unwrap();
    assert!(world.elapsed() > before, "it does not ask in a tight loop");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_never_ends_is_stopped_at_the_deadline_and_noted_as_failed() {
    let world = Memory::new();
    let orders = world.release("orders").with(TEST, "TimeoutMinutes", "5");
    orders.deploy().await.done();
    world.script.next_run(Command::hangs());
    let before = world.elapsed();
    let failure = orders.test().await.failed();
    let took = (world.elapsed() - before).as_secs();
    assert!((300..330).contains(&took), "{took} s");
    assert_eq!(failure.cause, Cause::Unavailable);
    let told = failure.message.as_str();
    assert!(told.contains("its time is over") && told.contains("TimeoutMinutes"), "{told}");
    let run = orders.version().run.unwrap();
    assert_eq!(run.outcome, RunOutcome::Failed);
    assert_eq!(world.records.record(&run.id).unwrap().status, RunStatus::Stopped);
    assert!(world.machine("a").runs().is_empty());
    assert_eq!(world.script.given()[0].time_limit.as_secs(), 300);
}
