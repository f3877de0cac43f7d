//! deploy-blue: a stack of its own beside the live one, or nothing at all.

use std::time::Duration;

use bluestage::ports::{ActionKind, Cause, ExecutionStatus, Verdict};
use bluestage::release::State;
use serde_json::json;

use crate::memory::release::next;
use crate::memory::{Memory, Release, of};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_ready_at_once_is_deployed_in_one_turn() {
    let world = Memory::new();
    let orders = world.release("orders");
    let played = orders.deploy().await;
    assert!(played.turns.is_empty(), "{:?}", played.turns);
    let done = played.done();
    let version = orders.version();
    assert_eq!(version.state, State::Blue);
    assert_eq!(done.variables["StackName"], format!("test-orders-{}", version.id));
    assert_eq!(done.variables["StackId"], version.stack.id.unwrap());
    assert_eq!(done.variables["Version"], version.id.as_str());
    assert_eq!(done.variables["Url"], format!("https://test-orders-{}", version.id));
    assert_eq!(done.external_id.as_str(), done.variables["StackId"]);
    assert!(world.live("orders").is_none(), "nothing is live by being deployed");
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_links_to_the_stack_and_a_second_worker_goes_on() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 12);
    let orders = world.release("orders");
    let first = orders.job(DEPLOY);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("the stack is not ready yet");
    };
    assert!(world.elapsed().is_zero(), "the first answer comes at once");
    assert!(more.external_id.as_str().starts_with("arn:stack/test-orders-v1-"));
    assert!(more.summary.as_str().contains("CREATE_IN_PROGRESS"), "{}", more.summary);

    let mut job = next(&first, &more, 1);
    let mut turns = 0;
    let done = loop {
        turns += 1;
        match world.turn_on("b", &job).await.unwrap() {
            Verdict::Continue(more) => job = next(&job, &more, turns + 1),
            Verdict::Done(done) => break done,
            Verdict::Failed(failure) => panic!("{}", failure.message),
        }
    };
    assert!(turns > 1, "eleven looks take longer than one hold");
    assert_eq!(done.external_id, more.external_id);
    assert_eq!(world.stacks.events().len(), 1);
    let unpacked = world.line.trail_of(&["artifacts.unpack"]);
    assert_eq!(unpacked.len(), 1, "once the stack is being made, nothing is downloaded");
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_still_in_review_is_carried_out_later() {
    let world = Memory::new();
    world.stacks.behave(|stacks| (stacks.review, stacks.creating) = (15, 1));
    let played = world.release("orders").deploy().await;
    let first = &played.turns[0];
    assert_eq!(world.stacks.events().len(), 1);
    assert!(first.summary.as_str().contains("REVIEW_IN_PROGRESS"), "{}", first.summary);
    played.done();
}

#[tokio::test(start_paused = true)]
async fn the_pins_are_written_before_anything_is_created() {
    let world = Memory::new();
    world.release("orders").deploy().await.done();
    let calls = world.line.trail_of(&["stages.write", "stacks.ensure"]);
    let names: Vec<&str> = calls.iter().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(names, ["stages.write", "stacks.ensure", "stages.write"]);
}

