//! run-isolated-tests: how it looks at the stacks in reach of a run, few or many, and what it makes of what it sees.

use bluestage::actions::{Limits, act};
use bluestage::ports::{ActionKind, Job, Verdict};
use bluestage::release::State;
use futures::future::join_all;

use crate::memory::release::next;
use crate::memory::{Break, Memory, Release};

const TEST: ActionKind = ActionKind::RunIsolatedTests;

/// More than are asked for one by one.
const OTHERS: [&str; 7] = ["accounts", "billing", "catalog", "invoices", "mail", "search", "taxes"];

/// Orders, which is wired to all of them, with a blue. Each of them is live.
async fn wired_to_all<'w>(world: &'w Memory, others: &[&str]) -> Release<'w> {
    for other in others {
        world.release(other).goes_live().await;
    }
    let orders = others.iter().fold(world.release("orders"), |orders, other| orders.wired_to(other));
    orders.deploy().await.done();
    orders
}

/// The first turn, which starts the run; tells the job that continues it.
async fn started(world: &Memory, orders: &Release<'_>) -> Job {
    let job = orders.job(TEST);
    match world.turn(&job).await.unwrap() {
        Verdict::Continue(more) => next(&job, &more, 1),
        other => panic!("a run answers that it has started, not {other:?}"),
    }
}

/// What CloudFormation was asked after the first `before` calls.
fn asked(world: &Memory, before: usize) -> Vec<String> {
    world.line.trail_of(&["stacks."]).split_off(before)
}

fn so_far(world: &Memory) -> usize {
    asked(world, 0).len()
}

fn stack_of(world: &Memory, service: &str) -> String {
    world.live(service).unwrap().stack.name
}

/// The run that the version of this service has passed.
fn counted(orders: &Release<'_>) -> String {
    let version = orders.version();
    assert_eq!(version.state, State::Tested);
    version.tested.unwrap().run.to_string()
}

/// How often CloudFormation was asked to list everything, and the stacks that it was asked for by themselves.
fn listed_and_read(world: &Memory, before: usize) -> (usize, Vec<String>) {
    let asked = asked(world, before);
    let (listed, read): (Vec<String>, Vec<String>) = asked.into_iter().partition(|call| call == "stacks.all_ready");
    (listed.len(), read)
}

#[tokio::test(start_paused = true)]
async fn of_many_stacks_a_run_asks_once_as_it_begins_and_once_as_it_ends() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let before = so_far(&world);
    let job = started(&world, &orders).await;
    assert_eq!(orders.version().run.unwrap().seen.len(), OTHERS.len() + 1);
    orders.go_on(job).await.done();
    assert_eq!(asked(&world, before), ["stacks.all_ready", "stacks.all_ready"]);
}

