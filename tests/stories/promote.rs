//! promote: the tested blue becomes live in one write, or stays what it is.

use bluestage::ports::{ActionKind, Cause, ExecutionStatus, Verdict};
use bluestage::release::{Green, State};

use crate::memory::{Memory, of, service};

const PROMOTE: ActionKind = ActionKind::Promote;

#[tokio::test(start_paused = true)]
async fn a_tested_version_goes_live_and_what_was_live_is_kept() {
    let world = Memory::new();
    let before = world.release("orders").goes_live().await;
    let orders = world.release("orders");
    let tested = orders.is_tested().await;
    assert_eq!(world.live("orders").unwrap().id, before.id);
    let done = orders.promote().await.done();
    let live = world.live("orders").unwrap();
    assert_eq!((&live.id, &live.stack), (&tested.id, &tested.stack));
    assert_eq!(done.variables["Version"], live.id.as_str());
    assert_eq!(done.variables["PreviousVersion"], before.id.as_str());
    assert_eq!(done.variables["StackName"], live.stack.name);
    let stage = world.stage();
    assert_eq!(stage.services[&service("orders")].previous, [before.id]);
    assert_eq!(world.stacks.events().len(), 2, "promoting touches no stack");
}

#[tokio::test(start_paused = true)]
async fn a_first_promotion_has_no_previous_version() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.is_tested().await;
    let done = orders.promote().await.done();
    assert!(!done.variables.contains_key("PreviousVersion"), "{:?}", done.variables);
}

