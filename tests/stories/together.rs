//! Changes of one stage that wait in one process go into one write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bluestage::actions::{Limits, SwitchBackRequest, SwitchedBack, act, switch_back};
use bluestage::ports::{ActionKind, Ports, Verdict};
use bluestage::release::document;
use futures::future::join_all;
use tokio::sync::Notify;

use crate::large_stage::{large_stage, service};
use crate::memory::line::{Line, Weather};
use crate::memory::{Break, Landed, Memory, stage_name};

const SERVICES: usize = 100;

/// A world with a stage of a hundred services, each with a version to switch back to.
fn crowded() -> Memory {
    let world = Memory::new();
    world.stages.put(&stage_name(), &document::render(&large_stage(SERVICES)));
    world
}

fn request(number: usize) -> SwitchBackRequest {
    SwitchBackRequest {
        stage: stage_name(),
        service: service(number),
        to: None,
        who: "somebody".to_owned(),
        reason: "it is broken".to_owned(),
        strict: false,
    }
}

async fn switch(ports: &Ports, number: usize) -> Result<SwitchedBack, String> {
    switch_back(ports, &request(number)).await
}

async fn switch_all(ports: &Ports, numbers: impl Iterator<Item = usize>) -> Vec<Result<SwitchedBack, String>> {
    join_all(numbers.map(|number| switch(ports, number))).await
}

