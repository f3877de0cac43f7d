//! CodePipeline's side of the wire, as far as the adapter's own decisions need it: canned answers, and a note of what
//! was asked. It also serves and takes artifacts, from whoever shows the newest credentials.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

/// What was asked, in order: the operation and its body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that answers as CodePipeline and as S3. It ends with the test's runtime.
pub(crate) struct Canned {
    asked: Asked,
    address: String,
}

/// The SDK as a worker has it, for a server of a test's own.
pub(crate) async fn sdk_at(address: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(address)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("WORKER", "test", None, None, "test"))
        .load()
        .await
}

impl Canned {
    /// Serves on a free port.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Asked::default();
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&asked));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { asked, address }
    }

    /// How to reach it.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        sdk_at(&self.address).await
    }

    /// The bodies with which this operation was asked for.
    pub(crate) fn asked(&self, operation: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        let same = asked.iter().filter(|(name, _)| name == operation);
        same.map(|(_, body)| body.clone()).collect()
    }
}

async fn answer(State(asked): State<Asked>, method: Method, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap());
    if method == Method::GET || method == Method::PUT {
        return artifact(text("authorization"));
    }
    let target = text("x-amz-target");
    let operation = target.strip_prefix("CodePipeline_20150709.").unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let answer = job_api(operation, &body);
    asked.lock().unwrap().push((operation.to_owned(), body));
    answer
}

fn artifact(authorization: &str) -> (StatusCode, String) {
    if authorization.contains("Credential=FRESH/") {
        (StatusCode::OK, "no archive".to_owned())
    } else {
        let said = "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>";
        (StatusCode::BAD_REQUEST, said.to_owned())
    }
}

fn job_api(operation: &str, body: &Value) -> (StatusCode, String) {
    let refused = |code: &str| {
        let said = json!({"__type": code, "message": "as told"});
        (StatusCode::BAD_REQUEST, said.to_string())
    };
    let told = |value: Value| (StatusCode::OK, value.to_string());
    match operation {
        "PollForJobs" => told(json!({"jobs": [job("whole", "e-1"), job("incomplete", "")]})),
        "AcknowledgeJob" if body["nonce"] == "stale" => refused("InvalidNonceException"),
        "AcknowledgeJob" => told(json!({"status": "InProgress"})),
        "GetJobDetails" => told(json!({"jobDetails": details(body["jobId"].as_str().unwrap())})),
        "ListActionExecutions" if body["pipelineName"] == "barred" => refused("AccessDeniedException"),
        "ListActionExecutions" => told(actions(body["nextToken"] == "2")),
        "GetPipelineExecution" => refused("PipelineExecutionNotFoundException"),
        _ if body["jobId"] == "settled" => refused("InvalidJobStateException"),
        _ => (StatusCode::OK, String::new()),
    }
}

fn credentials(key: &str) -> Value {
    json!({"accessKeyId": key, "secretAccessKey": "hush", "sessionToken": "t"})
}

/// The job as it is told anew: its action bears its name.
fn details(id: &str) -> Value {
    let mut data = job(id, "e-1")["data"].take();
    data["actionTypeId"] = json!({"category": "Deploy", "owner": "Custom", "provider": "DeployBlue", "version": "1"});
    data["artifactCredentials"] = credentials("FRESH");
    data["pipelineContext"]["action"]["actionExecutionId"] = json!(id);
    if id == "barred" {
        data["pipelineContext"]["pipelineArn"] = json!("arn:aws:codepipeline:us-east-1:123456789012:barred");
    }
    json!({"id": id, "data": data})
}

fn actions(is_second_page: bool) -> Value {
    let action = |id: &str, status: &str| json!({"actionExecutionId": id, "status": status});
    if is_second_page {
        json!({"actionExecutionDetails": [action("whole", "InProgress"), action("timed-out", "Failed")]})
    } else {
        json!({"actionExecutionDetails": [action("another", "Failed")], "nextToken": "2"})
    }
}

/// Real answers carry members that no documentation names, such as `__type`.
fn job(id: &str, execution: &str) -> Value {
    json!({"id": id, "nonce": "3", "accountId": "123456789012", "__type": "Job", "data": {
        "__type": "JobData",
        "actionConfiguration": {"configuration": {"Stage": "test"}},
        "pipelineContext": {
            "pipelineName": "orders",
            "pipelineArn": "arn:aws:codepipeline:us-east-1:123456789012:orders",
            "pipelineExecutionId": execution,
            "stage": {"name": "Test"},
            "action": {"name": "Deploy", "actionExecutionId": "a-1"}
        },
        "inputArtifacts": [{"name": "Source", "location": {"type": "S3", "s3Location": {
            "bucketName": "artifacts", "objectKey": "orders/Source/abc1234"
        }}}],
        "artifactCredentials": credentials("OLD")
    }})
}
