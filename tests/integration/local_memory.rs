//! What the local CodePipeline holds in memory: as much as its executions need, and no more than its history.

use std::time::{Duration, Instant};

use aws_sdk_codepipeline::operation::start_pipeline_execution::StartPipelineExecutionError;
use aws_sdk_codepipeline::types::PipelineVariable;
use serde_json::{Value, json};

use crate::bluestage;
use crate::world::{Options, World};

/// How many executions are made between two looks.
const BATCH: usize = 250;

/// Variables make an execution heavy, so that it can be told from what the program needs anyway.
const VARIABLES: usize = 40;
const LENGTH: usize = 1000;
const WEIGHT: u64 = (VARIABLES * LENGTH) as u64;

const PATIENCE: Duration = Duration::from_secs(120);

async fn world(history: &str) -> World {
    let flags = ["--no-start-on-create", "--history", history].map(str::to_owned).to_vec();
    let world = World::start(&bluestage(), Options { local_flags: flags, ..Options::default() }).await;
    let file = world.home.path().join("heavy.json");
    std::fs::write(&file, declaration().to_string()).unwrap();
    let created =
        world.aws(&["codepipeline", "create-pipeline", "--cli-input-json", &format!("file://{}", file.display())]);
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    world
}

/// A pipeline whose source is not there: its executions end at once.
fn declaration() -> Value {
    let variables: Vec<Value> = (0..VARIABLES).map(|n| json!({"name": format!("v{n}"), "defaultValue": "-"})).collect();
    let id = |category: &str, provider: &str| json!({"category": category, "owner": "AWS", "provider": provider, "version": "1"});
    json!({"pipeline": {
        "name": "heavy",
        "roleArn": "arn:aws:iam::000000000000:role/pipeline",
        "pipelineType": "V2",
        "executionMode": "PARALLEL",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "variables": variables,
        "stages": [
            {"name": "Source", "actions": [{
                "name": "Fetch",
                "actionTypeId": id("Source", "S3"),
                "configuration": {"S3Bucket": "sources", "S3ObjectKey": "none.zip", "PollForSourceChanges": "false"},
                "outputArtifacts": [{"name": "App"}],
            }]},
            {"name": "Ask", "actions": [{"name": "Ask", "actionTypeId": id("Approval", "Manual")}]},
        ],
    }})
}

/// Makes some executions, waits until they are over, and tells how many bytes the process then has.
async fn grown(world: &World) -> u64 {
    let client = world.codepipeline();
    let value = "x".repeat(LENGTH);
    let given: Vec<_> = (0..VARIABLES)
        .map(|n| PipelineVariable::builder().name(format!("v{n}")).value(&value).build().unwrap())
        .collect();
    let deadline = Instant::now() + PATIENCE;
    let mut made = 0;
    while made < BATCH {
        assert!(Instant::now() < deadline, "only {made} executions were made in time");
        let start = client.start_pipeline_execution().name("heavy").set_variables(Some(given.clone())).send().await;
        match start.map_err(|error| error.into_service_error()) {
            Ok(_) => made += 1,
            Err(StartPipelineExecutionError::ConcurrentPipelineExecutionsLimitExceededException(_)) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    while is_busy(world).await {
        assert!(Instant::now() < deadline, "the executions do not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.local_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

async fn is_busy(world: &World) -> bool {
    let listed = world.codepipeline().list_pipeline_executions().pipeline_name("heavy").send().await.unwrap();
    listed.pipeline_execution_summaries().iter().any(|one| one.status().is_some_and(|s| s.as_str() == "InProgress"))
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_grows_with_the_executions_that_are_kept_and_with_nothing_else() {
    let batch = BATCH as u64 * WEIGHT;
    let all = world("100000").await;
    let [first, second, third] = [grown(&all).await, grown(&all).await, grown(&all).await];
    let growth = [second.saturating_sub(first), third.saturating_sub(second)];
    eprintln!("{BATCH} executions of {WEIGHT} bytes: {first}, then {growth:?} more with each batch");
    for grown in growth {
        assert!((batch / 2..batch * 3).contains(&grown), "a batch weighs {batch}, and memory grew by {growth:?}");
    }
    drop(all);

    let few = world("20").await;
    let [first, _, third] = [grown(&few).await, grown(&few).await, grown(&few).await];
    eprintln!("20 of them kept: {first}, and after {} more {third}", 2 * BATCH);
    assert!(third.saturating_sub(first) < batch / 4, "memory grew from {first} to {third} with 20 executions kept");
}
