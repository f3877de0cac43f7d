//! A CodeBuild of our own: in the emulators every build succeeds at once, and nothing runs.
//!
//! It speaks CodeBuild's protocol (JSON 1.1). A build goes through the documented phases, one further each time that it is
//! looked at, and ends as its script says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The one project that there is.
pub const PROJECT: &str = "isolated-tests";

/// The phases before the commands of the build, and those after them.
const BEFORE: [&str; 6] = ["SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD"];
const AFTER: [&str; 3] = ["POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING"];

/// How a build goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Three tests pass.
    Passes,
    /// One of three tests fails.
    Fails,
    /// Its source cannot be had: no test runs.
    HasNoSource,
    /// It is in its `BUILD` phase until it is stopped, or let go.
    Waits,
}

#[derive(Debug)]
struct Build {
    id: String,
    asked: Value,
    script: Script,
    looks: usize,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Account {
    builds: Vec<Build>,
    scripts: VecDeque<Script>,
    throttled: usize,
}

/// A running CodeBuild; it ends with its value.
pub struct CodeBuild {
    pub url: String,
    account: Arc<Mutex<Account>>,
    server: JoinHandle<()>,
}

impl CodeBuild {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let account: Arc<Mutex<Account>> = Arc::default();
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&account));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("it serves") });
        Self { url, account, server }
    }

    /// The next build goes like this; without a word builds pass.
    pub fn next(&self, script: Script) {
        self.lock().scripts.push_back(script);
    }

    /// So many of the next calls are throttled.
    pub fn throttle(&self, calls: usize) {
        self.lock().throttled = calls;
    }

    /// Builds that wait pass from now on.
    pub fn let_go(&self) {
        self.lock().builds.iter_mut().for_each(|build| build.script = Script::Passes);
    }

    /// What each build was asked to be, in order.
    pub fn asked(&self) -> Vec<Value> {
        self.lock().builds.iter().map(|build| build.asked.clone()).collect()
    }

    /// How many builds were stopped.
    pub fn stopped(&self) -> usize {
        self.lock().builds.iter().filter(|build| build.stopped).count()
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("nobody panics with it")
    }
}

impl Drop for CodeBuild {
    fn drop(&mut self) {
        self.server.abort();
    }
}

type Answer = Result<Value, (&'static str, String)>;

async fn answer(State(account): State<Arc<Mutex<Account>>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).expect("the SDK sends JSON");
    let answer = account.lock().expect("nobody panics with it").answer(target, &asked);
    match answer {
        Ok(answer) => (StatusCode::OK, answer.to_string()),
        Err((code, message)) => (StatusCode::BAD_REQUEST, json!({"__type": code, "message": message}).to_string()),
    }
}

impl Account {
    fn answer(&mut self, target: &str, asked: &Value) -> Answer {
        if self.throttled > 0 {
            self.throttled -= 1;
            return Err(("ThrottlingException", "Rate exceeded".to_owned()));
        }
        match target.strip_prefix("CodeBuild_20161006.") {
            Some("StartBuild") => self.start(asked),
            Some("BatchGetBuilds") => {
                let id = asked["ids"][0].as_str().unwrap_or_default();
                let found = self.builds.iter_mut().find(|build| build.id == id);
                Ok(json!({"builds": found.map(Build::looked_at).into_iter().collect::<Vec<_>>()}))
            }
            Some("StopBuild") => {
                let build = self.builds.iter_mut().find(|build| asked["id"] == *build.id);
                let build = build.ok_or(("ResourceNotFoundException", "Build not found".to_owned()))?;
                build.stopped |= !build.has_ended();
                Ok(json!({"build": build.told()}))
            }
            Some("BatchGetReports") => Ok(json!({"reports": [self.report(asked["reportArns"][0].as_str())]})),
            Some("DescribeTestCases") => Ok(json!({"testCases": failed_cases(asked)})),
            _ => Err(("InvalidInputException", format!("unknown operation {target}"))),
        }
    }

