//! What the local CodePipeline asks of the emulated AWS, and when it asks nothing of it.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::Client;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bluestage;
use crate::local_codepipeline::client;
use crate::world::{ARTIFACT_BUCKET, Options, Process, SOURCE_BUCKET, Source, World};

/// How long an execution may take here.
const PATIENCE: Duration = Duration::from_secs(20);

/// A CodeBuild whose builds go as the test says: MiniStack's are over at once, and always well.
#[derive(Clone, Default)]
struct Builds {
    /// The statuses that are still to be told, the next one last.
    statuses: Arc<Mutex<Vec<&'static str>>>,
    /// What StartBuild was asked.
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Builds {
    /// Serves them; where.
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(builds): State<Builds>, headers: HeaderMap, body: String) -> String {
    let build = |status: &str| {
        json!({"id": "project:7", "buildStatus": status,
            "exportedEnvironmentVariables": [{"name": "Image", "value": "i7"}],
            "phases": [{"phaseType": "BUILD", "contexts": [{"message": "make: *** [all] Error 2"}]}]})
    };
    let target = headers["x-amz-target"].to_str().unwrap();
    if target.ends_with(".StartBuild") {
        builds.asked.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        return json!({"build": build("IN_PROGRESS")}).to_string();
    }
    let mut statuses = builds.statuses.lock().unwrap();
    let status = if statuses.len() > 1 { statuses.pop() } else { statuses.last().copied() };
    json!({"builds": [build(status.unwrap_or("IN_PROGRESS"))]}).to_string()
}

/// A local CodePipeline in the world of another, with a different environment.
struct Started {
    process: Process,
    client: Client,
}

impl Started {
    fn new(world: &World, data: &Path, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(bluestage());
        command.args(["local", "--listen", "127.0.0.1:0", "--no-start-on-create", "--data"]).arg(data);
        command.arg("--pipelines").arg(data.with_file_name("pipelines"));
        let mut environment = world.environment();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut process = Process::start("another", command, world.home.path(), &environment);
        let line: Value = serde_json::from_str(&process.first_line()).unwrap();
        let client = client(line["listening"].as_str().unwrap().to_owned());
        Self { process, client }
    }

    async fn start(&self) -> String {
        let started = self.client.start_pipeline_execution().name("build").send().await.unwrap();
        started.pipeline_execution_id.unwrap()
    }

