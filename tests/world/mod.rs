//! A world of real parts on this machine: `MiniStack` (CloudFormation, S3, Lambda, API Gateway; not ours), the local
//! CodePipeline, and worker processes. Every part has its own port and directory, so worlds run side by side.
//!
//! Used by the integration tests and by `make local` and `make demo` (`examples/world.rs`).

#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "shared by several binaries, of which none uses all; tests may look at the real clock"
)]

pub mod codebuild;
mod declaration;
mod granted;
mod launch;
mod ministack;
mod pipelines;
mod process;
mod proxy;
mod release;
mod results;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use bluestage::release::{Stage, StageName, document};
use serde_json::Value;
use tempfile::TempDir;

use granted::Granted;
pub use granted::gives_rights;
use launch::{add_flags, start_local};
pub use ministack::MiniStack;
pub use pipelines::{ActionReport, Outcome, PipelineOptions, properties};
pub use process::Process;
pub use proxy::{Exchange, Fault, Proxy, Trouble};
pub use release::Source;
pub use results::Bundle;

pub const REGION: &str = "us-east-1";
pub const STATE_BUCKET: &str = "bluestage-state";
pub const ARTIFACT_BUCKET: &str = "artifacts";
pub const SOURCE_BUCKET: &str = "sources";

/// How long any part may take to become ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a world differs from the usual one.
#[derive(Clone, Default)]
pub struct Options {
    /// Files and directories of pipelines that the local CodePipeline loads.
    pub pipelines: Vec<PathBuf>,
    /// Further flags of `bluestage local`.
    pub local_flags: Vec<String>,
    /// Further flags of each worker.
    pub worker_flags: Vec<String>,
    /// What else is in the environment of each worker.
    pub worker_environment: Vec<(String, String)>,
    /// Whether the local AWS evaluates IAM, whatever the tests are run with.
    pub asks_iam: bool,
}

/// Where the services are reached: at themselves, or through a proxy.
pub struct Endpoints {
    pub aws: String,
    pub codepipeline: String,
}

impl Endpoints {
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = aws_environment(&self.aws);
        environment.push(("AWS_ENDPOINT_URL_CODEPIPELINE".to_owned(), self.codepipeline.clone()));
        environment.push(("BLUESTAGE_STATE".to_owned(), format!("s3://{STATE_BUCKET}/state")));
        environment
    }
}

/// A running world; it ends with this value.
pub struct World {
    // Dropped in this order: workers first, the directory last.
    pub workers: Vec<Process>,
    local: Process,
    ministack: MiniStack,
    pub codepipeline_url: String,
    pub aws_url: String,
    options: Options,
    started: AtomicU32,
    bluestage: PathBuf,
    /// What workers may do; `None` in a world that asks nobody for rights.
    granted: Option<Granted>,
    pub home: TempDir,
}

impl World {
    /// Starts everything but workers.
    pub async fn start(bluestage: &Path, options: Options) -> Self {
        let home = tempfile::Builder::new().prefix("bluestage-world-").tempdir().expect("a temporary directory");
        let ministack = MiniStack::asking(options.asks_iam || granted::is_asked()).await;
        let aws_url = ministack.url.clone();
        let sdk = sdk(&aws_url);
        make_buckets(&sdk).await;
        let granted = granted::is_asked().then(|| Granted::at(&aws_url));
        let (local, codepipeline_url) = start_local((bluestage, home.path()), "127.0.0.1:0", (&aws_url, &options));
        Self {
            workers: Vec::new(),
            local,
            ministack,
            codepipeline_url,
            aws_url,
            options,
            started: AtomicU32::new(0),
            bluestage: bluestage.to_owned(),
            granted,
            home,
        }
    }

    /// Starts everything, with one worker.
    pub async fn with_worker(bluestage: &Path, options: Options) -> Self {
        let mut world = Self::start(bluestage, options).await;
        world.start_worker();
        world
    }

