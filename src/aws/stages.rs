//! The stage documents on S3: `stages/{stage}.json`, changed by conditional writes alone.
//!
//! S3 offers two (S3 user guide, "Conditional writes"): `If-None-Match: *` creates what is not there, `If-Match` with
//! an `ETag` replaces what was read. The SDK may send either again after a lost answer and then hear that its own
//! write stands in the way. That is answered as a conflict like any other; the caller reads again and recognises its
//! write by `written_by`.

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;

use super::fault::{self, Failed};
use super::state_bucket::StateBucket;
use crate::ports::{Etag, Fault, Stages, Stored, Written};
use crate::release::{Stage, StageName, document};

/// Below this, one object per stage.
const FOLDER: &str = "stages/";
const SUFFIX: &str = ".json";

/// Stage documents in the state bucket.
pub(super) struct StageObjects(pub(super) StateBucket);

fn name_of(stage: &StageName) -> String {
    format!("{FOLDER}{stage}{SUFFIX}")
}

#[async_trait]
impl Stages for StageObjects {
    async fn read(&self, stage: &StageName) -> Result<Option<Stored>, Fault> {
        let doing = format!("read the document of stage {stage}");
        let Some(found) = self.0.read(&name_of(stage), &doing).await? else {
            return Ok(None);
        };
        let Some(etag) = found.etag else {
            let detail = "the answer has no ETag, so it could never be replaced safely";
            return Err(fault::unavailable(doing, detail.to_owned()));
        };
        let stage = document::parse(stage, &found.bytes).map_err(|bad| fault::rejected(doing, bad.to_string()))?;
        let etag = Etag(etag);
        Ok(Some(Stored { stage, etag }))
    }

    async fn write(&self, stage: &Stage, after: Option<&Etag>) -> Result<Written, Fault> {
        let request = self
            .0
            .put(&name_of(&stage.name))
            .content_type("application/json")
            .body(ByteStream::from(document::render(stage)));
        let request = match after {
            Some(Etag(etag)) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        match request.send().await {
            Ok(_) => Ok(Written::Yes),
            Err(error) if is_conflict(&error) => Ok(Written::Conflict),
            Err(error) => {
                let doing = format!("write the document of stage {}", stage.name);
                Err(self.0.fault(&doing, &error))
            }
        }
    }

    async fn names(&self) -> Result<Vec<StageName>, Fault> {
        let doing = "list the stages";
        let folder = self.0.location.key(FOLDER);
        let mut pages =
            self.0.s3.list_objects_v2().bucket(self.0.location.bucket()).prefix(&folder).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.0.fault(doing, &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            names.extend(keys.filter_map(|key| stage_of(key, &folder)));
        }
        Ok(names)
    }
}

/// The stage whose document has this key. Whatever else lies in the folder is none of ours.
fn stage_of(key: &str, folder: &str) -> Option<StageName> {
    let name = key.strip_prefix(folder)?.strip_suffix(SUFFIX)?;
    name.parse().ok()
}

/// 412: the condition does not hold. 409: another conditional write is being settled just now. 404 to `If-Match`: what
/// we read has been deleted (S3 user guide, "Conditional writes", "Conditional write behavior").
fn is_conflict<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    match fault::status(error) {
        Some(409 | 412) => true,
        Some(404) => error.code() != Some("NoSuchBucket"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::http::HttpResponse;
    use aws_sdk_s3::error::{ErrorMetadata, SdkError};
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn answered(status: u16, code: &str) -> Failed<PutObjectError> {
        let meta = ErrorMetadata::builder().code(code).build();
        let raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        SdkError::service_error(PutObjectError::generic(meta), raw)
    }

    #[test]
    fn a_lost_race_is_a_conflict_and_nothing_else_is() {
        assert!(is_conflict(&answered(412, "PreconditionFailed")));
        assert!(is_conflict(&answered(409, "ConditionalRequestConflict")));
        assert!(is_conflict(&answered(404, "NoSuchKey")));
        assert!(!is_conflict(&answered(404, "NoSuchBucket")));
        assert!(!is_conflict(&answered(503, "SlowDown")));
        assert!(!is_conflict(&answered(403, "AccessDenied")));
        let lost: Failed<PutObjectError> = SdkError::timeout_error("30 seconds");
        assert!(!is_conflict(&lost), "a lost answer settles nothing");
    }

    #[test]
    fn only_stage_documents_name_a_stage() {
        let stage = |key| stage_of(key, "blue/stages/").map(String::from);
        assert_eq!(stage("blue/stages/test.json").as_deref(), Some("test"));
        for other in
            ["blue/stages/", "blue/stages/test", "blue/stages/old/test.json", "stages/test.json", "blue/stages/.json"]
        {
            assert_eq!(stage(other), None, "{other}");
        }
    }
}
