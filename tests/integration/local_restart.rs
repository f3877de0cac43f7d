//! The local CodePipeline is killed and started again; what it was told stays true.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{
    ActionCategory, ActionExecutionStatus, ActionOwner, ActionTypeId, ArtifactDetails, Job, PipelineExecutionStatus,
};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::local_codepipeline::client;
use crate::queue::Gate;
use crate::world::{ARTIFACT_BUCKET, Options, Process, SOURCE_BUCKET, World};
use crate::{bluestage, slow};

/// How long a stack may take to be begun.
const SOON: Duration = Duration::from_secs(20);

/// How many executions there are at once.
const EXECUTIONS: usize = 10;

/// A pipeline with a source and two actions, the second of which is given what the first one found.
fn pipeline() -> Value {
    let action = |name: &str, order: u32, command: &str| {
        json!({"name": name, "runOrder": order, "namespace": name, "configuration": {"Command": command},
            "inputArtifacts": [{"name": "Source"}],
            "actionTypeId": {"category": "Test", "owner": "Custom", "provider": "Tester", "version": "1"}})
    };
    json!({"pipeline": {"name": "many", "roleArn": "arn:aws:iam::000000000000:role/p", "pipelineType": "V2",
        "executionMode": "PARALLEL", "artifactStore": {"type": "S3", "location": ARTIFACT_BUCKET},
        "stages": [
            {"name": "Source", "actions": [{"name": "Fetch", "outputArtifacts": [{"name": "Source"}],
                "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
                "configuration": {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}}]},
            {"name": "Test", "actions": [
                action("First", 1, "#{codepipeline.PipelineExecutionId}"),
                action("Second", 2, "#{First.Found}")]}]}})
}

const ACTION_TYPE: &str = r#"
Resources:
  Tester:
    Type: AWS::CodePipeline::CustomActionType
    Properties:
      Category: Test
      Provider: Tester
      Version: "1"
      InputArtifactDetails: {MinimumCount: 0, MaximumCount: 5}
      OutputArtifactDetails: {MinimumCount: 0, MaximumCount: 5}
      ConfigurationProperties: [{Name: Command, Required: true, Key: true, Secret: false}]
"#;

fn type_id() -> ActionTypeId {
    let id = ActionTypeId::builder().category(ActionCategory::Test).owner(ActionOwner::Custom);
    id.provider("Tester").version("1").build().unwrap()
}

/// A pipeline that deploys its source as a stack.
fn stack_pipeline() -> Value {
    let deploy = json!({"name": "Deploy", "inputArtifacts": [{"name": "Source"}], "namespace": "deploy",
        "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"},
        "configuration": {"ActionMode": "CREATE_UPDATE", "StackName": "slow", "TemplatePath": "Source::template.yaml",
            "RoleArn": "arn:aws:iam::000000000000:role/p", "Capabilities": "CAPABILITY_IAM"}});
    let mut declared = pipeline();
    declared["pipeline"]["name"] = json!("slow");
    declared["pipeline"]["stages"][0]["actions"][0]["configuration"]["S3ObjectKey"] = json!("slow.zip");
    declared["pipeline"]["stages"][1]["actions"] = json!([deploy]);
    declared
}

/// A world whose local CodePipeline keeps its state in the directory that comes with it.
async fn world() -> (World, TempDir) {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("type.yaml"), ACTION_TYPE).unwrap();
    std::fs::write(files.path().join("pipeline.json"), pipeline().to_string()).unwrap();
    std::fs::write(files.path().join("slow.json"), stack_pipeline().to_string()).unwrap();
    let (pipelines, data) = (files.path().display().to_string(), files.path().join("data").display().to_string());
    let flags = ["--redelivery-seconds", "1", "--data", &data, "--pipelines", &pipelines];
    let options = Options { local_flags: flags.map(str::to_owned).to_vec(), ..Options::default() };
    let world = World::start(&bluestage(), options).await;
    let body = ByteStream::from_static(b"zip");
    world.s3().put_object().bucket(SOURCE_BUCKET).key("app.zip").body(body).send().await.unwrap();
    (world, files)
}

async fn start(world: &World) -> String {
    let started = world.codepipeline().start_pipeline_execution().name("many").send().await.unwrap();
    started.pipeline_execution_id.unwrap()
}

/// A worker that keeps, as a careless one would, everything in memory: which jobs it holds.
#[derive(Default)]
struct Worker {
    held: Vec<Job>,
    reports: usize,
}

impl Worker {
    async fn take(&mut self, world: &World) {
        let polled = world.codepipeline().poll_for_jobs().action_type_id(type_id()).send().await.unwrap();
        for job in polled.jobs() {
            let acknowledged = world.codepipeline().acknowledge_job().job_id(job.id().unwrap());
            acknowledged.nonce(job.nonce().unwrap()).send().await.unwrap();
            self.held.push(job.clone());
        }
    }

