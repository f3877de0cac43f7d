//! Stage documents: changed by conditional writes alone.

use aws_config::SdkConfig;
use bluestage::aws::Aws;
use bluestage::ports::{Etag, Fault, Stages, Stored, Written};
use bluestage::release::{Stage, StageName};

use super::{BUCKET, adapters, s3};

fn test_stage() -> StageName {
    "test".parse().unwrap()
}

fn numbered(seq: u64) -> Stage {
    Stage { seq, ..Stage::empty(test_stage()) }
}

async fn stored(aws: &Aws) -> Stored {
    let read = aws.stages.read(&test_stage()).await.unwrap();
    read.expect("there is a document")
}

pub(crate) async fn a_stage_is_created_only_if_it_is_absent(sdk: &SdkConfig) {
    let aws = adapters(sdk).await;
    assert!(aws.stages.read(&test_stage()).await.unwrap().is_none());
    let first = aws.stages.write(&numbered(1), None).await.unwrap();
    let second = aws.stages.write(&numbered(2), None).await.unwrap();
    assert_eq!((first, second), (Written::Yes, Written::Conflict));
    assert_eq!(stored(&aws).await.stage, numbered(1));
}

pub(crate) async fn a_write_after_a_stale_read_is_a_conflict(sdk: &SdkConfig) {
    let aws = adapters(sdk).await;
    let write = async |seq, after: Option<&Etag>| {
        let stage = numbered(seq);
        aws.stages.write(&stage, after).await.unwrap()
    };
    assert_eq!(write(1, None).await, Written::Yes);
    let stale = stored(&aws).await.etag;
    assert_eq!(write(2, Some(&stale)).await, Written::Yes);
    assert_eq!(write(3, Some(&stale)).await, Written::Conflict);
    assert_eq!(stored(&aws).await.stage.seq, 2);

    let fresh = stored(&aws).await.etag;
    let object = s3(sdk).delete_object().bucket(BUCKET);
    let deleted = object.key("blue/stages/test.json").send().await;
    deleted.expect("the document is deleted");
    assert_eq!(write(3, Some(&fresh)).await, Written::Conflict);
}

/// Each writer grows the number until it has done so often enough: a lost update would leave it too small.
pub(crate) async fn concurrent_writers_lose_no_update(sdk: &SdkConfig) {
    const WRITERS: u64 = 8;
    const WRITES: u64 = 10;
    let aws = adapters(sdk).await;
    let _ = aws.stages.write(&numbered(0), None).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let aws = aws.clone();
            tokio::spawn(async move {
                for _ in 0..WRITES {
                    while grow(aws.stages.as_ref()).await == Written::Conflict {}
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(stored(&aws).await.stage.seq, WRITERS * WRITES);
}

async fn grow(stages: &dyn Stages) -> Written {
    let Stored { stage, etag } = stages.read(&test_stage()).await.unwrap().unwrap();
    let grown = numbered(stage.seq + 1);
    stages.write(&grown, Some(&etag)).await.unwrap()
}

pub(crate) async fn a_document_of_a_newer_program_is_refused(sdk: &SdkConfig) {
    let aws = adapters(sdk).await;
    for newer in [r#"{"schema": 99}"#, r#"{"schema": 1, "novelty": true}"#] {
        let object = s3(sdk).put_object().bucket(BUCKET);
        let put = object.key("blue/stages/test.json").body(newer.as_bytes().to_vec().into()).send();
        put.await.expect("the document is stored");
        let refused = aws.stages.read(&test_stage()).await.unwrap_err();
        assert!(matches!(refused, Fault::Outdated { .. }), "{refused:?}");
        assert!(refused.to_string().contains("update this worker"));
    }
}

pub(crate) async fn every_stage_is_listed(sdk: &SdkConfig) {
    let aws = adapters(sdk).await;
    assert!(aws.stages.names().await.unwrap().is_empty());
    for name in ["test", "load-test"] {
        let stage = Stage::empty(name.parse().unwrap());
        assert_eq!(aws.stages.write(&stage, None).await.unwrap(), Written::Yes);
    }
    let other = s3(sdk).put_object().bucket(BUCKET);
    let put = other.key("blue/stages/notes.txt").send().await;
    put.expect("something else is stored");
    let names = aws.stages.names().await.unwrap();
    let names: Vec<_> = names.iter().map(StageName::as_str).collect();
    assert_eq!(names, ["load-test", "test"]);
}

pub(crate) async fn a_missing_bucket_is_told_plainly(sdk: &SdkConfig) {
    let aws = Aws::new(sdk, "s3://nobody-made-this".parse().unwrap());
    let write = aws.stages.write(&numbered(1), None).await.unwrap_err();
    let read = aws.stages.read(&test_stage()).await.unwrap_err();
    let names = aws.stages.names().await.unwrap_err();
    for refused in [read, write, names] {
        assert!(matches!(refused, Fault::Rejected { .. }), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains("nobody-made-this does not exist; create it"), "{told}");
    }
}
