//! The files of pipelines are followed while the local CodePipeline runs.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::bluestage;
use crate::world::{Options, World, root};

const PATIENCE: Duration = Duration::from_secs(60);

const TEMPLATE: &str = r#"{
  "Resources": {"Pipeline": {"Type": "AWS::CodePipeline::Pipeline", "Properties": {
    "Name": "NAME", "RoleArn": "arn:aws:iam::000000000000:role/p",
    "ArtifactStore": {"Type": "S3", "Location": "artifacts"},
    "Stages": [
      {"Name": "Source", "Actions": [{"Name": "Fetch",
        "ActionTypeId": {"Category": "Source", "Owner": "AWS", "Provider": "S3", "Version": "1"},
        "Configuration": {"S3Bucket": "sources", "S3ObjectKey": "KEY", "PollForSourceChanges": "false"},
        "OutputArtifacts": [{"Name": "App"}]}]},
      {"Name": "Ask", "Actions": [{"Name": "Ask",
        "ActionTypeId": {"Category": "Approval", "Owner": "AWS", "Provider": "PROVIDER", "Version": "1"}}]}
    ]}}}
}"#;

fn write(file: &Path, name: &str, key: &str) {
    let text = TEMPLATE.replace("NAME", name).replace("KEY", key).replace("PROVIDER", "Manual");
    std::fs::write(file, text).unwrap();
}

/// The key that a pipeline's source has in its newest version, and which version that is.
async fn source(world: &World, pipeline: &str) -> Option<(String, i32)> {
    let got = world.codepipeline().get_pipeline().name(pipeline).send().await.ok()?;
    let pipeline = got.pipeline()?;
    let configuration = pipeline.stages().first()?.actions().first()?.configuration()?;
    Some((configuration["S3ObjectKey"].clone(), pipeline.version()?))
}

async fn await_source(world: &World, pipeline: &str, wanted: (&str, i32)) {
    let deadline = Instant::now() + PATIENCE;
    let wanted = (wanted.0.to_owned(), wanted.1);
    while source(world, pipeline).await.as_ref() != Some(&wanted) {
        assert!(Instant::now() < deadline, "{pipeline} is not as {wanted:?} says\n{}", world.local_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_whose_file_changes_is_updated_and_a_broken_file_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (first, second) = (home.path().join("first.json"), home.path().join("second.json"));
    write(&first, "first", "one.zip");
    let directory = home.path().display().to_string();
    let flags = ["--source-poll-seconds", "0.2", "--pipelines", &directory];
    let options = Options { local_flags: flags.map(str::to_owned).to_vec(), ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    await_source(&world, "first", ("one.zip", 1)).await;

    write(&first, "first", "two.zip");
    await_source(&world, "first", ("two.zip", 2)).await;
    write(&second, "second", "one.zip");
    await_source(&world, "second", ("one.zip", 1)).await;

    // Refused with the list of what is supported; half a file is no file.
    std::fs::write(&second, TEMPLATE.replace("PROVIDER", "Jenkins")).unwrap();
    await_log(&world, "is not supported by the local CodePipeline; it supports AWS/Source/S3").await;
    std::fs::write(&second, "{\"Resources\": ").unwrap();
    await_log(&world, "second.json: ").await;
    assert_eq!(source(&world, "second").await, Some(("one.zip".to_owned(), 1)));

    write(&second, "second", "three.zip");
    await_source(&world, "second", ("three.zip", 2)).await;
    assert_eq!(source(&world, "first").await, Some(("two.zip".to_owned(), 2)));
}

async fn await_log(world: &World, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !world.local_log().contains(words) {
        assert!(Instant::now() < deadline, "the log does not say: {words}\n{}", world.local_log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_template_of_ours_loads_unchanged() {
    let templates = root().join("pipeline-templates");
    let flags = ["custom-actions.yaml", "samples/pipelines"].map(|name| templates.join(name));
    let options = Options { pipelines: flags.to_vec(), ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    let listed = world.codepipeline().list_pipelines().send().await.unwrap();
    let names: Vec<_> = listed.pipelines().iter().filter_map(|pipeline| pipeline.name()).collect();
    assert_eq!(names, ["billing", "inventory", "orders"]);
}