    /// Reports a job: at first that it goes on, then that it is done.
    async fn report(&mut self, world: &World) {
        let Some(job) = self.held.pop() else {
            return;
        };
        let data = job.data().unwrap();
        let command = &data.action_configuration().unwrap().configuration().unwrap()["Command"];
        let put = world.codepipeline().put_job_success_result().job_id(job.id().unwrap());
        let put = match data.continuation_token() {
            None => put.continuation_token("half-way"),
            Some(_) => put.output_variables("Found", format!("{command}!")),
        };
        put.send().await.unwrap();
        self.reports += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_executions_end_right_although_the_local_codepipeline_was_killed_among_them() {
    let (mut world, _files) = world().await;
    let mut executions = Vec::new();
    for _ in 0..EXECUTIONS {
        executions.push(start(&world).await);
    }
    // Killed at once, while sources are copied; then again and again, while jobs wait, are handed out, and are held.
    world.restart_local();
    let mut worker = Worker::default();
    let mut killed = 1;
    // Two actions, two reports each.
    while worker.reports < EXECUTIONS * 4 {
        worker.take(&world).await;
        worker.report(&world).await;
        if worker.reports >= killed * 7 {
            world.restart_local();
            killed += 1;
        }
    }
    assert!(killed > 4, "it was killed {killed} times only");
    world.restart_local();
    for execution in &executions {
        ended_right(&world, execution).await;
    }
}

/// Each action succeeded once, and what the first found reached the second.
async fn ended_right(world: &World, execution: &str) {
    let outcome = world.await_execution("many", execution).await;
    assert_eq!(outcome.status, PipelineExecutionStatus::Succeeded, "{:#?}", outcome.actions);
    let listed = world.codepipeline().list_action_executions().pipeline_name("many");
    let listed = listed.send().await.unwrap().action_execution_details.unwrap_or_default();
    let mine = listed.iter().filter(|detail| detail.pipeline_execution_id.as_deref() == Some(execution));
    let statuses: BTreeMap<_, _> = mine.map(|d| (d.action_name.clone().unwrap(), d.status.clone().unwrap())).collect();
    assert_eq!(statuses.len(), 3, "{statuses:?}");
    assert!(statuses.values().all(|status| *status == ActionExecutionStatus::Succeeded), "{statuses:?}");
    assert_eq!(outcome.action("Second").variables["Found"], format!("{execution}!!"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_was_being_made_when_the_local_codepipeline_was_killed_is_waited_for_and_made_once() {
    let (mut world, _files) = world().await;
    let gate = Gate::closed(&world);
    let execution = world.release("slow", &slow::source(&gate)).await;
    let begun = tokio::time::timeout(SOON, async {
        while world.stacks().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    begun.await.expect("the stack is begun");
    let before = stack_id(&world).await;
    world.restart_local();
    assert_eq!(world.execution_status("slow", &execution).await, PipelineExecutionStatus::InProgress);
    gate.open("stack");
    let outcome = world.await_execution("slow", &execution).await;
    assert_eq!(outcome.succeeded().action("Deploy").external_id, before);
    assert_eq!(stack_id(&world).await, before);
}

async fn stack_id(world: &World) -> String {
    let listed = world.cloudformation().describe_stacks().stack_name("slow").send().await.unwrap();
    listed.stacks()[0].stack_id().unwrap().to_owned()
}

/// Starts the local CodePipeline with a limit for the files that it writes, in blocks of 512 bytes.
fn limited(world: &World, data: &Path, blocks: &str) -> (Process, Client) {
    let mut command = Command::new("sh");
    // The limit's signal is ignored, so that the write fails as on a full disk.
    let script = r#"trap '' XFSZ; ulimit -f "$1"; exec "$0" local --listen 127.0.0.1:0 --data "$2""#;
    command.args(["-c", script]).arg(bluestage()).arg(blocks).arg(data);
    let mut process = Process::start("limited", command, world.home.path(), &world.environment());
    let line: Value = serde_json::from_str(&process.first_line()).unwrap();
    (process, client(line["listening"].as_str().unwrap().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_kept_is_not_confirmed_and_ends_the_program() {
    let (world, files) = world().await;
    let data = files.path().join("small");
    let (mut process, client) = limited(&world, &data, "16");
    let count = ArtifactDetails::builder().minimum_count(0).maximum_count(5).build();
    let mut confirmed = 0;
    let refused = loop {
        let made = client.create_custom_action_type().category(ActionCategory::Test).provider(format!("P{confirmed}"));
        let made = made.version("1").input_artifact_details(count.clone()).output_artifact_details(count.clone());
        match made.send().await {
            Ok(_) => confirmed += 1,
            Err(refused) => break refused,
        }
        assert!(confirmed < 50, "the limit was never met");
    };
    assert!(confirmed > 2, "{refused:?}");
    let ended = process.ended(SOON);
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "{}", process.logged());

    let (_process, client) = limited(&world, &data, "unlimited");
    let types = client.list_action_types().action_owner_filter(ActionOwner::Custom).send().await.unwrap();
    assert_eq!(types.action_types().len(), confirmed);
}
