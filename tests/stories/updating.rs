//! Strategy `update` of a service whose events only one version may get.

use std::time::Duration;

use bluestage::ports::{ActionKind, ExecutionStatus};
use bluestage::release::{Green, State};
use serde_json::json;

use crate::memory::{Break, Memory, Release, service};

const PROMOTE: ActionKind = ActionKind::Promote;

/// The stack with the fixed name.
const FIXED: &str = "orders-of-test";

/// A release of orders whose template says who gets the events, and is a little different each time.
fn orders(world: &Memory) -> Release<'_> {
    let template = json!({
        "Parameters": {"GreenDeployment": {"Type": "String"}},
        "Outputs": {"Url": {"Value": "https://${AWS::StackName}"}},
    });
    world.release("orders").template(template).given("Version", json!({"Fn::GetBlue": "Version"}))
}

/// The same, promoted by an update of the fixed stack.
fn updated(world: &Memory) -> Release<'_> {
    orders(world).with(PROMOTE, "Strategy", "update").with(PROMOTE, "StackName", FIXED)
}

/// Whether a stack that is there gets the events.
fn gets_events(world: &Memory, stack: &str) -> bool {
    let is_on = |value: &String| value == "true";
    let is_there = world.stacks.names().contains(&stack.to_owned());
    is_there && world.stacks.spec(stack).parameters.get("GreenDeployment").is_some_and(is_on)
}

/// Every stack that gets the events.
fn subscribers(world: &Memory) -> Vec<String> {
    world.stacks.names().into_iter().filter(|name| gets_events(world, name)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_live_in_a_stack_of_its_own_is_turned_off_before_the_fixed_stack_is_turned_on() {
    let world = Memory::new();
    let live = orders(&world).goes_live().await;
    assert_eq!(subscribers(&world), [live.stack.name.as_str()]);
    let next = updated(&world).goes_live().await;
    assert_eq!(next.stack.name, FIXED);
    assert_eq!(subscribers(&world), [FIXED]);
    let trail = world.line.trail();
    let place = |start: String| trail.iter().position(|call| call.starts_with(&start)).expect("it was done");
    let off = place(format!("stacks.set_parameter {} GreenDeployment=false", live.stack.name));
    let applied = place(format!("stacks.apply {FIXED}"));
    assert!(off < applied, "{trail:#?}");
    assert_eq!(world.stage().services[&service("orders")].barrier, None);
}

/// Its name and its data are its owner's.
#[tokio::test(start_paused = true)]
async fn a_fixed_stack_stays_when_the_version_in_it_is_no_longer_kept() {
    let world = Memory::new();
    let in_it = updated(&world).goes_live().await;
    for _ in 0..3 {
        orders(&world).goes_live().await;
    }
    world.sweep().await.unwrap();
    assert!(!world.stage().services[&service("orders")].versions.contains_key(&in_it.id));
    assert!(world.stacks.names().contains(&FIXED.to_owned()), "{:?}", world.stacks.names());
}

#[tokio::test(start_paused = true)]
async fn whatever_updates_left_over_is_taken_away_even_where_the_version_itself_is_no_more() {
    let world = Memory::new();
    let first = updated(&world).goes_live().await;
    let second = updated(&world).goes_live().await;
    assert_eq!(world.stage().leftovers().len(), 2, "{} and {}", first.id, second.id);
    world.sweep().await.unwrap();
    assert_eq!(world.stacks.names(), [FIXED]);
    assert_eq!(world.stage().leftovers(), []);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_gives_the_events_back_to_what_is_live() {
    let world = Memory::new();
    let other = updated(&world).goes_live().await;
    let live = orders(&world).goes_live().await;
    assert_eq!((other.stack.name.as_str(), subscribers(&world)), (FIXED, vec![live.stack.name.clone()]));
    world.stacks.behave(|stacks| stacks.not_updated = Some(("Table".to_owned(), "no".to_owned())));
    let next = updated(&world);
    next.is_tested().await;
    next.promote().await.failed();
    assert_eq!(world.live("orders").unwrap().id, live.id);
    assert_eq!(subscribers(&world), [live.stack.name]);
    assert_eq!(world.stage().services[&service("orders")].barrier, None);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_was_made_for_nothing_gives_its_events_back() {
    let world = Memory::new();
    let live = orders(&world).goes_live().await;
    let next = updated(&world);
    let version = next.is_tested().await;
    // The pipeline execution is stopped while the stack is being updated.
    world.stages.meanwhile_when(
        |stage| stage.live(&service("orders")).is_some_and(|live| live.stack.name == FIXED),
        move |stage| {
            let orders = stage.service_mut(&service("orders")).unwrap();
            orders.versions.get_mut(&version.id).unwrap().state = State::Abandoned;
        },
    );
    next.promote().await.failed();
    assert_eq!(world.live("orders").unwrap().id, live.id);
    assert_eq!(world.live("orders").unwrap().green, Some(Green::On));
    assert_eq!(subscribers(&world), [live.stack.name]);
}

#[tokio::test(start_paused = true)]
async fn at_no_call_have_two_stacks_the_events_whatever_breaks() {
    for how in [Break::Unavailable, Break::LostAnswer, Break::DiesBefore, Break::DiesAfter] {
        for number in 0.. {
            let world = Memory::new();
            orders(&world).goes_live().await;
            let next = updated(&world);
            next.is_tested().await;
            world.line.breaks_later("", how, number, 1);
            let played = next.promote().await;
            if world.line.broken() == 0 {
                break;
            }
            let told = format!("{how:?} at call {number}: {:?}", played.verdict);
            assert_eq!(subscribers(&world).len(), 1, "{told}");
            assert!(world.stacks.most_with("GreenDeployment", "true") <= 1, "{told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_promotion_that_died_after_the_update_leaves_one_subscriber() {
    let world = Memory::new();
    let live = orders(&world).goes_live().await;
    let next = updated(&world);
    next.is_tested().await;
    world.line.breaks_later("stacks.apply", Break::DiesAfter, 0, 1);
    assert!(world.turn(&next.job(PROMOTE)).await.is_none(), "the worker dies");
    assert_eq!(subscribers(&world), [FIXED]);
    world.jobs.execution_is(&next.execution_id, ExecutionStatus::Over);
    world.pass(Duration::from_secs(24 * 60 * 60)).await;
    world.sweep().await.unwrap();
    world.sweep().await.unwrap();
    assert_eq!(world.live("orders").unwrap().id, live.id);
    assert_eq!(subscribers(&world), [live.stack.name]);
    assert!(world.stacks.most_with("GreenDeployment", "true") <= 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_waits_in_vain_for_a_failed_execution_says_so_and_lets_new_views_in_again() {
    let world = Memory::new();
    updated(&world).goes_live().await;
    let caller = world.release("mail").wired_to("orders");
    caller.is_tested().await;
    world.jobs.execution_is(&caller.execution_id, ExecutionStatus::Failed);
    let next = updated(&world).with(PROMOTE, "DrainMinutes", "1");
    next.is_tested().await;
    let told = next.promote().await.failed().message.as_str().to_owned();
    let caller = format!("of failed pipeline executions: mail {}.", caller.version().id);
    assert!(told.contains(&caller) && told.contains("--failed-grace-seconds 0"), "{told}");
    assert_eq!(world.stage().services[&service("orders")].barrier, None);
    assert_eq!(subscribers(&world), [FIXED]);
}