#[tokio::test(start_paused = true)]
async fn few_stacks_are_asked_for_one_by_one() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS[..1]).await;
    let before = so_far(&world);
    orders.test().await.done();
    let (listed, read) = listed_and_read(&world, before);
    assert_eq!((listed, read.len()), (0, 4), "each of two, twice: {read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_under_which_one_of_many_stacks_was_changed_does_not_count() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let job = started(&world, &orders).await;
    let (before, changed) = (so_far(&world), stack_of(&world, "mail"));
    world.stacks.change_from_outside(&changed);
    orders.go_on(job).await.done();
    assert!(counted(&orders).ends_with("-2"), "{}", counted(&orders));
    assert!(world.history().iter().any(|event| event.contains("that run does not count")), "{:#?}", world.history());
    let (listed, read) = listed_and_read(&world, before);
    // As the first run ends, and as the second begins and ends.
    assert_eq!(listed, 3);
    assert_eq!(read.len(), 1, "what seems changed is asked for once: {read:?}");
    assert!(read[0].contains(&changed), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_under_which_one_of_many_stacks_went_away_does_not_count() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let job = started(&world, &orders).await;
    world.stacks.vanish(&stack_of(&world, "mail"));
    orders.go_on(job).await.done();
    assert!(counted(&orders).ends_with("-2"), "{}", counted(&orders));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_the_listing_misses_is_asked_for_by_itself_and_the_run_counts() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let missed = stack_of(&world, "billing");
    let before = so_far(&world);
    // In the first listing it is, in the second it is not.
    let job = started(&world, &orders).await;
    world.stacks.behave(|stacks| _ = stacks.listed.insert(missed.clone(), None));
    orders.go_on(job).await.done();
    assert!(counted(&orders).ends_with("-1"), "{}", counted(&orders));
    let (listed, read) = listed_and_read(&world, before);
    assert_eq!((listed, read.len()), (2, 1), "{read:?}");
    assert!(read[0].contains("test-billing-"), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_behind_as_the_run_begins_costs_no_run() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let late = stack_of(&world, "search");
    // It sorts before what the stage's document knows of it.
    world.stacks.behave(|stacks| _ = stacks.listed.insert(late.clone(), Some("when".to_owned())));
    let job = started(&world, &orders).await;
    world.stacks.behave(|stacks| stacks.listed.clear());
    orders.go_on(job).await.done();
    assert!(counted(&orders).ends_with("-1"), "{}", counted(&orders));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_behind_as_the_run_ends_costs_no_run() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let late = stack_of(&world, "search");
    world.stacks.change_from_outside(&late);
    let job = started(&world, &orders).await;
    world.stacks.behave(|stacks| _ = stacks.listed.insert(late.clone(), Some("when".to_owned())));
    orders.go_on(job).await.done();
    assert!(counted(&orders).ends_with("-1"), "{}", counted(&orders));
}

#[tokio::test(start_paused = true)]
async fn stacks_that_were_changed_before_the_run_are_not_asked_for_one_by_one() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    for other in OTHERS {
        world.stacks.change_from_outside(&stack_of(&world, other));
    }
    let before = so_far(&world);
    orders.test().await.done();
    assert_eq!(asked(&world, before), ["stacks.all_ready", "stacks.all_ready"]);
    assert!(counted(&orders).ends_with("-1"), "{}", counted(&orders));
}

#[tokio::test(start_paused = true)]
async fn runs_that_begin_at_once_in_one_worker_share_a_listing() {
    let world = Memory::new();
    let orders = wired_to_all(&world, &OTHERS).await;
    let again = OTHERS.map(|other| {
        let all = OTHERS.iter().filter(|one| **one != other);
        all.fold(world.release(&format!("{other}-desk")), |desk, one| desk.wired_to(one))
    });
    for desk in &again {
        desk.deploy().await.done();
    }
    let (ports, before) = (world.ports("a"), so_far(&world));
    let jobs: Vec<Job> = again.iter().chain([&orders]).map(|desk| desk.job(TEST)).collect();
    let hold = world.hold();
    let verdicts = join_all(jobs.iter().map(|job| act(&ports, Limits::default(), job, &hold))).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Continue(_))), "{verdicts:?}");
    // The one that was under way when the others came, and the next.
    assert_eq!(asked(&world, before), ["stacks.all_ready", "stacks.all_ready"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_breaks_is_asked_for_again_and_the_run_counts() {
    for how in [Break::Unavailable, Break::LostAnswer, Break::DiesBefore, Break::DiesAfter] {
        let world = Memory::new();
        let orders = wired_to_all(&world, &OTHERS).await;
        world.line.breaks("stacks.all_ready", how);
        world.line.breaks_later("stacks.all_ready", how, 1, 1);
        orders.test().await.done();
        assert_eq!(world.line.broken(), 2, "{how:?}");
        assert_eq!(
            world.script.given().iter().filter(|run| run.environment["BLUESTAGE_SERVICE"] == "orders").count(),
            1
        );
        assert!(counted(&orders).ends_with("-1"), "{how:?}");
    }
}
