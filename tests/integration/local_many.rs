//! A thousand executions, kept on disk: what the local CodePipeline costs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::operation::start_pipeline_execution::StartPipelineExecutionError;
use axum::Router;
use bluestage::clock::SystemClock;
use bluestage::dice::Dice;
use bluestage::local::{self, Local, NoCloud, Outside, Settings};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::local_codepipeline::{InMemory, client, settings, type_id};

const EXECUTIONS: usize = 1000;

/// How many executions of the pipeline are kept.
const HISTORY: usize = 100;

/// Seconds, says the promise, and means a build for use; one for tests on a busy machine is some ten times slower.
const PATIENCE: Duration = Duration::from_secs(120);

/// Three actions, one after the other, behind a source.
const TEMPLATE: &str = r#"
Resources:
  Tester:
    Type: AWS::CodePipeline::CustomActionType
    Properties:
      Category: Test
      Provider: Tester
      Version: "1"
      InputArtifactDetails: {MinimumCount: 0, MaximumCount: 5}
      OutputArtifactDetails: {MinimumCount: 0, MaximumCount: 5}
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: many
      RoleArn: arn:aws:iam::000000000000:role/p
      PipelineType: V2
      ExecutionMode: PARALLEL
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - Name: Source
          Actions:
            - Name: Fetch
              ActionTypeId: &source {Category: Source, Owner: AWS, Provider: S3, Version: "1"}
              Configuration: {S3Bucket: sources, S3ObjectKey: app.zip, PollForSourceChanges: "false"}
              OutputArtifacts: [{Name: Source}]
        - Name: Test
          Actions:
            - {Name: One, RunOrder: 1, ActionTypeId: &tester {Category: Test, Owner: Custom, Provider: Tester, Version: "1"}}
            - {Name: Two, RunOrder: 2, ActionTypeId: *tester}
            - {Name: Three, RunOrder: 3, ActionTypeId: *tester}
"#;

struct Server {
    client: Client,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Opens what the directory holds. The last connection of an earlier server lets go of it a moment after that has ended.
async fn open(data: &Path) -> Local {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let objects = InMemory::default();
        objects.0.lock().unwrap().insert(("sources".to_owned(), "app.zip".to_owned()), b"zip".to_vec());
        let outside = Outside {
            objects: Arc::new(objects),
            cloud: Arc::new(NoCloud),
            clock: Arc::new(SystemClock::start()),
            dice: Dice::fresh(),
        };
        match Local::open(data, Settings { history: HISTORY, ..settings() }, outside) {
            Ok(local) => return local,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn server(directory: &Path) -> Server {
    let local = open(&directory.join("data")).await;
    let template = directory.join("template.yaml");
    std::fs::write(&template, TEMPLATE).unwrap();
    local.load(&[template], &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(format!("http://{}", listener.local_addr().unwrap()));
    let stop = CancellationToken::new();
    let served = tokio::spawn(local::serve(listener, Arc::new(local), Router::new(), stop.clone().cancelled_owned()));
    Server { client, stop, served }
}

impl Server {
    async fn end(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
    }
}

/// Starts them all, as many at once as the service allows.
async fn start_all(client: Client) {
    for _ in 0..EXECUTIONS {
        loop {
            match client.start_pipeline_execution().name("many").send().await.map_err(|e| e.into_service_error()) {
                Ok(_) => break,
                Err(StartPipelineExecutionError::ConcurrentPipelineExecutionsLimitExceededException(_)) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Does jobs, each in no time, until `stop`; tells how many it did.
async fn work(client: Client, stop: CancellationToken) -> usize {
    let mut done = 0;
    while !stop.is_cancelled() {
        let polled = client.poll_for_jobs().action_type_id(type_id()).send().await.unwrap();
        for job in polled.jobs() {
            let id = job.id().unwrap();
            client.acknowledge_job().job_id(id).nonce(job.nonce().unwrap()).send().await.unwrap();
            client.put_job_success_result().job_id(id).send().await.unwrap();
            done += 1;
        }
        if polled.jobs().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_executions_are_over_in_seconds_and_only_the_last_are_kept() {
    let place = tempfile::tempdir().unwrap();
    let server = server(place.path()).await;
    let began = Instant::now();
    let stop = CancellationToken::new();
    let workers: Vec<_> = (0..3).map(|_| tokio::spawn(work(server.client.clone(), stop.clone()))).collect();
    start_all(server.client.clone()).await;
    while in_progress(&server.client).await > 0 {
        assert!(began.elapsed() < PATIENCE, "after {:?} not all are over", began.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    stop.cancel();
    let mut jobs = 0;
    for worker in workers {
        jobs += worker.await.unwrap();
    }
    assert_eq!(jobs, EXECUTIONS * 3);
    assert!(took < PATIENCE, "it took {took:?}");
    let log = std::fs::metadata(place.path().join("data/state.jsonl")).unwrap().len();
    eprintln!("{EXECUTIONS} executions took {took:?}; the log has {log} bytes");
    assert!(log < 32 << 20, "the log has {log} bytes");
    assert_eq!(kept(&server.client).await, HISTORY);
    server.end().await;

    // What a new start finds is what the old one knew.
    let again = self::server(place.path()).await;
    assert_eq!(kept(&again.client).await, HISTORY);
    again.end().await;
}

async fn in_progress(client: &Client) -> usize {
    let listed = client.list_pipeline_executions().pipeline_name("many").send().await.unwrap();
    let statuses = listed.pipeline_execution_summaries().iter().filter_map(|summary| summary.status());
    statuses.filter(|status| status.as_str() == "InProgress").count()
}

async fn kept(client: &Client) -> usize {
    let pages = client.list_pipeline_executions().pipeline_name("many").into_paginator().items().send();
    pages.collect::<Result<Vec<_>, _>>().await.unwrap().len()
}
