//! The sweep: gives up what nobody will promote, and takes away what nobody can reach.

use std::time::Duration;

use bluestage::actions::Swept;
use bluestage::ports::{ActionKind, ExecutionStatus};
use bluestage::release::{Green, State, Version};

use crate::memory::{Break, GRACE, Memory, Release, of, service};

const MINUTE: Duration = Duration::from_secs(60);

/// A blue of orders whose pipeline execution stands like this.
async fn blue<'w>(world: &'w Memory, status: ExecutionStatus) -> Release<'w> {
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.jobs.execution_is(&orders.execution_id, status);
    orders
}

fn removed(swept: &Swept, version: &Version) -> bool {
    let of = of("orders", version);
    swept.abandoned.contains(&of) && swept.retired.contains(&of)
}

#[tokio::test(start_paused = true)]
async fn a_blue_whose_execution_is_over_is_taken_away_at_once() {
    for (status, why) in [
        (ExecutionStatus::Over, "stopped or superseded"),
        (ExecutionStatus::Succeeded, "ended without promoting it"),
        (ExecutionStatus::Unknown, "does not know its pipeline execution"),
    ] {
        let world = Memory::new();
        let version = blue(&world, status).await.version();
        let swept = world.sweep().await.unwrap();
        assert!(removed(&swept, &version), "{status:?}: {swept:?}");
        assert!(world.stacks.names().is_empty());
        assert!(world.versions("orders").is_empty());
        let history = world.history().join("\n");
        assert!(history.contains(why), "{history}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_blue_whose_execution_runs_is_left_alone() {
    let world = Memory::new();
    blue(&world, ExecutionStatus::Running).await;
    let written = world.stages.history().len();
    assert_eq!(world.sweep().await.unwrap(), Swept::default());
    assert_eq!(world.stages.history().len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_blue_whose_execution_failed_is_kept_for_the_grace_time_by_the_sweepers_own_clock() {
    let world = Memory::new();
    let orders = blue(&world, ExecutionStatus::Failed).await;
    world.pass(GRACE * 2).await;
    assert_eq!(world.sweep().await.unwrap(), Swept::default(), "seen failed for the first time");
    world.pass(GRACE - MINUTE).await;
    assert_eq!(world.sweep().await.unwrap(), Swept::default());
    world.pass(MINUTE).await;
    let version = orders.version();
    assert!(removed(&world.sweep().await.unwrap(), &version));
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_a_failed_execution_begins_the_grace_time_anew() {
    let world = Memory::new();
    let orders = blue(&world, ExecutionStatus::Failed).await;
    world.sweep().await.unwrap();
    world.pass(GRACE - MINUTE).await;
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Running);
    world.sweep().await.unwrap();
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Failed);
    world.pass(MINUTE * 2).await;
    assert_eq!(world.sweep().await.unwrap(), Swept::default());
    assert_eq!(orders.version().state, State::Blue);
}

#[tokio::test(start_paused = true)]
async fn a_blue_that_nobody_promotes_expires_even_if_codepipeline_does_not_answer() {
    let world = Memory::new();
    let orders = blue(&world, ExecutionStatus::Running).await;
    world.pass(2 * 24 * 60 * MINUTE - MINUTE).await;
    assert_eq!(world.sweep().await.unwrap(), Swept::default());
    world.pass(MINUTE).await;
    let version = orders.version();
    world.line.breaks_later("jobs.execution", Break::Unavailable, 0, usize::MAX);
    assert!(removed(&world.sweep().await.unwrap(), &version));
}

#[tokio::test(start_paused = true)]
async fn what_anybody_can_reach_is_never_taken_away() {
    let world = Memory::new();
    let first = world.release("billing").goes_live().await;
    let orders = world.release("orders").wired_to("billing");
    orders.deploy().await.done();
    let second = world.release("billing").goes_live().await;
    let third = world.release("billing").goes_live().await;
    world.sweep().await.unwrap();
    let names = world.stacks.names();
    for version in [&first, &second, &third] {
        assert!(names.contains(&version.stack.name), "{} is pinned, kept or live", version.id);
    }
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    world.sweep().await.unwrap();
    let mut left = world.stacks.names();
    left.sort();
    assert_eq!(left, [second.stack.name, third.stack.name], "nobody reaches the first any more");
}

#[tokio::test(start_paused = true)]
async fn a_version_is_marked_before_its_stack_is_deleted_and_forgotten_after() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.deleting = 1);
    blue(&world, ExecutionStatus::Over).await;
    let before = world.line.trail().len();
    let written = world.stages.history().len();
    world.sweep().await.unwrap();
    let effects: Vec<String> = world.line.trail()[before..]
        .iter()
        .filter(|call| call.starts_with("stages.write") || call.starts_with("stacks.delete"))
        .map(|call| call.split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(effects, ["stages.write", "stages.write", "stacks.delete", "stages.write"]);
    let states: Vec<Option<State>> = world.stages.history()[written..]
        .iter()
        .map(|stage| {
            let service = stage.services.get(&service("orders"))?;
            Some(service.versions.values().next()?.state)
        })
        .collect();
    assert_eq!(states, [Some(State::Abandoned), Some(State::Retiring), None]);
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_deleted_by_its_id() {
    let world = Memory::new();
    let orders = blue(&world, ExecutionStatus::Over).await;
    let id = orders.version().stack.id.unwrap();
    world.sweep().await.unwrap();
    assert_eq!(world.stacks.events().last().unwrap(), &format!("deleted {id}"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_cannot_be_deleted_is_reported_and_keeps_no_other() {
    let world = Memory::new();
    let stuck = blue(&world, ExecutionStatus::Over).await.version();
    world.stacks.behave(|stacks| {
        stacks.stuck = Some(("Bucket".to_owned(), "it is not empty".to_owned()));
    });
    let swept = world.sweep().await.unwrap();
    assert_eq!(swept.stuck, [(of("orders", &stuck), "Bucket: it is not empty".to_owned())]);
    assert_eq!(world.versions("orders")[0].state, State::Retiring);
    world.stacks.behave(|stacks| stacks.stuck = None);
    assert_eq!(world.sweep().await.unwrap().retired.len(), 1, "the next sweep tries again");
    assert!(world.stacks.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_takes_long_to_delete_is_finished_by_a_later_sweep() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.deleting = 12);
    let version = blue(&world, ExecutionStatus::Over).await.version();
    let swept = world.sweep().await.unwrap();
    assert_eq!(swept.going, [of("orders", &version)]);
    for _ in 0..6 {
        world.sweep().await.unwrap();
    }
    assert!(world.versions("orders").is_empty());
    let deleted = world.stacks.events().iter().filter(|event| event.starts_with("deleted")).count();
    assert_eq!(deleted, 1, "it is asked for once");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_deleted_keeps_nothing_else() {
    let world = Memory::new();
    let first = blue(&world, ExecutionStatus::Over).await.version();
    let second = blue(&world, ExecutionStatus::Over).await.version();
    world.line.breaks("stacks.delete", Break::Denied);
    let swept = world.sweep().await.unwrap();
    assert_eq!(swept.troubles.len(), 1, "{swept:?}");
    assert!(swept.troubles[0].contains("access denied"), "{swept:?}");
    assert_eq!(swept.retired, [of("orders", &second)]);
    assert_eq!(world.sweep().await.unwrap().retired, [of("orders", &first)]);
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_cannot_be_read_keeps_no_other_from_being_swept() {
    let world = Memory::new();
    world.stages.put(&"another".parse().unwrap(), br#"{"schema": 99}"#);
    let version = blue(&world, ExecutionStatus::Over).await.version();
    let swept = world.sweep().await.unwrap();
    assert!(swept.troubles[0].contains("stage another"), "{swept:?}");
    assert!(removed(&swept, &version));
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_cannot_be_asked_for_keeps_its_blue_and_no_other() {
    let world = Memory::new();
    let asked = blue(&world, ExecutionStatus::Over).await.version();
    let other = blue(&world, ExecutionStatus::Over).await.version();
    world.line.breaks("jobs.execution", Break::Denied);
    let swept = world.sweep().await.unwrap();
    assert_eq!(swept.abandoned, [of("orders", &other)]);
    assert_eq!(swept.troubles.len(), 1);
    assert!(world.stacks.names().contains(&asked.stack.name));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_goes_live_while_it_is_looked_at_is_not_given_up() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.is_tested().await;
    let blue = blue(&world, ExecutionStatus::Over).await.version();
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Succeeded);
    let tested = of("orders", &orders.version());
    world.stages.meanwhile(move |stage| {
        let orders = stage.service_mut(&tested.service).unwrap();
        orders.live = Some(tested.version.clone());
        orders.versions.get_mut(&tested.version).unwrap().state = State::Live;
    });
    let swept = world.sweep().await.unwrap();
    assert_eq!(orders.version().state, State::Live);
    assert_eq!(swept.abandoned, [of("orders", &blue)]);
    assert!(swept.troubles.is_empty(), "{swept:?}");
}

#[tokio::test(start_paused = true)]
async fn two_sweeps_at_once_are_harmless() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.deleting = 2);
    let live = world.release("billing").goes_live().await;
    for _ in 0..3 {
        blue(&world, ExecutionStatus::Over).await;
    }
    let (one, two) = tokio::join!(world.sweep(), world.sweep());
    assert!(one.unwrap().troubles.is_empty() && two.unwrap().troubles.is_empty());
    world.sweep().await.unwrap();
    assert_eq!(world.stacks.names(), [live.stack.name]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_in_which_any_one_call_breaks_is_made_good_by_the_next() {
    for how in [Break::Unavailable, Break::LostAnswer, Break::Denied, Break::Rejected] {
        for number in 0.. {
            let world = Memory::new();
            world.stacks.behave(|stacks| stacks.deleting = 1);
            blue(&world, ExecutionStatus::Over).await;
            let kept = world.release("mail").goes_live().await;
            blue(&world, ExecutionStatus::Over).await;
            world.line.breaks_later("", how, number, 1);
            let _ = world.sweep().await;
            if world.line.broken() == 0 {
                break;
            }
            world.sweep().await.unwrap();
            let told = format!("{how:?} at call {number}");
            assert_eq!(world.stacks.names(), std::slice::from_ref(&kept.stack.name), "{told}");
            assert!(world.versions("orders").is_empty(), "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_comes_to_be_needed_while_it_is_marked_keeps_its_stack() {
    let world = Memory::new();
    let orders = blue(&world, ExecutionStatus::Over).await;
    let version = of("orders", &orders.version());
    let (marked, kept) = (version.clone(), version);
    world.stages.meanwhile_when(
        move |stage| stage.version(&marked).is_some_and(|version| version.state == State::Retiring),
        move |stage| {
            let orders = stage.service_mut(&kept.service).unwrap();
            orders.previous.push(kept.version.clone());
        },
    );
    let swept = world.sweep().await.unwrap();
    assert_eq!(swept.retired, []);
    assert_eq!(orders.version().state, State::Abandoned);
    assert_eq!(world.stacks.names(), [orders.version().stack.name]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_leaves_the_events_to_a_promotion_that_goes_on_meanwhile() {
    let world = Memory::new();
    let with_events = || world.release("orders").declares("GreenDeployment");
    with_events().goes_live().await;
    let next = with_events();
    let version = next.is_tested().await.id;
    // Its worker dies when it has given it the events, and nobody goes on with it until its barrier is void.
    world.line.breaks_later("stacks.set_parameter", Break::DiesAfter, 1, 1);
    assert!(world.turn(&next.job(ActionKind::Promote)).await.is_none());
    world.jobs.execution_is(&next.execution_id, ExecutionStatus::Running);
    world.pass(120 * MINUTE).await;
    world.stages.meanwhile_when(
        move |stage| stage.services[&service("orders")].versions[&version].green == Some(Green::TurningOff),
        |stage| stage.service_mut(&service("orders")).unwrap().barrier.as_mut().unwrap().until = u64::MAX,
    );
    world.sweep().await.unwrap();
    assert_eq!(next.version().green, Some(Green::On));
    assert_eq!(next.version().state, State::Promoting);
    let parameters = world.stacks.spec(&next.version().stack.name).parameters;
    assert_eq!(parameters["GreenDeployment"], "true");
}