/// A release that uses everything that an author can write.
fn with_everything(world: &Memory) -> Release<'_> {
    world
        .release("orders")
        .wired_to("billing")
        .given("Stem", json!({"Fn::GetBlue": "StackName"}))
        .given("Version", json!({"Fn::GetBlue": "Version"}))
        .given("Bucket", json!({"Fn::GetArtifactAtt": ["app", "BucketName"]}))
        .given("Key", json!({"Fn::GetArtifactAtt": ["app", "ObjectKey"]}))
        .given("Colour", json!({"Fn::GetParam": ["app", "params.json", "Colour"]}))
        .given("Size", json!(3))
        .file("params.json", r#"{"Colour": "blue"}"#)
        .file("configuration.json", r#"{"Parameters": {"Size": "2"}, "Tags": {"team": "shop"}}"#)
        .with(DEPLOY, "TemplateConfiguration", "app::configuration.json")
        .with(DEPLOY, "Capabilities", "CAPABILITY_IAM, CAPABILITY_AUTO_EXPAND")
        .with(DEPLOY, "RoleArn", "arn:aws:iam::1:role/deployer")
}

#[tokio::test(start_paused = true)]
async fn the_stack_is_given_the_parameters_that_its_author_wrote() {
    let world = Memory::new();
    let billing = world.release("billing").goes_live().await;
    let orders = with_everything(&world);
    orders.deploy().await.done();
    let version = orders.version();
    let spec = world.stacks.spec(&version.stack.name);
    let expected = [
        ("billingUrl", format!("https://{}", billing.stack.name)),
        ("Stem", version.stack.name.clone()),
        ("Version", version.id.to_string()),
        ("Bucket", "artifacts".to_owned()),
        ("Key", format!("source/{}", orders.execution_id)),
        ("Colour", "blue".to_owned()),
        ("Size", "3".to_owned()), // The property overrides the file.
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(spec.parameters, expected.into());
}

#[tokio::test(start_paused = true)]
async fn the_stack_carries_its_tags_capabilities_and_role() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let orders = with_everything(&world);
    orders.deploy().await.done();
    let version = orders.version();
    let spec = world.stacks.spec(&version.stack.name);
    let expected = [
        ("team", "shop"),
        ("bluestage:stage", "test"),
        ("bluestage:service", "orders"),
        ("bluestage:version", version.id.as_str()),
        ("bluestage:execution", &orders.execution_id),
        ("bluestage:state", crate::memory::stages::PLACE),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(spec.tags, expected.into());
    assert_eq!(spec.capabilities, ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]);
    assert_eq!(spec.role_arn.as_deref(), Some("arn:aws:iam::1:role/deployer"));
    assert_eq!(version.revision.as_deref(), Some("commit-2"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_cannot_be_made_leaves_nothing_and_says_which_resource() {
    let world = Memory::new();
    let before = world.release("orders").goes_live().await;
    let reason = "Table already exists.".to_owned();
    world.stacks.behave(|stacks| {
        (stacks.creating, stacks.deleting) = (2, 2);
        stacks.broken = Some(("Table".to_owned(), reason));
    });
    let orders = world.release("orders");
    let failure = orders.deploy().await.failed();
    assert_eq!(failure.cause, Cause::DeployFailed);
    let told = failure.message.as_str();
    assert!(told.contains("Table (AWS::DynamoDB::Table) failed: Table already exists."), "{told}");
    assert!(told.ends_with("What is live is as it was."), "{told}");
    let versions = world.versions("orders");
    assert_eq!(versions.len(), 1, "the failed version is forgotten");
    assert_eq!(world.live("orders").unwrap().id, before.id);
    assert_eq!(world.stacks.names(), [before.stack.name]);
    let events = world.stacks.events();
    let created = events[1].strip_prefix("created ").unwrap();
    assert_eq!(events[2], format!("deleted {created}"), "what was made is what is deleted");
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_vanishes_while_it_is_made_is_a_failure() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 5);
    let orders = world.release("orders");
    let first = orders.job(DEPLOY);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("it takes several looks");
    };
    world.stacks.vanish(&orders.version().stack.name);
    let failure = orders.go_on(next(&first, &more, 1)).await.failed();
    assert_eq!(failure.cause, Cause::DeployFailed);
    assert!(failure.message.as_str().contains("was deleted while it was being made"));
    assert!(world.versions("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_first_job_that_is_delivered_twice_makes_one_version() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 3);
    let orders = world.release("orders");
    let job = orders.job(DEPLOY);
    let (one, two) = tokio::join!(world.turn_on("a", &job), world.turn_on("b", &job));
    assert!(one.is_some() && two.is_some());
    orders.go_on(job).await.done();
    assert_eq!(world.versions("orders").len(), 1);
    assert_eq!(world.stacks.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retried_pipeline_stage_makes_a_new_blue_and_gives_the_older_one_up() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let older = orders.version();
    let orders = orders.retried();
    orders.deploy().await.done();
    assert_ne!(orders.version().id, older.id);
    let stage = world.stage();
    assert_eq!(stage.version(&of("orders", &older)).unwrap().state, State::Abandoned);
    world.sweep().await.unwrap();
    assert_eq!(world.stacks.names(), [orders.version().stack.name]);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_never_gets_ready_is_given_up_at_the_deadline_and_removed_by_the_sweep() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 1_000);
    let orders = world.release("orders").with(DEPLOY, "TimeoutMinutes", "10");
    let failure = orders.deploy().await.failed();
    assert_eq!(failure.cause, Cause::Unavailable);
    let told = failure.message.as_str();
    assert!(told.contains("TimeoutMinutes") && told.contains("CREATE_IN_PROGRESS"), "{told}");
    assert!(told.contains("is being removed"), "{told}");
    assert!((600..660).contains(&world.elapsed().as_secs()), "{:?}", world.elapsed());
    world.stacks.behave(|stacks| stacks.creating = 0);
    for _ in 0..400 {
        world.sweep().await.unwrap();
    }
    assert!(world.versions("orders").is_empty());
    assert!(world.stacks.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_given_up_while_its_stack_was_made_is_not_brought_back() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 2);
    let orders = world.release("orders");
    let first = orders.job(DEPLOY);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("it takes several looks");
    };
    let blue = of("orders", &orders.version());
    world.stages.meanwhile(move |stage| {
        stage.abandon(&blue, "it was superseded", 0).unwrap();
    });
    let failure = orders.go_on(next(&first, &more, 1)).await.failed();
    assert_eq!(failure.cause, Cause::OutOfDate);
    assert!(failure.message.as_str().contains("it was superseded"), "{}", failure.message);
    assert!(world.versions("orders").is_empty());
    assert!(world.stacks.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_look_at_the_stage_does_not_claim_that_nothing_was_made() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 5);
    let orders = world.release("orders");
    let first = orders.job(DEPLOY);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("it takes several looks");
    };
    world.line.breaks_later("stages.read", crate::memory::Break::Denied, 0, usize::MAX);
    let failure = orders.go_on(next(&first, &more, 1)).await.failed();
    assert_eq!(failure.cause, Cause::Denied);
    let told = failure.message.as_str();
    assert!(told.contains("What it may have begun is removed"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn no_stack_is_made_for_a_version_that_was_given_up_while_its_change_set_was_made() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.review = 100);
    let orders = world.release("orders");
    let job = orders.job(DEPLOY);
    let stopped = async {
        world.pass(Duration::from_secs(5)).await;
        world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
        assert_eq!(world.sweep().await.unwrap().retired.len(), 1);
    };
    let (verdict, ()) = tokio::join!(world.turn(&job), stopped);
    let Some(Verdict::Failed(failure)) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(failure.cause, Cause::OutOfDate, "{}", failure.message);
    assert!(world.stacks.names().is_empty());
}
