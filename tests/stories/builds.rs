//! Tests that run as builds: any worker goes on with a build, and nobody starts it twice.

use bluestage::ports::{ActionKind, Cause};
use serde_json::json;

use crate::memory::{Break, Memory, Release};

const TEST: ActionKind = ActionKind::RunIsolatedTests;

fn built(world: &Memory) -> Release<'_> {
    let release = world.release("orders").with(TEST, "Command", "");
    release.with(TEST, "Runner", "codebuild").with(TEST, "ProjectName", "orders-tests")
}

#[tokio::test(start_paused = true)]
async fn a_build_is_told_what_it_tests_and_its_reports_decide() {
    let world = Memory::new();
    let variables = json!([{"name": "KEY", "value": "/orders/key", "type": "PARAMETER_STORE"}]).to_string();
    let orders = built(&world).with(TEST, "EnvironmentVariables", &variables);
    orders.deploy().await.done();
    let done = orders.test().await;
    assert!(done.turns.iter().any(|turn| turn.summary.as_str().contains("phase BUILD")), "{done:?}");
    let done = done.done();
    assert_eq!(done.variables["TestsTotal"], "3");
    let builds = world.builds.ordered();
    assert_eq!(builds.len(), 1);
    assert_eq!((builds[0].run.as_str(), builds[0].project.as_str()), (done.variables["Run"].as_str(), "orders-tests"));
    for name in ["BLUESTAGE_RUN", "BLUESTAGE_VERSION", "APP_STACK_NAME", "BLUE_URL", "TRACEPARENT", "KEY"] {
        assert!(builds[0].variables.iter().any(|given| given == name), "{name}: {builds:?}");
    }
    orders.promote().await.done();
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_fails_the_action_with_its_tests() {
    let world = Memory::new();
    world.builds.fail();
    let orders = built(&world);
    orders.deploy().await.done();
    let failure = orders.test().await.failed();
    assert_eq!(failure.cause, Cause::TestsFailed);
    assert!(failure.message.as_str().contains("- checkout: 1 is not 2"), "{}", failure.message);
}

#[tokio::test(start_paused = true)]
async fn a_build_is_started_once_whatever_breaks_around_its_start() {
    for (call, how) in [
        ("builds.start", Break::LostAnswer),
        ("builds.start", Break::DiesAfter),
        ("records.create", Break::DiesBefore),
        ("records.create", Break::DiesAfter),
        ("builds.read", Break::DiesAfter),
        ("records.write_bundle", Break::DiesBefore),
    ] {
        let world = Memory::new();
        world.line.breaks(call, how);
        let orders = built(&world);
        orders.deploy().await.done();
        orders.test().await.done();
        assert_eq!(world.builds.ordered().len(), 1, "{call} {how:?}");
        assert_eq!(world.line.broken(), 1, "{call} {how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_a_build_would_show_is_refused() {
    let world = Memory::new();
    let variables = json!([{"name": "KEY", "value": "hunter22", "type": "SECRET"}]).to_string();
    let orders = built(&world).with(TEST, "EnvironmentVariables", &variables);
    orders.deploy().await.done();
    let failure = orders.test().await.failed();
    assert_eq!(failure.cause, Cause::Misconfigured);
    assert!(failure.message.as_str().contains("PARAMETER_STORE or SECRETS_MANAGER"), "{}", failure.message);
    assert!(world.builds.ordered().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_build_of_an_action_whose_time_is_over_is_stopped() {
    let world = Memory::new();
    // Its time is over before it begins to look.
    let orders = built(&world).with(TEST, "TimeoutMinutes", "1");
    world.line.breaks_later("builds.read", Break::Unavailable, 0, 1_000);
    orders.deploy().await.done();
    orders.test().await.failed();
    assert!(world.builds.ordered()[0].stopped);
}
