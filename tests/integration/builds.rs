//! Tests that run as builds of CodeBuild.

use std::time::{Duration, Instant};

use crate::bluestage;
use crate::queue;
use crate::world::codebuild::{CodeBuild, PROJECT, Script};
use crate::world::{ARTIFACT_BUCKET, Options, PipelineOptions, World};

async fn world(codebuild: &CodeBuild) -> World {
    let options = Options {
        local_flags: vec!["--no-start-on-create".to_owned(), "--continuation-seconds".to_owned(), "0.2".to_owned()],
        worker_flags: ["--hold-seconds", "0.5", "--lease-seconds", "2"].map(str::to_owned).to_vec(),
        worker_environment: vec![("AWS_ENDPOINT_URL_CODEBUILD".to_owned(), codebuild.url.clone())],
        ..Options::default()
    };
    let mut world = World::start(&bluestage(), options).await;
    let registered = world.bluestage(&["actions", "register"]);
    assert!(registered.status.success(), "{registered:?}");
    world.start_worker();
    world
}

fn built() -> PipelineOptions {
    let variables = r#"[{"name":"QUEUE","value":{"Fn::GetBlue":"Address"}},
        {"name":"KEY","value":"/orders/key","type":"PARAMETER_STORE"}]"#;
    PipelineOptions::service("queue")
        .without_test("Command")
        .test("Runner", "codebuild")
        .test("ProjectName", PROJECT)
        .test("EnvironmentVariables", variables)
}

async fn release(world: &World) -> String {
    world.create_pipeline("queue", &built()).await;
    world.release("queue", &queue::source()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_gets_the_artifact_and_the_environment_of_the_tests_and_its_reports_count() {
    let codebuild = CodeBuild::start().await;
    let world = world(&codebuild).await;
    codebuild.throttle(2);
    let execution = release(&world).await;
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    let tests = outcome.action("RunIsolatedTests");
    assert_eq!(tests.variables["TestsTotal"], "3");
    let [asked] = &codebuild.asked()[..] else { panic!("one build") };
    assert_eq!(
        (asked["sourceTypeOverride"].as_str(), asked["idempotencyToken"].as_str()),
        (Some("S3"), Some(tests.variables["Run"].as_str()))
    );
    let source = asked["sourceLocationOverride"].as_str().unwrap();
    assert!(source.starts_with(&format!("{ARTIFACT_BUCKET}/")), "{source}");
    let variable = |name: &str| {
        let all = asked["environmentVariablesOverride"].as_array().unwrap();
        let found = all.iter().find(|variable| variable["name"] == name);
        found.map(|found| (found["value"].as_str().unwrap().to_owned(), found["type"].as_str().unwrap().to_owned()))
    };
    let plain = |value: &str| Some((value.to_owned(), "PLAINTEXT".to_owned()));
    assert_eq!(variable("BLUESTAGE_RUN"), plain(&tests.variables["Run"]));
    assert_eq!(variable("QUEUE"), variable("BLUE_ADDRESS"));
    assert_eq!(variable("KEY"), Some(("/orders/key".to_owned(), "PARAMETER_STORE".to_owned())));
    assert_eq!(variable("BLUESTAGE_VIEW"), None);
    let bundle = world.bundle(tests).await;
    assert_eq!(bundle.certificate()["run"], tests.variables["Run"].as_str());
    assert_eq!(bundle.certificate()["passed"], true);
    assert!(bundle.text("report.html").contains("isolated-tests:0001"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_fails_tells_its_failed_tests_its_phases_and_where_its_log_is() {
    let codebuild = CodeBuild::start().await;
    let world = world(&codebuild).await;
    codebuild.next(Script::Fails);
    let execution = release(&world).await;
    let outcome = world.await_execution("queue", &execution).await;
    let message = outcome.failed_in("RunIsolatedTests").message.clone();
    for part in [
        "1 of 3 tests failed",
        "- tests.test_checkout::test_total: assert 119 == 100",
        "BUILD failed after 4 s: COMMAND_EXECUTION_ERROR",
        "https://console.aws.amazon.com/cloudwatch/home#logEvent:stream=isolated-tests:0001",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(message.find("test_total").unwrap() < message.find("COMMAND_EXECUTION_ERROR").unwrap(), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_without_its_source_says_why() {
    let codebuild = CodeBuild::start().await;
    let world = world(&codebuild).await;
    codebuild.next(Script::HasNoSource);
    let execution = release(&world).await;
    let outcome = world.await_execution("queue", &execution).await;
    let message = outcome.failed_in("RunIsolatedTests").message.clone();
    assert!(message.contains("DOWNLOAD_SOURCE failed after 4 s: CLIENT_ERROR: AccessDenied"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_goes_on_when_its_worker_was_killed_and_is_not_started_again() {
    let codebuild = CodeBuild::start().await;
    let mut world = world(&codebuild).await;
    codebuild.next(Script::Waits);
    let execution = release(&world).await;
    until(&world, "the build runs", || codebuild.asked().len() == 1).await;
    world.workers[0].kill();
    world.start_worker();
    codebuild.let_go();
    let outcome = world.await_execution("queue", &execution).await;
    outcome.succeeded();
    assert_eq!(codebuild.asked().len(), 1, "another build was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_of_an_execution_that_is_stopped_is_stopped() {
    let codebuild = CodeBuild::start().await;
    let world = world(&codebuild).await;
    codebuild.next(Script::Waits);
    let execution = release(&world).await;
    until(&world, "the build runs", || codebuild.asked().len() == 1).await;
    let stop = world.codepipeline().stop_pipeline_execution();
    stop.pipeline_name("queue").pipeline_execution_id(&execution).abandon(true).send().await.unwrap();
    until(&world, "the build is stopped", || codebuild.stopped() == 1).await;
    world.await_stage("the sweep has taken everything away", |stage| stage.services.is_empty()).await;
}

/// Waits until this is so.
async fn until(world: &World, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