/// How many services have been switched back, each once.
fn switched(world: &Memory) -> usize {
    let stage = world.stage();
    let back = stage
        .services
        .values()
        .filter(|service| service.live.as_ref().is_some_and(|live| live.as_str().starts_with("v1-")));
    back.count()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_changes_at_once_are_one_read_and_one_write() {
    let world = crowded();
    let answers = switch_all(&world.ports("a"), 0..SERVICES).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(switched(&world), SERVICES);
    assert_eq!(
        world.line.trail_of(&["stages."]),
        ["stages.read test", &format!("stages.write test {}", world.stage().seq)]
    );
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_write_is_under_way_goes_into_the_next_one() {
    let world = crowded();
    let ports = world.ports("a");
    let later = async {
        while world.line.trail_of(&["stages.write"]).is_empty() {
            tokio::task::yield_now().await;
        }
        switch_all(&ports, 1..SERVICES).await
    };
    let (first, others) = tokio::join!(switch(&ports, 0), later);
    assert!(first.is_ok() && others.iter().all(Result::is_ok));
    assert_eq!(switched(&world), SERVICES);
    assert!(world.stages.history().len() <= 2, "{}", world.stages.history().len());
}

#[tokio::test(start_paused = true)]
async fn of_changes_that_go_together_each_is_refused_by_itself() {
    let world = crowded();
    let ports = world.ports("a");
    // The service of the last number does not exist.
    let answers = switch_all(&ports, SERVICES - 2..=SERVICES).await;
    assert!(answers[0].is_ok() && answers[1].is_ok(), "{answers:?}");
    assert!(answers[2].as_ref().is_err_and(|why| why.contains("service-0100")), "{answers:?}");
    assert_eq!((switched(&world), world.stages.history().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn changes_that_were_stored_together_are_not_made_again_when_that_seemed_lost() {
    let world = crowded();
    world.stages.conflict(Landed::Yes);
    let before = world.stage().seq;
    let answers = switch_all(&world.ports("a"), 0..SERVICES).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((switched(&world), world.stage().seq), (SERVICES, before + 1));
}

#[tokio::test(start_paused = true)]
async fn changes_that_lost_a_race_together_are_made_on_what_somebody_else_wrote() {
    let world = crowded();
    world.stages.meanwhile(|stage| stage.recent.clear());
    let answers = switch_all(&world.ports("a"), 0..SERVICES).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(switched(&world), SERVICES);
    assert!(world.stages.history().len() <= 3, "theirs, and ours in one or two");
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_for_others_and_is_dropped_leaves_their_changes_to_them() {
    for how in [Break::DiesBefore, Break::DiesAfter] {
        let world = crowded();
        world.line.breaks("stages.write", how);
        let ports = world.ports("a");
        let first = async {
            tokio::select! {
                biased;
                _ = switch(&ports, 0) => panic!("the first one writes, and never hears what became of it"),
                () = world.line.crashed() => {}
            }
        };
        let ((), others) = tokio::join!(first, switch_all(&ports, 1..SERVICES));
        assert!(others.iter().all(Result::is_ok), "{how:?}: {others:?}");
        assert!(switched(&world) >= SERVICES - 1, "{how:?}: {}", switched(&world));
        let recent = world.stage().recent;
        let once = |number| {
            let its = recent.iter().filter(|event| event.of.service == service(number));
            its.filter(|event| event.what.contains("switched back")).count() <= 1
        };
        assert!((1..SERVICES).all(once), "{how:?}: nothing was done twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_told_to_all_who_wait_for_the_same_call() {
    let world = crowded();
    world.line.breaks("stages.read", Break::Unavailable);
    let answers = switch_all(&world.ports("a"), 0..20).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(world.line.trail_of(&["stages."]).len(), 1, "nobody asks what has just not been answered");
}

#[tokio::test(start_paused = true)]
async fn ten_processes_with_ten_changes_each_starve_nobody() {
    let world = crowded();
    let processes: Vec<Ports> = (0..10).map(|_| world.ports("a")).collect();
    let began = world.elapsed();
    let all = processes.iter().enumerate();
    let answers = join_all(all.map(|(place, ports)| switch_all(ports, place * 10..(place + 1) * 10))).await;
    assert!(answers.iter().flatten().all(Result::is_ok), "{answers:?}");
    assert_eq!(switched(&world), SERVICES);
    assert!(world.stages.history().len() <= 50, "at most five writes for each: {}", world.stages.history().len());
    assert!(world.elapsed() - began < Duration::from_secs(10), "{:?}", world.elapsed() - began);
}

/// Holds the answer to the first call back until it is let go.
#[derive(Default)]
struct SlowAnswer {
    is_past: AtomicBool,
    is_made: Notify,
    is_let_go: Notify,
}

#[async_trait]
impl Weather for SlowAnswer {
    async fn before(&self, _call: &str) -> Option<Break> {
        None
    }

    fn made(&self, _call: &str, _how: Option<Break>) {
        self.is_made.notify_one();
    }

    async fn after(&self) {
        if !self.is_past.swap(true, Ordering::Relaxed) {
            self.is_let_go.notified().await;
        }
    }

    fn conflict(&self) -> Option<Landed> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_is_told_without_a_write_is_not_older_than_the_question() {
    let world = crowded();
    let live = || world.live(service(1).as_str()).unwrap().id;
    let wanted = live();
    let slow = Arc::new(SlowAnswer::default());
    let stages = Arc::new(world.stages.over(Arc::new(Line::under(slow.clone()))));
    let ports = Ports { stages, ..world.ports("a") };
    let later = async {
        slow.is_made.notified().await;
        switch(&world.ports("b"), 1).await.unwrap();
        assert_ne!(live(), wanted, "which the read that is under way has not seen");
        let request = SwitchBackRequest { to: Some(wanted.clone()), ..request(1) };
        tokio::join!(switch_back(&ports, &request), async { slow.is_let_go.notify_one() }).0
    };
    // The service of this number does not exist: there is nothing to be written.
    let (refused, switched) = tokio::join!(switch(&ports, SERVICES), later);
    assert!(refused.is_err(), "{refused:?}");
    let told = switched.expect_err("what it wants live was live when the document was read, and no longer is");
    assert!(told.contains("another version of service-0001 has gone live"), "{told}");
}

/// The calls for the stage, without their arguments.
fn asked(world: &Memory, since: usize) -> Vec<String> {
    let calls = world.line.trail_of(&["stages."]).split_off(since);
    calls.iter().map(|call| call.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_written_on_the_stage_that_it_was_decided_on() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.is_tested().await;
    let before = asked(&world, 0).len();
    orders.promote().await.done();
    assert_eq!(asked(&world, before), ["stages.read", "stages.write"]);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_reads_the_stage_once_more_when_somebody_else_has_written_it() {
    let world = Memory::new();
    let orders = world.release("orders");
    let tested = orders.is_tested().await;
    let before = asked(&world, 0).len();
    world.stages.meanwhile(|stage| stage.recent.clear());
    orders.promote().await.done();
    assert_eq!(asked(&world, before), ["stages.read", "stages.write", "stages.read", "stages.write"]);
    assert_eq!(world.live("orders").unwrap().id, tested.id);
}

/// A promotion that is held up at its look at the stack, while something else happens. Tells what was asked for the stage.
async fn held_up_while<F: Future<Output = ()>>(world: &Memory, happens: impl FnOnce(Ports) -> F) -> Vec<String> {
    let orders = world.release("orders");
    let tested = orders.is_tested().await;
    let before = asked(world, 0).len();
    let slow = Arc::new(SlowAnswer::default());
    let stacks = Arc::new(world.stacks.over(Arc::new(Line::under(slow.clone()))));
    let ports = Ports { stacks, ..world.ports("a") };
    let (job, hold) = (orders.job(ActionKind::Promote), world.hold());
    let later = async {
        slow.is_made.notified().await;
        happens(ports.clone()).await;
        slow.is_let_go.notify_one();
    };
    let verdict = tokio::join!(act(&ports, Limits::default(), &job, &hold), later).0;
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    assert_eq!(world.live("orders").unwrap().id, tested.id);
    asked(world, before)
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_not_tried_on_a_stage_that_its_own_worker_has_written_since() {
    let world = crowded();
    let other = async |ports: Ports| drop(switch(&ports, 1).await.unwrap());
    let each = ["stages.read", "stages.write"];
    assert_eq!(held_up_while(&world, other).await, [&["stages.read"][..], &each, &each].concat(), "none in vain");
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_not_tried_on_a_stage_that_was_read_long_ago() {
    let world = crowded();
    let nothing = async |_: Ports| world.pass(Duration::from_secs(2)).await;
    assert_eq!(held_up_while(&world, nothing).await, ["stages.read", "stages.read", "stages.write"]);
}
