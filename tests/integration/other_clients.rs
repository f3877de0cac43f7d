//! Clients that we did not write: the AWS CLI, and a worker as AWS's guide describes it.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bluestage;
use crate::world::{Options, Source, World, root};

/// How long anything may take; each call of the AWS CLI takes a second or two.
const PATIENCE: Duration = Duration::from_secs(120);

/// A world without bluestage's worker that follows the pipelines in a directory.
async fn world(pipelines: &Path) -> World {
    let directory = pipelines.display().to_string();
    let flags = ["--no-start-on-create", "--source-poll-seconds", "0.3", "--pipelines", &directory];
    let options = Options { local_flags: flags.map(str::to_owned).to_vec(), ..Options::default() };
    World::start(&bluestage(), options).await
}

/// What `aws codepipeline …` answers.
fn aws(world: &World, arguments: &[&str]) -> String {
    let output = world.aws(&[&["codepipeline"], arguments].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "aws {arguments:?}: {told}\n{}", world.logs());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Asks again and again until the answer is as wanted.
fn watch(world: &World, arguments: &[&str], wanted: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = aws(world, arguments);
        if wanted(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "aws {arguments:?} still answers {answer}\n{}", world.logs());
    }
}

/// Lets the worker of the guide do so many actions.
fn work(world: &World, actions: usize) -> String {
    let script = root().join("tests/conformance/worker_of_the_guide.py");
    let output = world.python(&script, &["Tester", &actions.to_string()]);
    assert!(output.status.success(), "{}\n{}", String::from_utf8_lossy(&output.stderr), world.logs());
    String::from_utf8(output.stdout).unwrap()
}

fn create_tester(world: &World) {
    let counts = "minimumCount=0,maximumCount=1";
    let property = "name=Command,required=true,key=false,secret=false";
    let named = ["create-custom-action-type", "--category", "Test", "--provider", "Tester", "--action-version", "1"];
    let details = ["--input-artifact-details", counts, "--output-artifact-details", counts];
    aws(world, &[&named[..], &details, &["--configuration-properties", property]].concat());
}