    /// Starts one more worker.
    pub fn start_worker(&mut self) {
        let worker = self.worker_at(&self.endpoints());
        self.workers.push(worker);
    }

    /// Starts one more worker that reaches the services here; it ends with its value.
    pub fn worker_at(&self, endpoints: &Endpoints) -> Process {
        self.worker_with(endpoints, &self.options.worker_flags)
    }

    /// The same with flags of its own.
    pub fn worker_with(&self, endpoints: &Endpoints, flags: &[String]) -> Process {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let mut command = Command::new(&self.bluestage);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", venv().join("bin").display());
        command.args(["worker", "--log-format", "json", "--test-path", &path]);
        let (home, readable) = (self.home.path().display().to_string(), python_tools());
        let usual = [
            // Tests that leave notes for each other do so in the world's directory.
            ("--test-write", home.as_str()),
            ("--test-read", readable.as_str()),
            ("--poll-seconds", "0.2"),
            ("--idle-poll-seconds", "0.5"),
            ("--hold-seconds", "3"),
            ("--sweep-seconds", "1"),
            ("--stop-grace-seconds", "10"),
        ];
        add_flags(&mut command, &usual, flags);
        let name = format!("worker-{number}");
        let mut environment = endpoints.environment();
        Granted::put(self.granted.as_ref(), &mut environment);
        environment.extend(self.options.worker_environment.iter().cloned());
        Process::start(&name, command, self.home.path(), &environment)
    }

