//! run-isolated-tests: a run that outlives jobs and workers, and of which only the newest result counts.

use bluestage::ports::{ActionKind, Cause, Job, TraceContext, Verdict};
use bluestage::release::{RunId, RunOutcome, State, Version};
use serde_json::json;

use crate::memory::release::next;
use crate::memory::runs::Given;
use crate::memory::{Command, Memory, Release};

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
async fn the_first_answer_comes_at_once_and_names_the_run() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    let before = world.elapsed();
    let (_, run) = started(&world, &orders).await;
    assert_eq!(world.elapsed(), before);
    assert_eq!(orders.version().run.unwrap().id, run);
    assert_eq!(world.machine("a").runs(), [run]);
}

#[tokio::test(start_paused = true)]
async fn tests_that_pass_make_the_version_tested_and_count_themselves() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::passes(12).after(3));
    let done = orders.test().await.done();
    assert_eq!(done.variables["TestsTotal"], "12");
    assert_eq!(done.variables["TestsFailed"], "0");
    let version = orders.version();
    assert_eq!(version.state, State::Tested);
    let tested = version.tested.unwrap();
    assert_eq!(done.variables["Run"], tested.run.as_str());
    assert_eq!(Some(tested.stack_id), version.stack.id);
    assert_eq!(tested.template_digest, version.template_digest);
}

#[tokio::test(start_paused = true)]
async fn tests_that_fail_are_named_and_the_version_stays_to_be_looked_at() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let orders = world.release("orders").wired_to("billing");
    orders.deploy().await.done();
    world.script.next_run(Command::fails("checkout pays once", "expected 1, got 2"));
    let failure = orders.test().await.failed();
    assert_eq!(failure.cause, Cause::TestsFailed);
    let told = failure.message.as_str();
    let version = orders.version();
    for part in [
        "1 of 3 tests failed",
        "checkout pays once: expected 1, got 2",
        "tested against billing v1-",
        "s3://memory/runs/",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(version.state, State::Blue);
    assert_eq!(version.run.as_ref().unwrap().outcome, RunOutcome::Failed);
    assert_eq!(failure.external_id.unwrap().as_str(), version.run.unwrap().id.as_str());
    assert!(world.stacks.names().contains(&version.stack.name));
}

#[tokio::test(start_paused = true)]
async fn a_run_of_no_tests_does_not_pass() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::passes(0));
    assert_eq!(orders.test().await.failed().cause, Cause::TestsFailed);
    assert_ne!(orders.version().state, State::Tested);
}

#[tokio::test(start_paused = true)]
async fn a_long_run_tells_its_progress_and_keeps_its_id() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::passes(1).after(30));
    let played = orders.test().await;
    assert!(played.turns.len() > 5, "{}", played.turns.len());
    assert!(played.turns[2].summary.as_str().contains("beat "), "{}", played.turns[2].summary);
    assert!(played.turns.iter().all(|turn| turn.external_id == played.turns[0].external_id));
    assert_eq!(played.done().variables["Run"], world.script.given()[0].run.as_str());
    assert_eq!(world.script.given().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_run_leaves_becomes_the_output_artifact_also_when_tests_fail() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.deploy().await.done();
    world.script.next_run(Command::fails("a test", "no"));
    orders.test().await.failed();
    let run = orders.version().run.unwrap().id;
    let bundle = format!("bundle of {run}").into_bytes();
    assert_eq!(world.artifacts.uploads(), [("reports".to_owned(), bundle)]);
}

/// Orders, tested after billing, to which it is wired, was released once more. Tells the billing in its view.
async fn tested_beside_a_newer_billing<'w>(world: &'w Memory) -> (Release<'w>, Version) {
    let billing = world.release("billing");
    let billing = billing.output("Queue-Name", "q-${AWS::StackName}");
    let in_view = billing.goes_live().await;
    let own = json!([
        {"name": "PLAIN", "value": "x"},
        {"name": "PEER", "value": {"Fn::GetLive": ["billing", "Url"]}, "type": "PLAINTEXT"},
        {"name": "SELF", "value": {"Fn::GetBlue": "Url"}},
        {"name": "WHICH", "value": {"Fn::GetBlue": "Version"}},
    ]);
    let orders = world.release("orders").wired_to("billing").file("Makefile", "test:").with(
        TEST,
        "EnvironmentVariables",
        &own.to_string(),
    );
    orders.deploy().await.done();
    world.release("billing").goes_live().await;
    orders.test().await.done();
    (orders, in_view)
}

