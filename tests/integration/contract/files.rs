//! Large files, and what goes wrong on the way: asked for again where that helps, given up with a clear word where not.

use std::io::Write;
use std::path::Path;

use aws_config::SdkConfig;
use bluestage::aws::Aws;
use bluestage::ports::{ArtifactFault, Credentials, Fault, Job};
use secrecy::SecretString;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::artifacts::{artifact, job, place};
use super::{BUCKET, adapters, s3};
use crate::fickle::{Fickle, Mishap};

/// What one request fetches.
const PART: usize = 8 << 20;

/// Bytes that do not pack and never repeat.
fn noise(length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}

fn zipped(content: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file("noise", stored).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

fn unpacked(into: &Path) -> Vec<u8> {
    std::fs::read(into.join("noise")).unwrap()
}

pub(crate) async fn a_large_artifact_arrives_as_it_is(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    // Whole parts, a little more, and a little less.
    for length in [2 * PART, 2 * PART + 1, 2 * PART - 1] {
        let header_and_index = zipped(b"").len();
        let content = noise(length - header_and_index);
        let put = s3(sdk).put_object().bucket(BUCKET).key("large").body(zipped(&content).into());
        put.send().await.unwrap();
        let (_home, into) = place();
        artifacts.unpack(&job(), &artifact(BUCKET, "large"), &into).await.unwrap();
        assert!(unpacked(&into) == content, "{length} bytes");
    }
}

pub(crate) async fn an_artifact_without_a_byte_is_refused(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    s3(sdk).put_object().bucket(BUCKET).key("empty").send().await.unwrap();
    let (_home, into) = place();
    let refused = artifacts.unpack(&job(), &artifact(BUCKET, "empty"), &into).await.unwrap_err();
    assert!(refused.to_string().contains("neither a zip nor a tar"), "{refused}");
}

pub(crate) async fn a_large_artifact_is_stored_in_parts(sdk: &SdkConfig) {
    let artifacts = adapters(sdk).await.artifacts;
    let (home, _into) = place();
    let file = home.path().join("reports.zip");
    let content = noise((64 << 20) + 1);
    std::fs::write(&file, &content).unwrap();
    let job = Job { encryption_key: Some("key-1".to_owned()), ..job() };
    artifacts.upload(&job, &artifact(BUCKET, "large"), &file).await.unwrap();
    let stored = s3(sdk).get_object().bucket(BUCKET).key("large").send().await.unwrap();
    assert!(stored.e_tag().unwrap().trim_matches('"').ends_with("-11"), "{:?}", stored.e_tag());
    assert_eq!(stored.server_side_encryption().map(|sse| sse.as_str()), Some("aws:kms"));
    assert!(stored.ssekms_key_id().unwrap().contains("key-1"));
    assert_eq!(stored.content_type(), Some("application/zip"));
    assert!(stored.body.collect().await.unwrap().to_vec() == content);
    let open = s3(sdk).list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(open.uploads(), []);
}

/// A job with credentials that expire.
fn job_with_credentials() -> Job {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let credentials = Credentials {
        access_key_id: secret("OLD"),
        secret_access_key: secret("hush"),
        session_token: Some(secret("t")),
    };
    Job { credentials: Some(credentials), ..job() }
}

/// Fetches five parts from a server that has this mishap.
async fn fetch(mishap: Mishap) -> (Fickle, Result<bool, ArtifactFault>) {
    let content = noise(4 * PART + 100);
    let fickle = Fickle::start(zipped(&content), mishap).await;
    let aws = Aws::new(&fickle.sdk().await, "s3://team-state".parse().unwrap());
    let (_home, into) = place();
    let fetched = aws.artifacts.unpack(&job_with_credentials(), &artifact(BUCKET, "large"), &into).await;
    (fickle, fetched.map(|()| unpacked(&into) == content))
}

pub(crate) async fn a_part_that_breaks_off_is_asked_for_again() {
    for from in [0, 2 * PART] {
        let (fickle, fetched) = fetch(Mishap::BreaksOff { from, times: 2 }).await;
        assert!(fetched.unwrap());
        assert_eq!(fickle.asked(&format!("get {from} ")), 3);
        assert_eq!(fickle.asked("get "), 7);
    }
}

pub(crate) async fn a_part_that_always_breaks_off_is_given_up() {
    let (fickle, fetched) = fetch(Mishap::BreaksOff { from: PART, times: usize::MAX }).await;
    let fault = fetched.unwrap_err();
    assert!(matches!(fault, ArtifactFault::Fault(Fault::Unavailable { .. })), "{fault:?}");
    assert_eq!(fickle.asked(&format!("get {PART} ")), 4);
}

pub(crate) async fn credentials_that_expire_between_two_parts_are_renewed_once() {
    let (fickle, fetched) = fetch(Mishap::ExpiredFrom(PART)).await;
    assert!(fetched.unwrap());
    assert_eq!(fickle.asked("GetJobDetails"), 1);
}

pub(crate) async fn an_object_that_is_replaced_meanwhile_is_not_mixed() {
    let (fickle, fetched) = fetch(Mishap::Replaced).await;
    let fault = fetched.unwrap_err();
    assert!(fault.to_string().contains("it was replaced while it was being fetched"), "{fault}");
    assert!(fickle.asked(&format!("get {PART} of \"first\"")) > 0);
}

pub(crate) async fn a_server_without_ranges_is_understood() {
    let (fickle, fetched) = fetch(Mishap::NoRanges).await;
    assert!(fetched.unwrap());
    assert_eq!(fickle.asked("get "), 1);
}

pub(crate) async fn a_part_that_is_another_one_is_never_taken() {
    let (fickle, fetched) = fetch(Mishap::ForgetsRanges).await;
    let fault = fetched.unwrap_err();
    assert!(matches!(fault, ArtifactFault::Fault(Fault::Unavailable { .. })), "{fault:?}");
    // No part arrives; the first that is given up ends the others.
    let most = (1..=4).map(|part| fickle.asked(&format!("get {} ", part * PART))).max();
    assert_eq!(most, Some(4));
}

/// Stores a file that goes in parts on a server that has this mishap.
async fn store(mishap: Mishap) -> (Fickle, ArtifactFault) {
    let fickle = Fickle::start(Vec::new(), mishap).await;
    let aws = Aws::new(&fickle.sdk().await, "s3://team-state".parse().unwrap());
    let (home, _into) = place();
    let file = home.path().join("reports.zip");
    std::fs::File::create(&file).unwrap().set_len((64 << 20) + 1).unwrap();
    let failed = aws.artifacts.upload(&job_with_credentials(), &artifact(BUCKET, "large"), &file).await;
    (fickle, failed.unwrap_err())
}

pub(crate) async fn an_upload_that_is_gone_at_its_end_is_worth_another_try() {
    let (fickle, fault) = store(Mishap::LosesUpload).await;
    assert!(matches!(fault, ArtifactFault::Fault(Fault::Unavailable { .. })), "{fault:?}");
    assert_eq!((fickle.asked("complete"), fickle.asked("abort")), (1, 1));
}

pub(crate) async fn an_upload_that_fails_deletes_its_parts() {
    let (fickle, fault) = store(Mishap::RefusesPart(3)).await;
    assert!(matches!(fault, ArtifactFault::Fault(Fault::Denied { .. })), "{fault:?}");
    assert_eq!((fickle.asked("begin"), fickle.asked("abort")), (1, 1));
}
