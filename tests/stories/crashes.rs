//! What happens when any one call of a story is the worker's last, is lost, or is refused: the whole story is played
//! once for every call that it makes.

use bluestage::ports::{ActionKind, Cause, Verdict};
use bluestage::release::State;

use crate::memory::{Break, Memory, Release};

/// A world in which billing is live and stacks take a few looks.
async fn world() -> Memory {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    world.stacks.behave(|stacks| {
        (stacks.review, stacks.creating, stacks.deleting) = (1, 2, 1);
    });
    world
}

/// Deploys, tests and promotes orders, in which the call of this number breaks. `None` when there are not so many.
async fn with_a_broken_call(number: usize, how: Break) -> Option<Memory> {
    let world = world().await;
    let orders = world.release("orders").wired_to("billing");
    world.line.breaks_later("", how, number, 1);
    for action in ActionKind::ALL {
        let played = orders.play(action).await;
        let told = format!("{action} with {how:?} at call {number}");
        let Verdict::Done(_) = played.verdict else {
            panic!("{told}: {:?}", played.verdict);
        };
    }
    (world.line.broken() > 0).then_some(world)
}

/// The same final state whatever broke: one version, live, of one stack, and a gapless history.
fn is_as_if_nothing_had_happened(world: &Memory, told: &str) {
    let versions = world.versions("orders");
    assert_eq!(versions.len(), 1, "{told}: one version");
    assert_eq!(versions[0].state, State::Live, "{told}");
    assert_eq!(world.live("billing").unwrap().state, State::Live, "{told}");
    let of_orders = |event: &&String| event.contains("test-orders-");
    let events = world.stacks.events();
    let events: Vec<_> = events.iter().filter(of_orders).collect();
    assert_eq!(events.len(), 1, "{told}: {events:?}");
    let history = world.history();
    for once in ["orders began", "orders is blue", "orders passed its tests", "orders went live"] {
        let times = history.iter().filter(|told| *told == once).count();
        assert_eq!(times, 1, "{told}: {once}: {history:?}");
    }
    let seqs: Vec<u64> = world.stages.history().iter().map(|stage| stage.seq).collect();
    let gapless: Vec<u64> = (1..=seqs.len() as u64).collect();
    assert_eq!(seqs, gapless, "{told}");
}

async fn at_every_call(how: Break) {
    let mut number = 0;
    while let Some(world) = with_a_broken_call(number, how).await {
        is_as_if_nothing_had_happened(&world, &format!("{how:?} at call {number}"));
        number += 1;
    }
    assert!(number > 20, "the three actions make more than {number} calls");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_before_any_call_is_made_good_by_the_next() {
    at_every_call(Break::DiesBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_after_any_call_is_made_good_by_the_next() {
    at_every_call(Break::DiesAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_any_one_call_fails_no_action() {
    at_every_call(Break::Unavailable).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_one_call_fails_no_action_and_does_nothing_twice() {
    at_every_call(Break::LostAnswer).await;
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_told_as_progress() {
    let world = world().await;
    world.line.breaks("stacks.ensure", Break::Unavailable);
    let played = world.release("orders").deploy().await;
    let told = played.turns[0].summary.as_str();
    assert!(told.starts_with("Trying again: could not stacks ensure"), "{told}");
    played.done();
}

#[tokio::test(start_paused = true)]
async fn faults_that_do_not_pass_before_the_deadline_fail_the_action() {
    let world = world().await;
    world.line.breaks_later("stacks.ensure", Break::Unavailable, 0, usize::MAX);
    let orders = world.release("orders").with(ActionKind::DeployBlue, "TimeoutMinutes", "2");
    let before = world.elapsed();
    let failure = orders.deploy().await.failed();
    assert_eq!(failure.cause, Cause::Unavailable);
    let took = (world.elapsed() - before).as_secs();
    assert!((120..180).contains(&took), "{took} s");
    assert!(world.versions("orders").is_empty(), "what was begun is taken back");
}

/// The action of `orders` whose first call to each kind of port is broken like this.
async fn breaking(action: ActionKind, how: Break) -> Vec<(String, Cause)> {
    let mut causes = Vec::new();
    for call in 0.. {
        let world = world().await;
        let orders = world.release("orders").wired_to("billing");
        prepare(&orders, action).await;
        let before = world.line.trail().len();
        world.line.breaks_later("", how, call, 1);
        let played = orders.play(action).await;
        if world.line.broken() == 0 {
            break;
        }
        let name = world.line.trail()[before + call].clone();
        causes.push((name, played.failed().cause));
        assert_eq!(world.live("billing").unwrap().state, State::Live);
        assert!(world.live("orders").is_none() || action == ActionKind::Promote);
    }
    causes
}

async fn prepare(orders: &Release<'_>, action: ActionKind) {
    match action {
        ActionKind::DeployBlue => {}
        ActionKind::RunIsolatedTests => drop(orders.deploy().await.done()),
        ActionKind::Promote => drop(orders.is_tested().await),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_fails_at_once_and_names_the_permission() {
    for action in ActionKind::ALL {
        let causes = breaking(action, Break::Denied).await;
        assert!(causes.len() >= 3, "{action}: {causes:?}");
        for (call, cause) in causes {
            assert_eq!(cause, Cause::Denied, "{action}: {call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_fails_at_once_as_misconfigured() {
    for action in ActionKind::ALL {
        for (call, cause) in breaking(action, Break::Rejected).await {
            assert_eq!(cause, Cause::Misconfigured, "{action}: {call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_is_taken_back_whatever_else_breaks() {
    for how in [Break::DiesBefore, Break::DiesAfter, Break::Unavailable, Break::LostAnswer] {
        for number in 0.. {
            let world = world().await;
            let broken = Some(("Table".to_owned(), "no".to_owned()));
            world.stacks.behave(|stacks| stacks.broken = broken);
            let orders = world.release("orders").wired_to("billing");
            world.line.breaks_later("", how, number, 1);
            orders.deploy().await.failed();
            if world.line.broken() == 0 {
                break;
            }
            let ended = bluestage::ports::ExecutionStatus::Over;
            world.jobs.execution_is(&orders.execution_id, ended);
            world.sweep().await.unwrap();
            let told = format!("{how:?} at call {number}");
            assert!(world.versions("orders").is_empty(), "{told}");
            assert_eq!(world.stacks.names().len(), 1, "{told}: only billing's");
        }
    }
}