/// What the run of orders was given.
fn given(world: &Memory) -> Given {
    let given = world.script.given().into_iter();
    let mut ours = given.filter(|given| given.environment["BLUESTAGE_SERVICE"] == "orders");
    ours.next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_command_is_told_of_blue_and_of_the_versions_in_its_view() {
    let world = Memory::new();
    let (orders, billing) = tested_beside_a_newer_billing(&world).await;
    let (given, version) = (given(&world), orders.version());
    let expected = [
        ("BLUESTAGE_STAGE", "test".to_owned()),
        ("BLUESTAGE_SERVICE", "orders".to_owned()),
        ("BLUESTAGE_VERSION", version.id.to_string()),
        ("BLUESTAGE_RUN", given.run.to_string()),
        ("APP_STACK_NAME", version.stack.name.clone()),
        ("TRACEPARENT", TraceContext::of(&version.execution).to_string()),
        ("BLUE_URL", format!("https://{}", version.stack.name)),
        ("LIVE_BILLING_URL", format!("https://{}", billing.stack.name)),
        ("LIVE_BILLING_QUEUE_NAME", format!("q-{}", billing.stack.name)),
        ("PLAIN", "x".to_owned()),
        ("PEER", format!("https://{}", billing.stack.name)),
        ("SELF", format!("https://{}", version.stack.name)),
        ("WHICH", version.id.to_string()),
    ];
    for (name, value) in &expected {
        assert_eq!(given.environment.get(*name), Some(value), "{name}");
    }
    assert_eq!(given.environment.len(), expected.len() + 1, "and BLUESTAGE_VIEW");
}

#[tokio::test(start_paused = true)]
async fn the_view_file_and_the_certificate_tell_the_versions_that_were_tested() {
    let world = Memory::new();
    let (orders, billing) = tested_beside_a_newer_billing(&world).await;
    let (given, version) = (given(&world), orders.version());
    assert_ne!(world.live("billing").unwrap().id, billing.id);
    assert_eq!(given.view["blue"]["version"], json!(version.id));
    assert_eq!(given.view["blue"]["stackId"], json!(version.stack.id));
    assert_eq!(given.view["view"]["billing"]["version"], json!(billing.id));
    assert_eq!(given.view, given.certificate);
}

#[tokio::test(start_paused = true)]
async fn the_command_runs_in_the_unpacked_artifact() {
    let world = Memory::new();
    tested_beside_a_newer_billing(&world).await;
    let given = given(&world);
    assert_eq!(given.command, "make test");
    assert!(given.files.contains(&"Makefile".to_owned()), "{:?}", given.files);
}

#[tokio::test(start_paused = true)]
async fn tests_without_a_deployed_version_say_what_is_missing() {
    let world = Memory::new();
    let failure = world.release("orders").test().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    assert!(failure.message.as_str().contains("Put DeployBlue"), "{}", failure.message);
    assert!(world.stages.history().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_in_the_view_cannot_be_asked_for_an_output() {
    let world = Memory::new();
    world.release("billing").goes_live().await;
    let own = json!([{"name": "PEER", "value": {"Fn::GetLive": ["billing", "Url"]}}]).to_string();
    let orders = world.release("orders").with(TEST, "EnvironmentVariables", &own);
    orders.deploy().await.done();
    let failure = orders.test().await.failed();
    assert!(failure.message.as_str().contains("DependsOn"), "{}", failure.message);

    let orders = world.release("orders").with(TEST, "EnvironmentVariables", &own).with(
        ActionKind::DeployBlue,
        "DependsOn",
        "billing",
    );
    orders.deploy().await.done();
    orders.test().await.done();
}

const ROLE: &str = "arn:aws:iam::1:role/orders-tests";

#[tokio::test(start_paused = true)]
async fn the_tests_get_the_credentials_of_their_role_and_the_session_says_whose_they_are() {
    let world = Memory::new();
    let own = json!([{"name": "KEY", "value": "hunter22", "type": "SECRET"}]).to_string();
    let orders = world.release("orders").with(TEST, "TestRoleArn", ROLE).with(TEST, "EnvironmentVariables", &own);
    orders.deploy().await.done();
    orders.test().await.done();
    let (given, version) = (given(&world), orders.version());
    let session = world.roles.sessions().remove(0);
    assert_eq!((session.role_arn.as_str(), &session.name), (ROLE, &format!("bluestage-{}", given.run)));
    let expected = [
        ("bluestage:stage", "test".to_owned()),
        ("bluestage:service", "orders".to_owned()),
        ("bluestage:version", version.id.to_string()),
        ("bluestage:run", given.run.to_string()),
    ];
    assert_eq!(session.tags, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(session.wanted, given.time_limit);
    let secrets: Vec<&str> = given.secrets.keys().map(String::as_str).collect();
    assert_eq!(secrets, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "KEY"]);
    assert_eq!(given.secrets["AWS_SESSION_TOKEN"], format!("token of {}", session.name));
    assert_eq!(given.environment["AWS_REGION"], "eu-central-1");
    assert!(!secrets.iter().any(|name| given.environment.contains_key(*name)));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_the_worker_may_not_play_is_told_with_what_to_allow() {
    let world = Memory::new();
    world.roles.deny(ROLE);
    let orders = world.release("orders").with(TEST, "TestRoleArn", ROLE);
    orders.deploy().await.done();
    let failure = orders.test().await.failed();
    assert_eq!(failure.cause, Cause::Denied);
    for part in [ROLE, "sts:AssumeRole and sts:TagSession", "trust policy"] {
        assert!(failure.message.as_str().contains(part), "{part}: {}", failure.message);
    }
    assert!(world.script.given().is_empty());
}
