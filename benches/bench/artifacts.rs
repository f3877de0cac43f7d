//! How fast artifacts are fetched and unpacked, and with how much memory. Each is fetched by a process of its own, so that
//! its peak memory is its own; every tool has the archive from the same MiniStack.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use aws_sdk_s3::primitives::ByteStream;
use bluestage::aws::Aws;
use bluestage::ports::{ActionKind, Artifact, Job, JobId, PipelineContext};
use bluestage::release::Execution;
use fastrand::Rng;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::table::{Part, Row};
use super::world::{ARTIFACT_BUCKET, MiniStack, REGION, root, sdk, venv};

/// The word by which this program, started again, knows that it is to fetch one artifact.
pub(crate) const FETCH: &str = "fetch";

/// What a worker may need at most for it.
const MOST_MEBIBYTES: f64 = 64.0;

/// Just below the largest archive that is taken, 1 GiB.
const LARGE: usize = (1 << 30) - (1 << 20);

/// So many files of 54 KB are 1 GiB.
const FILES: usize = 20_000;

/// A typical bundle: a function's code with what it depends on.
const BUNDLE_FILES: usize = 600;

/// What `aws s3 cp` and `unzip` do, by Python's own means.
const PYTHON: &str = "
import boto3, sys, zipfile
endpoint, archive, into = sys.argv[1:]
boto3.client('s3', endpoint_url=endpoint).download_file('artifacts', 'artifact', archive)
zipfile.ZipFile(archive).extractall(into)
";

/// Makes an archive at this path.
type Make = fn(&Path);

pub(crate) async fn measure() -> Part {
    let ministack = MiniStack::start().await;
    let s3 = aws_sdk_s3::Client::new(&ministack.sdk());
    s3.create_bucket().bucket(ARTIFACT_BUCKET).send().await.unwrap();
    let mut part = Part::new("artifacts", "Artifacts");
    let made: [(&str, Make, u32); 3] = [
        ("a bundle of 5 MiB", bundle, 5),
        ("one file of 1 GiB", one_large_file, 1),
        ("1 GiB in 20,000 files", many_files, 1),
    ];
    for (what, make, times) in made {
        let home = TempDir::new_in(root().join("target")).unwrap();
        let archive = home.path().join("artifact.zip");
        make(&archive);
        let body = ByteStream::from_path(&archive).await.unwrap();
        s3.put_object().bucket(ARTIFACT_BUCKET).key("artifact").body(body).send().await.unwrap();
        fs::remove_file(&archive).unwrap();
        let fetched: Vec<(f64, f64)> = (0..times).map(|_| ours(&ministack.url, home.path())).collect();
        let seconds = fetched.iter().map(|(seconds, _)| seconds).sum::<f64>() / f64::from(times);
        let memory = fetched.iter().map(|(_, memory)| *memory).fold(0.0, f64::max);
        let (tool, theirs) = best(&ministack.url, home.path(), times);
        part.add(
            Row::new(format!("{what}: fetched and unpacked"), format!("{seconds:.2} s"))
                .beside(format!("{theirs:.2} s by {tool}, the better of two"), theirs / seconds)
                .goal("2 × faster", theirs / seconds >= 2.0),
        );
        let goal = format!("below {MOST_MEBIBYTES:.0} MiB");
        let row = Row::new(format!("{what}: peak memory"), format!("{memory:.1} MiB"));
        part.add(row.goal(goal, memory < MOST_MEBIBYTES));
    }
    part
}

/// Fetches and unpacks an artifact as a worker does, and prints the seconds and the peak memory in KiB.
pub(crate) async fn fetch(endpoint: &str, into: &Path) {
    let aws = Aws::new(&sdk(endpoint), format!("s3://{ARTIFACT_BUCKET}").parse().unwrap());
    let artifact =
        Artifact { name: "Source".into(), bucket: ARTIFACT_BUCKET.into(), key: "artifact".into(), revision: None };
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

/// Our seconds, and our peak memory in MiB.
fn ours(endpoint: &str, home: &Path) -> (f64, f64) {
    let into = home.join("ours");
    fs::create_dir(&into).unwrap();
    let fetched = Command::new(std::env::current_exe().unwrap()).args([FETCH, endpoint]).arg(&into).output().unwrap();
    let printed = String::from_utf8(fetched.stdout).unwrap();
    let told = printed.trim().split_once(' ').unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&fetched.stderr)));
    fs::remove_dir_all(into).unwrap();
    (told.0.parse().unwrap(), told.1.parse::<f64>().unwrap() / 1024.0)
}