    fn start(&mut self, asked: &Value) -> Answer {
        let project = asked["projectName"].as_str().unwrap_or_default();
        if project != PROJECT {
            let arn = format!("arn:aws:codebuild:us-east-1:000000000000:project/{project}");
            return Err(("ResourceNotFoundException", format!("Project cannot be found: {arn}")));
        }
        let token = &asked["idempotencyToken"];
        if let Some(build) = self.builds.iter().find(|build| build.asked["idempotencyToken"] == *token) {
            return match build.asked == *asked {
                true => Ok(json!({"build": build.told()})),
                false => Err(("InvalidInputException", "Idempotency token used with other parameters".to_owned())),
            };
        }
        let script = self.scripts.pop_front().unwrap_or(Script::Passes);
        let id = format!("{PROJECT}:{:04}", self.builds.len() + 1);
        let build = Build { id, asked: asked.clone(), script, looks: 0, stopped: false };
        let told = json!({"build": build.told()});
        self.builds.push(build);
        Ok(told)
    }

    fn report(&self, arn: Option<&str>) -> Value {
        let of = arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
        let failed = u8::from(self.builds.iter().any(|build| build.id == of && build.script == Script::Fails));
        json!({
            "arn": arn,
            "type": "TEST",
            "testSummary": {
                "total": 3,
                "statusCounts": {"SUCCEEDED": 3 - failed, "FAILED": failed, "SKIPPED": 0, "ERROR": 0, "UNKNOWN": 0},
                "durationInNanoSeconds": 12_000_000,
            },
        })
    }
}

fn failed_cases(asked: &Value) -> Vec<Value> {
    let failed = json!({
        "name": "test_total",
        "prefix": "tests.test_checkout",
        "status": "FAILED",
        "message": "\nassert 119 == 100\n +  where 119 = total()",
    });
    if asked["filter"]["status"] == "FAILED" { vec![failed] } else { Vec::new() }
}

impl Build {
    fn looked_at(&mut self) -> Value {
        self.looks += 1;
        self.told()
    }

    /// How many of its phases are over.
    fn over(&self) -> usize {
        match self.script {
            Script::Waits => self.looks.min(BEFORE.len()),
            _ => self.looks,
        }
    }

    fn has_ended(&self) -> bool {
        let last = if self.script == Script::HasNoSource { 4 } else { BEFORE.len() + 1 + AFTER.len() };
        self.stopped || self.over() >= last
    }

    fn status(&self) -> &'static str {
        match self.script {
            _ if self.stopped => "STOPPED",
            _ if !self.has_ended() => "IN_PROGRESS",
            Script::Passes | Script::Waits => "SUCCEEDED",
            Script::Fails | Script::HasNoSource => "FAILED",
        }
    }

    fn told(&self) -> Value {
        let names: Vec<&str> = BEFORE.into_iter().chain(["BUILD"]).chain(AFTER).collect();
        let over = self.over().min(names.len());
        let mut phases: Vec<Value> = names[..over].iter().map(|name| self.phase(name)).collect();
        let current = if self.has_ended() { "COMPLETED" } else { names.get(over).copied().unwrap_or("COMPLETED") };
        phases.push(json!({"phaseType": current}));
        let mut told = json!({
            "id": self.id,
            "arn": format!("arn:aws:codebuild:us-east-1:000000000000:build/{}", self.id),
            "projectName": PROJECT,
            "buildStatus": self.status(),
            "currentPhase": current,
            "startTime": 1_700_000_000.5,
            "phases": phases,
            "logs": {"deepLink": format!("https://console.aws.amazon.com/cloudwatch/home#logEvent:stream={}", self.id)},
        });
        if self.has_ended() {
            told["endTime"] = json!(1_700_000_042.0);
            if self.script != Script::HasNoSource && !self.stopped {
                told["reportArns"] =
                    json!([format!("arn:aws:codebuild:us-east-1:000000000000:report/tests/{}", self.id)]);
            }
        }
        told
    }

    fn phase(&self, name: &str) -> Value {
        let why = match (self.script, name) {
            (Script::Fails, "BUILD") => {
                Some(("COMMAND_EXECUTION_ERROR", "Error while executing command: pytest. Reason: exit status 1"))
            }
            (Script::HasNoSource, "DOWNLOAD_SOURCE") => {
                Some(("CLIENT_ERROR", "AccessDenied: Access Denied status code: 403 for primary source"))
            }
            _ => None,
        };
        let contexts = why.map(|(code, message)| json!({"statusCode": code, "message": message}));
        json!({
            "phaseType": name,
            "phaseStatus": if why.is_some() { "FAILED" } else { "SUCCEEDED" },
            "durationInSeconds": 4,
            "contexts": contexts.into_iter().collect::<Vec<_>>(),
        })
    }
}
