//! A MiniStack of one's own: CloudFormation and S3 on this machine, started for one test and gone with it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use bluestage::clock::{Clock, SystemClock};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// It starts in half a second; a machine that is busy with builds takes a few.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running MiniStack. It ends when this is dropped.
pub(crate) struct MiniStack {
    process: Child,
    port: u16,
    _home: TempDir,
}

impl MiniStack {
    /// Starts one on a free port and waits until it answers.
    pub(crate) async fn start() -> Self {
        // Between finding a free port and taking it, another test may be faster.
        for _ in 0..3 {
            if let Some(started) = Self::try_start().await {
                return started;
            }
        }
        panic!("{} did not start", program().display());
    }

    async fn try_start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let home = TempDir::new().unwrap();
        let mut started = Self {
            process: command(&home, port).spawn().unwrap_or_else(|error| {
                panic!(
                    "{} cannot be run: {error}; install it or name it in BLUESTAGE_MINISTACK",
                    program().display()
                )
            }),
            port,
            _home: home,
        };
        let clock = SystemClock::start();
        while clock.elapsed() < PATIENCE {
            if started.process.try_wait().unwrap().is_some() {
                return None;
            }
            if started.is_ready().await {
                return Some(started);
            }
            clock.sleep(Duration::from_millis(50)).await;
        }
        None
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.port)).await else {
            return false;
        };
        let request =
            "GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        connection.write_all(request.as_bytes()).await.is_ok()
            && connection.read_to_string(&mut answer).await.is_ok()
            && answer.starts_with("HTTP/1.1 200")
    }

    /// How to reach it.
    pub(crate) async fn sdk(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .load()
            .await
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        // Nothing in it is worth an orderly end, which can take it longer than the whole test.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "names a tool, not a setting")]
fn program() -> PathBuf {
    std::env::var_os("BLUESTAGE_MINISTACK").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/target/venv/bin/ministack"
            ))
        },
        PathBuf::from,
    )
}

/// Its functions inherit its environment, so it gets none of ours; its listener for IoT would take a fixed port.
fn command(home: &TempDir, port: u16) -> Command {
    let program = program();
    let bin = program.parent().unwrap_or_else(|| "/".as_ref()).display();
    let within = |name: &str| {
        let path = home.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let mut command = Command::new(&program);
    command
        .env_clear()
        .env("PATH", format!("{bin}:/usr/local/bin:/usr/bin:/bin"))
        .env("HOME", home.path())
        .env("TMPDIR", within("tmp"))
        .env("S3_DATA_DIR", within("s3"))
        .env("STATE_DIR", within("state"))
        .env("LANG", "C.UTF-8")
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_REGION", "us-east-1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("AUTH", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
