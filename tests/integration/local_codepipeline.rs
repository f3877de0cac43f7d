//! The local CodePipeline over TCP, asked by the official SDK, with its objects in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_codepipeline::operation::put_job_success_result::PutJobSuccessResultError;
use aws_sdk_codepipeline::operation::put_job_success_result::builders::PutJobSuccessResultFluentBuilder;
use aws_sdk_codepipeline::types::{
    ActionCategory, ActionOwner, ActionTypeId, Artifact, ArtifactDetails, ExecutionDetails, Job,
    PipelineExecutionStatus,
};
use axum::Router;
use bluestage::clock::SystemClock;
use bluestage::dice::Dice;
use bluestage::local::{
    self, JobCredentials, Local, NoCloud, Object, ObjectKey, Objects, ObjectsError, Outside, Revision, Settings,
};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(crate) struct InMemory(pub(crate) Mutex<HashMap<(String, String), Vec<u8>>>);

#[async_trait]
impl Objects for InMemory {
    async fn read(&self, object: &ObjectKey, _: Option<&str>) -> Result<Object, ObjectsError> {
        let revision = self.head(object).await?;
        let bytes = self.0.lock().unwrap()[&(object.bucket.clone(), object.key.clone())].clone();
        Ok(Object { bytes, revision })
    }

    async fn head(&self, object: &ObjectKey) -> Result<Revision, ObjectsError> {
        let stored = self.0.lock().unwrap();
        let found = stored.get(&(object.bucket.clone(), object.key.clone()));
        let etag = format!("{:?}", found.ok_or(ObjectsError::NotFound)?);
        Ok(Revision { etag, version_id: None })
    }

    async fn write(&self, object: &ObjectKey, bytes: Vec<u8>, _: Option<&str>) -> Result<(), ObjectsError> {
        let key = (object.bucket.clone(), object.key.clone());
        self.0.lock().unwrap().insert(key, bytes);
        Ok(())
    }
}

pub(crate) fn settings() -> Settings {
    let credentials = JobCredentials {
        access_key_id: "local".to_owned(),
        secret_access_key: SecretString::from("secret"),
        session_token: None,
    };
    let mut settings = Settings::with_credentials(credentials);
    settings.continuation = Duration::from_millis(50);
    settings
}

pub(crate) fn client(endpoint: String) -> Client {
    let config = aws_sdk_codepipeline::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("a", "s", None, None, "test"))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

struct World {
    client: Client,
    objects: Arc<InMemory>,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl World {
    /// A server with the action type and the pipeline of `local_codepipeline_files/pipeline.yaml`.
    async fn start() -> Self {
        let settings = settings();
        let objects = Arc::new(InMemory::default());
        let source = ("sources".to_owned(), "app.zip".to_owned());
        objects.0.lock().unwrap().insert(source, b"zip".to_vec());
        let clock = Arc::new(SystemClock::start());
        let shared: Arc<dyn Objects> = Arc::<InMemory>::clone(&objects);
        let outside = Outside { objects: shared, cloud: Arc::new(NoCloud), clock, dice: Dice::seeded(7) };
        let local = Arc::new(Local::new(settings, outside));
        let directory =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/local_codepipeline_files");
        let parameters = [("Service".to_owned(), "orders".to_owned())];
        let loaded = local.load(&[directory], &parameters).unwrap();
        assert_eq!(loaded.pipelines, ["orders-pipeline"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let server = tokio::spawn(local::serve(listener, local, Router::new(), stop.clone().cancelled_owned()));
        Self { client: client(endpoint), objects, stop, server }
    }

    async fn job(&self) -> Job {
        let asked = async {
            loop {
                let polled = self.client.poll_for_jobs().action_type_id(type_id()).send().await.unwrap();
                if let Some(job) = polled.jobs().first() {
                    return job.clone();
                }
            }
        };
        let job = tokio::time::timeout(PATIENCE, asked).await.expect("a job in time");
        let (id, nonce) = (job.id().unwrap(), job.nonce().unwrap());
        self.client.acknowledge_job().job_id(id).nonce(nonce).send().await.unwrap();
        job
    }

    async fn start_execution(&self) -> String {
        let started = self.client.start_pipeline_execution().name("orders-pipeline").send().await.unwrap();
        started.pipeline_execution_id().unwrap().to_owned()
    }

    /// A report of success that is yet to be sent.
    fn success(&self, job: &Job) -> PutJobSuccessResultFluentBuilder {
        let put = self.client.put_job_success_result();
        put.job_id(job.id().unwrap())
    }

    async fn status(&self, execution: &str) -> Option<PipelineExecutionStatus> {
        let asked = self.client.get_pipeline_execution().pipeline_name("orders-pipeline");
        let answer = asked.pipeline_execution_id(execution).send().await.unwrap();
        answer.pipeline_execution().unwrap().status().cloned()
    }

    fn stored(&self, artifact: &Artifact) -> Vec<u8> {
        let place = artifact.location().unwrap().s3_location().unwrap();
        let key = (place.bucket_name().to_owned(), place.object_key().to_owned());
        self.objects.0.lock().unwrap()[&key].clone()
    }

    async fn stop(self) {
        self.stop.cancel();
        self.server.await.unwrap().unwrap();
    }
}

pub(crate) fn type_id() -> ActionTypeId {
    ActionTypeId::builder()
        .category(ActionCategory::Test)
        .owner(ActionOwner::Custom)
        .provider("Tester")
        .version("1")
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_pipeline_from_a_template_runs_to_its_end_by_the_official_sdk() {
    let world = World::start().await;
    let execution = world.start_execution().await;
    let first = world.job().await;
    let data = first.data().unwrap();
    let configuration = data.action_configuration().unwrap().configuration();
    let command = format!("make {execution}");
    assert_eq!(configuration.unwrap()["Command"], command);
    assert_eq!(world.stored(&data.input_artifacts()[0]), b"zip");

    let progress = ExecutionDetails::builder().percent_complete(50).build();
    let half_way = world.success(&first).continuation_token("t");
    half_way.execution_details(progress).send().await.unwrap();
    let second = world.job().await;
    assert_ne!(second.id(), first.id());
    assert_eq!(second.data().unwrap().continuation_token(), Some("t"));
    let done = world.success(&second).output_variables("Found", "42");
    done.send().await.unwrap();

    let status = world.status(&execution).await;
    assert_eq!(status, Some(PipelineExecutionStatus::Succeeded));
    world.stop().await;
}

#[tokio::test]
async fn refusals_arrive_as_the_modelled_errors_of_the_sdk() {
    let world = World::start().await;
    world.start_execution().await;
    let job = world.job().await;
    world.success(&job).send().await.unwrap();
    let again = world.success(&job).send().await.unwrap_err();
    let again = again.into_service_error();
    assert!(matches!(again, PutJobSuccessResultError::InvalidJobStateException(_)), "{again:?}");
    let count = ArtifactDetails::builder().minimum_count(0).maximum_count(5).build();
    let made = world.client.create_custom_action_type().category(ActionCategory::Test);
    let made = made.provider("Tester").version("1");
    let made = made.input_artifact_details(count.clone()).output_artifact_details(count);
    let twice = made.send().await.unwrap_err().into_service_error();
    assert!(twice.is_validation_exception(), "{twice:?}");
    world.stop().await;
}
