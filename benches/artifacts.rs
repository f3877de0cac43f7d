//! How fast artifacts are fetched and unpacked, and with how much memory: a table, beside `aws s3 cp` and `unzip`.
//!
//! `make bench`. Each row is done by a process of its own, so that its peak memory is its own. S3 is MiniStack, one
//! Python process that answers one request at a time: the table compares, and says nothing about S3.

#![expect(clippy::unwrap_used, reason = "a bench says that something is wrong by panicking")]
#![expect(clippy::disallowed_methods, reason = "a bench takes real time")]
#![expect(clippy::print_stdout, reason = "it prints a table")]

#[path = "../tests/world/mod.rs"]
mod world;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use aws_sdk_s3::primitives::ByteStream;
use bluestage::aws::Aws;
use bluestage::ports::{ActionKind, Artifact, Job, JobId, PipelineContext};
use bluestage::release::Execution;
use comfy_table::Table;
use tempfile::TempDir;
use world::{MiniStack, REGION, sdk, venv};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const BUCKET: &str = "artifacts";

/// What a worker may need at most for this, in KiB. The bench fails above it.
const MOST_MEMORY: u64 = 64 << 10;

/// The largest archive that is taken: 1 GiB, with what a zip of one file has around the file.
const LARGE: usize = 1 << 30;
const AROUND: usize = 30 + 46 + 22 + 2 * "large".len();

const FILES: usize = 20_000;

/// The word by which this program, started again, knows that it is to fetch one artifact.
const FETCH: &str = "fetch";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, endpoint, key, into] = arguments.as_slice()
        && word == FETCH
    {
        fetch(endpoint, key, Path::new(into)).await;
        return ExitCode::SUCCESS;
    }
    let ministack = MiniStack::start().await;
    let mut table = Table::new();
    table.set_header(["what", "ours", "aws s3 cp + unzip", "ratio", "our peak memory"]);
    let mut fits = true;
    for (what, make) in [("one file of 1 GiB", one_large_file as fn(&Path)), ("20,000 files", many_files)] {
        let row = Row::measure(&ministack, what, make).await;
        fits &= row.memory <= MOST_MEMORY;
        table.add_row(row.cells());
    }
    println!("{table}");
    if fits {
        return ExitCode::SUCCESS;
    }
    println!("more than {} MiB of memory", MOST_MEMORY >> 10);
    ExitCode::FAILURE
}

/// Fetches and unpacks an artifact as a worker does, and prints the seconds and the peak memory in KiB.
async fn fetch(endpoint: &str, key: &str, into: &Path) {
    let aws = Aws::new(&sdk(endpoint), format!("s3://{BUCKET}").parse().unwrap());
    let artifact = Artifact { name: "Source".into(), bucket: BUCKET.into(), key: key.into(), revision: None };
    let began = Instant::now();
    aws.artifacts.unpack(&job(), &artifact, into).await.unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("{seconds} {}", peak.trim().trim_end_matches(" kB"));
}

fn job() -> Job {
    let execution = Execution {
        pipeline_arn: "arn:aws:codepipeline:us-east-1:123456789012:orders".to_owned(),
        execution_id: "e-1".to_owned(),
        action_execution_id: "a-1".to_owned(),
    };
    Job {
        id: JobId("j-1".to_owned()),
        action: ActionKind::DeployBlue,
        configuration: BTreeMap::new(),
        pipeline: PipelineContext { pipeline: "orders".to_owned(), action: "Deploy".to_owned(), execution },
        inputs: Vec::new(),
        outputs: Vec::new(),
        credentials: None,
        encryption_key: None,
        token: None,
    }
}

struct Row {
    what: &'static str,
    ours: f64,
    /// None where there is no `aws` or no `unzip` on this machine.
    theirs: Option<f64>,
    memory: u64,
}

impl Row {
    async fn measure(ministack: &MiniStack, what: &'static str, make: fn(&Path)) -> Self {
        let home = TempDir::new_in("target").unwrap();
        let archive = home.path().join("artifact.zip");
        make(&archive);
        let s3 = aws_sdk_s3::Client::new(&ministack.sdk());
        // The second row finds the bucket there.
        let _ = s3.create_bucket().bucket(BUCKET).send().await;
        let body = ByteStream::from_path(&archive).await.unwrap();
        s3.put_object().bucket(BUCKET).key("artifact").body(body).send().await.unwrap();
        fs::remove_file(&archive).unwrap();
        let (ours, memory) = ours(&ministack.url, home.path());
        Self { what, ours, theirs: theirs(&ministack.url, home.path()), memory }
    }

    fn cells(&self) -> [String; 5] {
        let missing = || "no aws or unzip here".to_owned();
        [
            self.what.to_owned(),
            format!("{:.1} s", self.ours),
            self.theirs.map_or_else(missing, |theirs| format!("{theirs:.1} s")),
            self.theirs.map_or_else(String::new, |theirs| format!("{:.2}", self.ours / theirs)),
            format!("{:.1} MiB", self.memory as f64 / 1024.0),
        ]
    }
}

fn ours(endpoint: &str, home: &Path) -> (f64, u64) {
    let into = home.join("ours");
    fs::create_dir(&into).unwrap();
    let fetched =
        Command::new(std::env::current_exe().unwrap()).args([FETCH, endpoint, "artifact"]).arg(&into).output();
    let fetched = fetched.unwrap();
    let printed = String::from_utf8(fetched.stdout).unwrap();
    let told = printed.trim().split_once(' ').unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&fetched.stderr)));
    fs::remove_dir_all(into).unwrap();
    (told.0.parse().unwrap(), told.1.parse().unwrap())
}

fn theirs(endpoint: &str, home: &Path) -> Option<f64> {
    let into = home.join("theirs");
    let copied = home.join("copied.zip");
    let began = Instant::now();
    let copy = Command::new(aws())
        .args(["--endpoint-url", endpoint, "--region", REGION, "s3", "cp", "--only-show-errors"])
        .arg(format!("s3://{BUCKET}/artifact"))
        .arg(&copied)
        .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .status();
    let unzip = Command::new("unzip").arg("-q").arg(&copied).arg("-d").arg(&into).status();
    let done = copy.is_ok_and(|status| status.success()) && unzip.is_ok_and(|status| status.success());
    done.then(|| began.elapsed().as_secs_f64())
}

/// The AWS CLI of the tests' own Python if it is there, else whatever this machine has.
fn aws() -> PathBuf {
    let own = venv().join("bin/aws");
    if own.exists() { own } else { PathBuf::from("aws") }
}

fn one_large_file(archive: &Path) {
    let mut writer = writer(archive);
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("large", stored).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut chunk = vec![0; 1 << 20];
    let mut left = LARGE - AROUND;
    while left > 0 {
        let length = left.min(chunk.len());
        rng.fill(&mut chunk);
        writer.write_all(&chunk[..length]).unwrap();
        left -= length;
    }
    writer.finish().unwrap();
    assert_eq!(fs::metadata(archive).unwrap().len(), LARGE as u64);
}

fn many_files(archive: &Path) {
    let mut writer = writer(archive);
    for number in 0..FILES {
        let name = format!("packages/{:03}/module-{number}.js", number / 100);
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        for line in 0..100 {
            writeln!(writer, "export const constant{line} = {};", number * line).unwrap();
        }
    }
    writer.finish().unwrap();
}

fn writer(archive: &Path) -> ZipWriter<std::io::BufWriter<fs::File>> {
    ZipWriter::new(std::io::BufWriter::new(fs::File::create_new(archive).unwrap()))
}