    /// Waits for the end of an execution; its status, and the error of its build.
    async fn ended(&self, execution: &str) -> (String, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = self.client.get_pipeline_execution().pipeline_name("build").pipeline_execution_id(execution);
            let found = asked.send().await.unwrap().pipeline_execution.unwrap();
            let status = found.status.unwrap().as_str().to_owned();
            if status != "InProgress" {
                return (status, self.error().await);
            }
            assert!(Instant::now() < deadline, "it did not end\n{}", self.process.logged());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn external_id(&self) -> Option<String> {
        let listed = self.client.list_action_executions().pipeline_name("build").send().await.unwrap();
        let builds = listed.action_execution_details().iter().filter(|detail| detail.action_name() == Some("Build"));
        let mut results = builds.filter_map(|detail| detail.output()?.execution_result()?.external_execution_id());
        results.next().map(str::to_owned)
    }

    async fn error(&self) -> String {
        let listed = self.client.list_action_executions().pipeline_name("build").send().await.unwrap();
        let newest = &listed.action_execution_details()[0];
        let result = newest.output().and_then(|output| output.execution_result());
        let error = result.and_then(|result| result.error_details());
        error.and_then(|error| error.message()).unwrap_or_default().to_owned()
    }
}

fn pipeline() -> Value {
    let variables = r##"[{"name": "PARAMETER", "value": "/a/b", "type": "PARAMETER_STORE"}, {"name": "PLAIN", "value": "#{codepipeline.PipelineExecutionId}"}]"##;
    let source = |name: &str| {
        json!({"name": name, "outputArtifacts": [{"name": name}],
            "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
            "configuration": {"S3Bucket": SOURCE_BUCKET, "S3ObjectKey": "build.zip", "PollForSourceChanges": "false"}})
    };
    let build = json!({"name": "Build", "inputArtifacts": [{"name": "More"}, {"name": "Code"}],
        "outputArtifacts": [{"name": "Program"}],
        "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
        "configuration": {"ProjectName": "project", "PrimarySource": "Code", "EnvironmentVariables": variables}});
    json!({"pipeline": {"name": "build", "roleArn": "arn:aws:iam::000000000000:role/p",
        "artifactStore": {"type": "S3", "location": ARTIFACT_BUCKET},
        "stages": [{"name": "Source", "actions": [source("Code"), source("More")]},
            {"name": "Build", "actions": [build]}]}})
}

async fn world() -> (World, TempDir) {
    let world = World::start(&bluestage(), Options::default()).await;
    world.push("build", &Source::empty().with("a", "b")).await;
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("pipelines")).unwrap();
    std::fs::write(place.path().join("pipelines/build.json"), pipeline().to_string()).unwrap();
    (world, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_given_its_sources_and_its_failure_is_told() {
    let (world, place) = world().await;
    let builds = Builds::default();
    *builds.statuses.lock().unwrap() = vec!["FAILED", "IN_PROGRESS", "IN_PROGRESS"];
    let url = builds.serve().await;
    let local = Started::new(&world, &place.path().join("data"), &[("AWS_ENDPOINT_URL_CODEBUILD", &url)]);
    let execution = local.start().await;
    let (status, error) = local.ended(&execution).await;
    assert_eq!(status, "Failed");
    assert!(error.contains("project:7") && error.contains("FAILED") && error.contains("Error 2"), "{error}");

    let asked = &builds.asked()[0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert_eq!(asked["projectName"], "project");
    assert_eq!(asked["sourceTypeOverride"], "S3");
    assert!(text(&asked["sourceLocationOverride"]).starts_with("artifacts/build/Code/"), "{asked:#}");
    let second = &asked["secondarySourcesOverride"][0];
    assert_eq!(second["sourceIdentifier"], "More");
    assert!(text(&second["location"]).starts_with("artifacts/build/More/"), "{asked:#}");
    let result = &asked["artifactsOverride"];
    assert_eq!((&result["location"], &result["packaging"]), (&json!("artifacts"), &json!("ZIP")));
    assert!(text(&result["name"]).starts_with("build/Program/"), "{asked:#}");
    let variables = &asked["environmentVariablesOverride"];
    assert_eq!(variables[0], json!({"name": "PARAMETER", "value": "/a/b", "type": "PARAMETER_STORE"}));
    assert_eq!(variables[1], json!({"name": "PLAIN", "value": execution, "type": "PLAINTEXT"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_ran_when_the_local_codepipeline_was_killed_is_waited_for_and_not_started_again() {
    let (world, place) = world().await;
    let builds = Builds::default();
    let url = builds.serve().await;
    let data = place.path().join("data");
    let mut local = Started::new(&world, &data, &[("AWS_ENDPOINT_URL_CODEBUILD", &url)]);
    let execution = local.start().await;
    let deadline = Instant::now() + PATIENCE;
    while builds.asked().is_empty() || local.external_id().await.is_none() {
        assert!(Instant::now() < deadline, "no build was started\n{}", local.process.logged());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    local.process.kill();
    builds.statuses.lock().unwrap().push("SUCCEEDED");
    let local = Started::new(&world, &data, &[("AWS_ENDPOINT_URL_CODEBUILD", &url)]);
    assert_eq!(local.ended(&execution).await.0, "Succeeded");
    assert_eq!(builds.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_s3_is_used_when_a_part_of_aws_is_not_on_this_machine() {
    let (world, place) = world().await;
    let builds = Builds::default();
    let url = builds.serve().await;
    let remote = [("AWS_ENDPOINT_URL_CODEBUILD", url.as_str()), ("AWS_ENDPOINT_URL_STS", "https://sts.example.com")];
    let local = Started::new(&world, &place.path().join("data"), &remote);
    let execution = local.start().await;
    let (status, error) = local.ended(&execution).await;
    assert_eq!((status.as_str(), builds.asked().len()), ("Failed", 0));
    assert!(error.contains("no emulated AWS"), "{error}");
    assert!(local.process.logged().contains("the endpoint of STS is not on this machine"));
}