#[tokio::test(start_paused = true)]
async fn promoting_again_says_the_same_and_changes_nothing() {
    let world = Memory::new();
    world.release("orders").goes_live().await;
    let orders = world.release("orders");
    orders.is_tested().await;
    let first = orders.promote().await.done();
    let written = world.stages.history().len();
    world.stacks.change_from_outside(&orders.version().stack.name);
    assert_eq!(orders.promote().await.done(), first);
    assert_eq!(world.stages.history().len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_promotion_is_done_even_when_its_stack_is_just_being_changed() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.goes_live().await;
    world.stacks.vanish(&orders.version().stack.name);
    orders.promote().await.done();
}

#[tokio::test(start_paused = true)]
async fn no_more_previous_versions_are_kept_than_asked_for() {
    let world = Memory::new();
    for _ in 0..4 {
        world.release("orders").with(PROMOTE, "Keep", "2").goes_live().await;
    }
    let stage = world.stage();
    assert_eq!(stage.services[&service("orders")].previous.len(), 2);
    world.sweep().await.unwrap();
    assert_eq!(world.stacks.names().len(), 3);
}

/// Its promotion came to its end, and the answer was lost; another worker plays the job when much has happened since.
#[tokio::test(start_paused = true)]
async fn a_promotion_that_is_told_late_is_done_whatever_became_of_its_version() {
    let world = Memory::new();
    let orders = world.release("orders");
    let version = of("orders", &orders.goes_live().await);
    let told = |by: &str| format!("{version} went live in stage test and has been replaced since by {by}.");
    world.release("orders").with(PROMOTE, "Keep", "1").goes_live().await;
    let kept = orders.promote().await.done();
    assert_eq!(kept.summary.as_str(), told(world.live("orders").unwrap().id.as_str()));
    assert!(!kept.variables.contains_key("PreviousVersion"), "{:?}", kept.variables);
    world.release("orders").with(PROMOTE, "Keep", "1").goes_live().await;
    world.stacks.behave(|stacks| stacks.deleting = 3);
    world.line.breaks_later("stages.write", crate::memory::Break::Unavailable, 1, 1);
    // Its stack is gone, and the write that forgets it went wrong.
    let _ = world.sweep().await;
    assert_eq!(orders.version().state, State::Retiring);
    let live = world.live("orders").unwrap().id;
    assert_eq!(orders.promote().await.done().summary.as_str(), told(live.as_str()));
    world.sweep().await.unwrap();
    assert!(world.stage().version(&version).is_none(), "it is forgotten");
    let forgotten = orders.promote().await.done();
    assert_eq!(forgotten.summary.as_str(), told(live.as_str()));
    assert_eq!(forgotten.variables["Version"], kept.variables["Version"]);
}

/// Two workers play the same job after one of them stood still; the other one is at the end first.
#[tokio::test(start_paused = true)]
async fn a_promotion_that_another_worker_has_finished_meanwhile_is_done() {
    let world = Memory::new();
    let orders = world.release("orders").declares("GreenDeployment");
    let version = orders.is_tested().await.id;
    world.stages.meanwhile_when(
        |stage| stage.services[&service("orders")].barrier.is_some(),
        move |stage| {
            let orders = stage.service_mut(&service("orders")).unwrap();
            orders.live = Some(version.clone());
            let version = orders.versions.get_mut(&version).unwrap();
            (version.state, version.green) = (State::Live, Some(Green::On));
        },
    );
    let done = orders.promote().await.done();
    assert!(done.summary.as_str().contains("is live in stage test"), "{}", done.summary);
    assert_eq!(world.stage().services[&service("orders")].barrier, None);
}

#[tokio::test(start_paused = true)]
async fn an_untested_version_is_never_promoted() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let failure = orders.promote().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    assert!(failure.message.as_str().contains("RunIsolatedTests"), "{}", failure.message);
    assert!(world.live("orders").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_tests_failed_is_never_promoted() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let command = crate::memory::Command::fails("a test", "no");
    world.script.next_run(command);
    orders.test().await.failed();
    assert_eq!(orders.promote().await.failed().cause, Cause::TestsFailed);
    assert!(world.live("orders").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_refused_when_what_it_was_tested_with_is_no_longer_live() {
    let world = Memory::new();
    let tested_with = world.release("billing").goes_live().await;
    let orders = world.release("orders").wired_to("billing");
    orders.is_tested().await;
    let newer = world.release("billing");
    let now = newer.goes_live().await;
    let failure = orders.promote().await.failed();
    assert_eq!(failure.cause, Cause::OutOfDate);
    let told = failure.message.as_str();
    for part in [tested_with.id.as_str(), now.id.as_str(), &newer.execution_id, "Retry the whole pipeline stage"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(world.live("orders").is_none());
    assert_eq!(orders.version().state, State::Tested);

    let orders = orders.retried();
    orders.goes_live().await;
    assert_eq!(orders.version().view[&service("billing")], now.id);
}

#[tokio::test(start_paused = true)]
async fn skew_that_only_the_last_write_can_see_is_refused_too() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let orders = world.release("orders").wired_to("billing");
    orders.is_tested().await;
    let newer = world.release("billing").is_tested().await;
    let newer = of("billing", &newer);
    world.stages.meanwhile_when(
        |stage| stage.live(&service("orders")).is_some(),
        move |stage| {
            let billing = stage.service_mut(&newer.service).unwrap();
            billing.live = Some(newer.version.clone());
        },
    );
    let failure = orders.promote().await.failed();
    assert_eq!(failure.cause, Cause::OutOfDate, "{}", failure.message);
    assert!(world.live("orders").is_none());
    assert_eq!(orders.version().state, State::Tested, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn skew_can_be_reported_instead() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let orders = world.release("orders").wired_to("billing").with(PROMOTE, "OnSkew", "report");
    orders.is_tested().await;
    world.release("billing").goes_live().await;
    let done = orders.promote().await.done();
    assert!(done.summary.as_str().contains("It was tested with billing"), "{}", done.summary);
    assert_eq!(world.stage().behind().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_older_version_never_replaces_a_newer_one() {
    let world = Memory::new();
    let older = world.release("orders");
    older.is_tested().await;
    let newer = world.release("orders").goes_live().await;
    let failure = older.promote().await.failed();
    assert_eq!(failure.cause, Cause::OutOfDate);
    assert!(failure.message.as_str().contains(newer.id.as_str()), "{}", failure.message);
    assert_eq!(world.live("orders").unwrap().id, newer.id);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_was_changed_or_deleted_from_outside_does_not_go_live() {
    for harm in [crate::memory::stacks::MemoryStacks::change_from_outside, crate::memory::stacks::MemoryStacks::vanish]
    {
        let world = Memory::new();
        let orders = world.release("orders");
        let tested = orders.is_tested().await;
        harm(&world.stacks, &tested.stack.name);
        let failure = orders.promote().await.failed();
        assert_eq!(failure.cause, Cause::OutOfDate);
        assert!(failure.message.as_str().contains("something outside bluestage"), "{}", failure.message);
        assert!(world.live("orders").is_none());
        assert_eq!(orders.version().state, State::Tested, "no intent was written");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_given_up_says_so_and_not_that_its_stack_is_gone() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.deleting = 3);
    let orders = world.release("orders");
    orders.is_tested().await;
    world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
    world.line.breaks_later("stages.write", crate::memory::Break::Unavailable, 2, 1);
    // The stack is gone, and the write that forgets the version went wrong.
    let _ = world.sweep().await;
    assert_eq!(orders.version().state, State::Retiring);
    assert!(world.stacks.names().is_empty());
    let failure = orders.promote().await.failed();
    assert_eq!(failure.cause, Cause::OutOfDate);
    assert!(failure.message.as_str().contains("was given up"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn promoting_what_was_never_deployed_says_what_is_missing() {
    let world = Memory::new();
    world.release("orders").goes_live().await;
    let failure = world.release("orders").promote().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    assert!(failure.message.as_str().contains("Put DeployBlue"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn a_promotion_whose_last_answer_is_lost_at_the_deadline_does_not_claim_that_nothing_changed() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.is_tested().await;
    let job = orders.job(PROMOTE);
    world.line.breaks("stages.read", crate::memory::Break::Unavailable);
    let Some(Verdict::Continue(more)) = world.turn(&job).await else {
        panic!("the fault passes");
    };
    world.pass(std::time::Duration::from_secs(60 * 60)).await;
    world.line.breaks("stages.write", crate::memory::Break::LostAnswer);
    let failure = orders.go_on(crate::memory::release::next(&job, &more, 1)).await.failed();
    assert_eq!(world.live("orders").unwrap().id, orders.version().id);
    let told = failure.message.as_str();
    assert!(told.contains("may have gone live all the same"), "{told}");
    assert!(!told.contains("What is live is as it was"), "{told}");
}