    /// The services themselves.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints { aws: self.aws_url.clone(), codepipeline: self.codepipeline_url.clone() }
    }

    /// Kills the local CodePipeline, as a crash would, and starts it again at the same address.
    pub fn restart_local(&mut self) {
        self.local.kill();
        let listen = self.codepipeline_url.trim_start_matches("http://").to_owned();
        let place = (self.bluestage.as_path(), self.home.path());
        (self.local, self.codepipeline_url) = start_local(place, &listen, (&self.aws_url, &self.options));
    }

    /// A role that tests may play: in a world that grants rights there is one, and in others any will do.
    pub fn test_role(&self) -> String {
        let granted = self.granted.as_ref().map(|granted| granted.test_role.clone());
        granted.unwrap_or_else(|| "arn:aws:iam::000000000000:role/queue-tests".to_owned())
    }

    /// The process id of the local CodePipeline.
    pub fn local_id(&self) -> u32 {
        self.local.id()
    }

    /// What the local CodePipeline has logged.
    pub fn local_log(&self) -> String {
        self.local.logged()
    }

    /// What a tool needs in its environment to use this world.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.endpoints().environment()
    }

    /// Runs `bluestage` with these arguments in this world.
    pub fn bluestage(&self, arguments: &[&str]) -> std::process::Output {
        self.bluestage_at(&self.endpoints(), arguments)
    }

    /// Runs `bluestage` with these arguments; it reaches the services here.
    pub fn bluestage_at(&self, endpoints: &Endpoints, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(&self.bluestage);
        let mut environment = endpoints.environment();
        // A person registers the action types and calls the doctor, with rights of their own; all else a worker may do, too.
        let of_a_person = ["actions", "doctor"].map(Some).contains(&arguments.first().copied());
        Granted::put(self.granted.as_ref().filter(|_| !of_a_person), &mut environment);
        command.args(arguments).env_clear().envs(environment);
        command.output().expect("bluestage can be run")
    }

    /// Runs the AWS CLI in this world.
    pub fn aws(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(venv().join("bin/aws"));
        command.args(arguments).env_clear().envs(self.environment());
        command.env("HOME", self.home.path()).output().expect("the AWS CLI can be run")
    }

    /// Runs a Python script of ours in this world.
    pub fn python(&self, script: &Path, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(venv().join("bin/python"));
        command.arg(script).args(arguments).env_clear().envs(self.environment());
        command.output().expect("python can be run")
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3_at(&self.endpoints())
    }

    pub fn s3_at(&self, endpoints: &Endpoints) -> aws_sdk_s3::Client {
        s3_of(&sdk(&endpoints.aws))
    }

    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&sdk(&self.aws_url))
    }

    pub fn codepipeline(&self) -> aws_sdk_codepipeline::Client {
        aws_sdk_codepipeline::Client::new(&sdk(&self.codepipeline_url))
    }

    /// The stage `test` as its document says; empty when it has none.
    pub async fn stage(&self) -> Stage {
        let name: StageName = "test".parse().expect("a name");
        let key = "state/stages/test.json";
        let Ok(object) = self.s3().get_object().bucket(STATE_BUCKET).key(key).send().await else {
            return Stage::empty(name);
        };
        let bytes = object.body.collect().await.expect("the document can be read").into_bytes();
        document::parse(&name, &bytes).expect("the document is well-formed")
    }

    /// Waits until the stage is as `wanted` says, looking again and again.
    pub async fn await_stage(&self, what: &str, wanted: impl Fn(&Stage) -> bool) -> Stage {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stage = self.stage().await;
            if wanted(&stage) {
                return stage;
            }
            assert!(Instant::now() < deadline, "waited in vain for: {what}\n{stage:#?}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The names of the stacks that exist.
    pub async fn stacks(&self) -> Vec<String> {
        let listed = self.cloudformation().describe_stacks().send().await.expect("stacks can be listed");
        let names = listed.stacks().iter().filter_map(|stack| stack.stack_name.clone());
        let mut names: Vec<String> = names.filter(|name| !gives_rights(name)).collect();
        names.sort();
        names
    }

    /// The status as `bluestage status --output json` tells it.
    pub fn status(&self) -> Value {
        let output = self.bluestage(&["status", "--output", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("status prints JSON")
    }

    /// Texts of which at least one is in the environment of every process that this world starts, and of none that it
    /// does not.
    pub fn traces(&self) -> Vec<String> {
        let home = self.ministack.home().display().to_string();
        vec![self.aws_url.clone(), home]
    }

    /// The end of every log, for the message of a test that fails.
    pub fn logs(&self) -> String {
        let logs = self.workers.iter().chain([&self.local]);
        logs.map(|process| process.last_lines(40)).collect::<Vec<_>>().join("\n----\n")
    }
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Python environment that `make` sets up.
pub fn venv() -> PathBuf {
    root().join("target/venv")
}

/// What a test command must be able to read to use the tools of [`venv`]: itself, where its programs say that it is, and
/// the Python that it was made with.
fn python_tools() -> String {
    let venv = venv();
    let configuration = std::fs::read_to_string(venv.join("pyvenv.cfg")).unwrap_or_default();
    let python = configuration.lines().find_map(|line| line.strip_prefix("home = "));
    let program = std::fs::read_to_string(venv.join("bin/pytest")).unwrap_or_default();
    let named = program.lines().find_map(|line| line.strip_prefix("#!"));
    let directories = [python.map(Path::new), named.and_then(|python| Path::new(python).parent())];
    let above = directories.into_iter().flatten().filter_map(Path::parent).map(Path::to_owned);
    let all: Vec<String> = above.chain([venv.clone()]).map(|path| path.display().to_string()).collect();
    all.join(":")
}

fn aws_environment(aws_url: &str) -> Vec<(String, String)> {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", venv().join("bin").display());
    [
        ("AWS_ENDPOINT_URL", aws_url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PATH", &path),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Configuration for the SDK, as anybody would write it.
pub fn sdk(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "world")))
        .build()
}

fn s3_of(sdk: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(sdk).force_path_style(true).build())
}

async fn make_buckets(sdk: &SdkConfig) {
    let s3 = s3_of(sdk);
    let versioning = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    for bucket in [STATE_BUCKET, ARTIFACT_BUCKET, SOURCE_BUCKET] {
        s3.create_bucket().bucket(bucket).send().await.expect("a bucket");
        let versioned = s3.put_bucket_versioning().bucket(bucket).versioning_configuration(versioning.clone());
        versioned.send().await.expect("versioning");
    }
}
