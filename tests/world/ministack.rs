//! A `MiniStack` of one's own: CloudFormation, S3, Lambda and API Gateway on this machine, gone with its value.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use tempfile::TempDir;

use super::{Process, REGION, sdk, venv};

/// It starts in half a second; a machine that is busy with builds takes a few.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `MiniStack`.
pub struct MiniStack {
    process: Process,
    /// Where it listens.
    pub url: String,
    home: TempDir,
}

impl MiniStack {
    /// Starts one on a free port and waits until it answers.
    pub async fn start() -> Self {
        Self::asking(super::granted::is_asked()).await
    }

    /// The same; it evaluates IAM, or allows everything.
    pub async fn asking(iam: bool) -> Self {
        tokio::task::spawn_blocking(move || Self::start_blocking(iam)).await.expect("MiniStack starts")
    }

    fn start_blocking(iam: bool) -> Self {
        // Between finding a free port and taking it, another test may be faster.
        for _ in 0..5 {
            if let Some(started) = Self::try_start(iam) {
                return started;
            }
        }
        panic!("MiniStack did not start");
    }

    fn try_start(iam: bool) -> Option<Self> {
        let program = venv().join("bin/ministack");
        assert!(program.exists(), "{} is missing; run the tests with: make test", program.display());
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let home = tempfile::Builder::new().prefix("ministack-").tempdir().expect("a temporary directory");
        let environment = environment(home.path(), port, iam);
        let mut process = Process::start("ministack", Command::new(program), home.path(), &environment);
        let deadline = Instant::now() + PATIENCE;
        while process.runs() && Instant::now() < deadline {
            if answers(port) {
                let url = format!("http://127.0.0.1:{port}");
                return Some(Self { process, url, home });
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        None
    }

    /// How the SDK reaches it.
    pub fn sdk(&self) -> SdkConfig {
        sdk(&self.url)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.runs()
    }

    /// Its directory, which is in the environment of every function that it runs.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has logged.
    pub fn logged(&self) -> String {
        self.process.logged()
    }
}

/// Its functions inherit its environment, so it gets none of ours; its listener for IoT would take a fixed port.
fn environment(home: &Path, port: u16, iam: bool) -> Vec<(String, String)> {
    let within = |name: &str| {
        let path = home.join(name);
        std::fs::create_dir(&path).expect("a directory");
        path.display().to_string()
    };
    [
        ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", venv().join("bin").display())),
        ("HOME", home.display().to_string()),
        ("TMPDIR", within("tmp")),
        ("S3_DATA_DIR", within("s3")),
        ("STATE_DIR", within("state")),
        ("LANG", "C.UTF-8".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("MINISTACK_REGION", REGION.to_owned()),
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
        ("LAMBDA_WARM_TTL_SECONDS", "60".to_owned()),
        // A function that calls another one holds a thread meanwhile; with too few of them all wait for each other.
        ("MINISTACK_WORKER_THREADS", "256".to_owned()),
        ("AUTH", iam.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// One HTTP request by hand: its readiness is not part of any SDK.
fn answers(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = "GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    connection.write_all(request.as_bytes()).is_ok()
        && connection.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
