//! What other clients of CodePipeline see: boto3 asks the local CodePipeline, and reads a release.

use std::process::Output;

use crate::world::{Options, Source, World, root};
use crate::{bluestage, sample_world};

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_pipelines_executions_and_jobs_as_documented() {
    conforms("local_codepipeline.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_transitions_approvals_conditions_and_rollbacks_as_documented() {
    conforms("local_stages.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_tags_webhooks_third_parties_and_events_as_documented() {
    conforms("local_resources.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_that_stacks_builds_functions_and_directories_are_actions() {
    conforms("local_actions.py").await;
}

async fn conforms(name: &str) {
    let quick = ["--redelivery-seconds", "1", "--continuation-seconds", "0.5", "--source-poll-seconds", "0.5"];
    let options = Options { local_flags: quick.map(str::to_owned).to_vec(), ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    let output = script(&world, name, &["--endpoint-url", &world.codepipeline_url]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}\n{}", String::from_utf8_lossy(&output.stderr), world.logs());
    assert!(told.ends_with("all checks held\n"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_reads_a_release_as_the_console_shows_it() {
    let world = sample_world().await;
    world.push("billing", &Source::sample("billing")).await;
    let output = script(&world, "read_a_release.py", &["billing"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}\n{}", String::from_utf8_lossy(&output.stderr), world.logs());
    let live = world.stage().await;
    let live = live.live(&"billing".parse().unwrap()).unwrap();
    assert_eq!(told, format!("{} is live in {}\n", live.id, live.stack.id.as_deref().unwrap()));
}

fn script(world: &World, name: &str, arguments: &[&str]) -> Output {
    world.python(&root().join("tests/conformance").join(name), arguments)
}