/// The better of what one would use otherwise, and its seconds.
fn best(endpoint: &str, home: &Path, times: u32) -> (&'static str, f64) {
    let mean = |one: &dyn Fn() -> f64| (0..times).map(|_| one()).sum::<f64>() / f64::from(times);
    let both = [
        ("`aws s3 cp` and `unzip`", mean(&|| aws_and_unzip(endpoint, home))),
        ("Python's `boto3` and `zipfile`", mean(&|| python(endpoint, home))),
    ];
    println!("{both:?}");
    if both[0].1 < both[1].1 { both[0] } else { both[1] }
}

fn aws_and_unzip(endpoint: &str, home: &Path) -> f64 {
    let (into, copied) = (home.join("theirs"), home.join("copied.zip"));
    let mut copy = with_credentials(Command::new(aws()));
    copy.args(["--endpoint-url", endpoint, "s3", "cp", "--only-show-errors"]);
    copy.arg(format!("s3://{ARTIFACT_BUCKET}/artifact")).arg(&copied);
    let mut unzip = Command::new("unzip");
    unzip.arg("-q").arg(&copied).arg("-d").arg(&into);
    timed(&mut [copy, unzip], &into)
}

fn python(endpoint: &str, home: &Path) -> f64 {
    let into = home.join("theirs");
    let mut command = with_credentials(Command::new(venv().join("bin/python")));
    command.args(["-c", PYTHON, endpoint]).arg(home.join("copied.zip")).arg(&into);
    timed(&mut [command], &into)
}

fn timed(commands: &mut [Command], into: &Path) -> f64 {
    let began = Instant::now();
    for command in commands {
        let done = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(done.success(), "{command:?}");
    }
    let seconds = began.elapsed().as_secs_f64();
    fs::remove_dir_all(into).unwrap();
    seconds
}

fn with_credentials(mut command: Command) -> Command {
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", REGION)]);
    command
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
    let mut rng = Rng::with_seed(7);
    let mut chunk = vec![0; 1 << 20];
    for _ in 0..LARGE / chunk.len() {
        rng.fill(&mut chunk);
        writer.write_all(&chunk).unwrap();
    }
    writer.finish().unwrap();
}

fn many_files(archive: &Path) {
    // The quickest compression: making a large archive is not what is measured.
    scripts(archive, (FILES, LARGE / FILES), SimpleFileOptions::default().compression_level(Some(1)));
}

/// Shrinks to about 5 MiB.
fn bundle(archive: &Path) {
    scripts(archive, (BUNDLE_FILES, 36 << 10), SimpleFileOptions::default());
}

/// So many files of so many bytes, which shrink as scripts do.
fn scripts(archive: &Path, (files, bytes): (usize, usize), options: SimpleFileOptions) {
    let mut writer = writer(archive);
    let mut rng = Rng::with_seed(7);
    for number in 0..files {
        let name = format!("packages/{:03}/module-{number}.js", number / 100);
        writer.start_file(name, options).unwrap();
        let mut script = String::with_capacity(bytes + 64);
        while script.len() < bytes {
            script += &format!("export const constant{} = {};\n", rng.u16(..), rng.u32(..));
        }
        writer.write_all(&script.as_bytes()[..bytes]).unwrap();
    }
    writer.finish().unwrap();
}

fn writer(archive: &Path) -> ZipWriter<std::io::BufWriter<fs::File>> {
    ZipWriter::new(std::io::BufWriter::new(fs::File::create_new(archive).unwrap()))
}
