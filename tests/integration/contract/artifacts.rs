//! Artifacts: told apart when they are gone, refused when they are no archive, encrypted when they are stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use bluestage::ports::{ActionKind, Artifact, ArtifactFault, Job, JobId, PipelineContext};
use bluestage::release::Execution;
use tempfile::TempDir;

use super::{BUCKET, adapters, s3};

pub(crate) fn artifact(bucket: &str, key: &str) -> Artifact {
    Artifact { name: "Source".to_owned(), bucket: bucket.to_owned(), key: key.to_owned(), revision: None }
}

/// A job without credentials of its own.
pub(crate) fn job() -> Job {
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

/// An empty directory to unpack into, beside which there is room.
pub(crate) fn place() -> (TempDir, std::path::PathBuf) {
    let home = TempDir::new().unwrap();
    let into = home.path().join("workspace/into");
    std::fs::create_dir_all(&into).unwrap();
    (home, into)
}

pub(crate) async fn an_artifact_that_is_gone_is_told_apart(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    let (_home, into) = place();
    for (bucket, code) in [(BUCKET, "NoSuchKey"), ("nobody-made-this", "NoSuchBucket")] {
        let missing = artifact(bucket, "orders/Source/abc1234");
        let gone = artifacts.unpack(&job(), &missing, &into).await.unwrap_err();
        match gone {
            ArtifactFault::Gone { name, detail } => {
                assert_eq!(name, "Source");
                assert!(detail.contains(code), "{detail}");
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn an_artifact_is_stored_encrypted(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    let (home, _into) = place();
    let file = home.path().join("reports.zip");
    std::fs::write(&file, b"PK reports").unwrap();
    let job = Job { encryption_key: Some("key-1".to_owned()), ..job() };
    let stored = artifact(BUCKET, "orders/Reports/abc1234");
    artifacts.upload(&job, &stored, &file).await.unwrap();
    let object = s3(sdk).get_object().bucket(BUCKET).key(&stored.key);
    let object = object.send().await.unwrap();
    let encryption = object.server_side_encryption().map(|sse| sse.as_str());
    assert_eq!(encryption, Some("aws:kms"));
    assert!(object.ssekms_key_id().unwrap().contains("key-1"));
    assert_eq!(object.content_type(), Some("application/zip"));
    let bytes = object.body.collect().await.unwrap().to_vec();
    assert_eq!(bytes, b"PK reports");
}

pub(crate) async fn an_artifact_that_is_no_archive_is_refused(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    let put = s3(sdk).put_object().bucket(BUCKET).key("rubbish");
    let stored = put.body(b"no archive".to_vec().into()).send().await;
    stored.expect("the object is stored");
    let (home, into) = place();
    let rubbish = artifact(BUCKET, "rubbish");
    let refused = artifacts.unpack(&job(), &rubbish, &into).await.unwrap_err();
    assert!(matches!(&refused, ArtifactFault::Refused { name, .. } if name == "Source"), "{refused:?}");
    let left = std::fs::read_dir(home.path()).unwrap().count();
    assert_eq!(left, 1, "the download is cleared away");
}

pub(crate) async fn an_artifact_that_is_given_up_half_unpacked_leaves_nothing(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    let files = TempDir::new().unwrap();
    for number in 0..MANY {
        std::fs::write(files.path().join(number.to_string()), "a file").unwrap();
    }
    let packed = TempDir::new().unwrap();
    let archive = packed.path().join("many.zip");
    bluestage::archive::pack(files.path(), &archive).unwrap();
    let put = s3(sdk).put_object().bucket(BUCKET).key("many").body(std::fs::read(&archive).unwrap().into());
    put.send().await.expect("the object is stored");

    let outside = TempDir::new().unwrap();
    let workspace = TempDir::new_in(outside.path()).unwrap();
    let into = workspace.path().join("into");
    std::fs::create_dir(&into).unwrap();
    let (job, many) = (job(), artifact(BUCKET, "many"));
    tokio::select! {
        unpacked = artifacts.unpack(&job, &many, &into) => panic!("it was unpacked too soon: {unpacked:?}"),
        () = until(|| files_below(outside.path()) > MANY / 20) => {}
    }
    drop(workspace);
    // Not even an empty directory stays.
    until(|| std::fs::read_dir(outside.path()).unwrap().count() == 0).await;
}

/// So many files that one can give up while they are unpacked.
const MANY: usize = 5_000;

async fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to be");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How many files there are; one that is deleted meanwhile is none.
fn files_below(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let counts = entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 });
    counts.sum()
}