/// Source, approval, and a test whose command is this.
fn declaration(command: &str) -> Value {
    let action = |name: &str, kind: [&str; 3], more: Value| {
        let [category, owner, provider] = kind;
        let id = json!({"category": category, "owner": owner, "provider": provider, "version": "1"});
        let mut action = json!({"name": name, "actionTypeId": id});
        action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": name, "actions": [action]})
    };
    let source = json!({
        "configuration": {"S3Bucket": "sources", "S3ObjectKey": "shop.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "App"}],
    });
    let test = json!({
        "configuration": {"Command": command},
        "inputArtifacts": [{"name": "App"}],
        "outputArtifacts": [{"name": "Said"}],
    });
    json!({"pipeline": {
        "name": "shop",
        "roleArn": "arn:aws:iam::000000000000:role/pipeline",
        "artifactStore": {"type": "S3", "location": "artifacts"},
        "stages": [
            action("Source", ["Source", "AWS", "S3"], source),
            action("Approve", ["Approval", "AWS", "Manual"], json!({})),
            action("Test", ["Test", "Custom", "Tester"], test),
        ],
    }})
}

fn start(world: &World) -> String {
    aws(world, &["start-pipeline-execution", "--name", "shop", "--query", "pipelineExecutionId", "--output", "text"])
}

fn status(execution: &str) -> [&str; 9] {
    let query = ["--query", "pipelineExecution.status", "--output", "text"];
    let [q, path, o, text] = query;
    ["get-pipeline-execution", "--pipeline-name", "shop", "--pipeline-execution-id", execution, q, path, o, text]
}

/// Waits until the pipeline asks, and answers yes.
fn approve(world: &World) {
    let path = "stageStates[?stageName=='Approve'].actionStates[0].latestExecution.token | [0]";
    let asked = ["get-pipeline-state", "--name", "shop", "--query", path, "--output", "text"];
    let token = watch(world, &asked, |token| token != "None");
    let place =
        ["put-approval-result", "--pipeline-name", "shop", "--stage-name", "Approve", "--action-name", "Approve"];
    aws(world, &[&place[..], &["--result", "summary=fine,status=Approved", "--token", &token]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_creates_starts_watches_approves_retries_and_stops() {
    let pipelines = tempfile::tempdir().unwrap();
    let world = world(pipelines.path()).await;
    let gate = world.home.path().join("gate");
    let input = world.home.path().join("shop.json");
    std::fs::write(&input, declaration(&format!("test -e {}", gate.display())).to_string()).unwrap();
    create_tester(&world);
    aws(&world, &["create-pipeline", "--cli-input-json", &format!("file://{}", input.display())]);
    world.push("shop", &Source::empty().with("app.txt", "app")).await;

    let execution = start(&world);
    approve(&world);
    assert_eq!(work(&world, 1), "shop Test: 1\n");
    assert_eq!(aws(&world, &status(&execution)), "Failed");
    let path = "stageStates[2].actionStates[0].latestExecution.errorDetails.message";
    let why = aws(&world, &["get-pipeline-state", "--name", "shop", "--query", path, "--output", "text"]);
    assert_eq!(why, "the command ended with code 1");

    std::fs::write(&gate, "").unwrap();
    let retry = ["retry-stage-execution", "--pipeline-name", "shop", "--stage-name", "Test"];
    let of = ["--pipeline-execution-id", &execution, "--retry-mode", "FAILED_ACTIONS"];
    aws(&world, &[&retry[..], &of].concat());
    assert_eq!(work(&world, 1), "shop Test: 0\n");
    assert_eq!(aws(&world, &status(&execution)), "Succeeded");

    let execution = start(&world);
    let stop = ["stop-pipeline-execution", "--pipeline-name", "shop", "--abandon", "--reason", "enough"];
    aws(&world, &[&stop[..], &["--pipeline-execution-id", &execution]].concat());
    watch(&world, &status(&execution), |status| status == "Stopped");

    // What it answers is a file that declares a pipeline.
    let answer = aws(&world, &["get-pipeline", "--name", "shop"]).replace("\"shop\"", "\"copy\"");
    std::fs::write(pipelines.path().join("copy.json"), answer).unwrap();
    let names = ["list-pipelines", "--query", "pipelines[].name", "--output", "text"];
    watch(&world, &names, |names| names == "copy\tshop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_as_the_guide_of_aws_describes_it_does_its_jobs_unchanged() {
    let pipelines = tempfile::tempdir().unwrap();
    std::fs::write(pipelines.path().join("shop.json"), declaration("cat app.txt && test ! -e broken").to_string())
        .unwrap();
    // The pipeline cannot be loaded before its action type is there, and is when it is.
    let empty = tempfile::tempdir().unwrap();
    let world = world(empty.path()).await;
    create_tester(&world);
    std::fs::copy(pipelines.path().join("shop.json"), empty.path().join("shop.json")).unwrap();
    let names = ["list-pipelines", "--query", "pipelines[].name", "--output", "text"];
    watch(&world, &names, |names| names == "shop");

    let execution = world.release("shop", &Source::empty().with("app.txt", "the app")).await;
    approve(&world);
    assert_eq!(work(&world, 1), "shop Test: 0\n");
    let outcome = world.await_execution("shop", &execution).await;
    let test = outcome.succeeded().action("Test");
    assert_eq!(test.summary, "the command succeeded");
    assert_eq!(world.bundle(test).await.text("output.txt"), "the app");

    let execution = world.release("shop", &Source::empty().with("app.txt", "").with("broken", "")).await;
    approve(&world);
    assert_eq!(work(&world, 1), "shop Test: 1\n");
    let outcome = world.await_execution("shop", &execution).await;
    assert_eq!(outcome.failed_in("Test").message, "the command ended with code 1");
}
