//! Whole objects in S3, with their revision.

use std::error::Error;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

/// S3, as far as whole objects are concerned.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
}

/// An object and what distinguishes its present state.
#[derive(Debug)]
pub struct StoredObject {
    /// The content.
    pub bytes: Vec<u8>,
    /// The revision that was read.
    pub revision: ObjectRevision,
}

/// What distinguishes one state of an object from another.
#[derive(Debug)]
pub struct ObjectRevision {
    /// The entity tag, without quotes.
    pub etag: String,
    /// The version id, in a bucket with versioning.
    pub version_id: Option<String>,
}

/// Why an object could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ObjectFault {
    /// There is no such bucket, object or version.
    #[error("there is no such object")]
    NotFound,
    /// Anything else, with the SDK's whole chain of reasons.
    #[error("{0}")]
    Other(String),
}

impl S3Objects {
    /// Objects as `client` reaches them.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads an object, at `version` or as it is now.
    pub async fn read(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<StoredObject, ObjectFault> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let answer = request
            .set_version_id(version.map(str::to_owned))
            .send()
            .await;
        let object = answer.map_err(|error| {
            let missing = error
                .as_service_error()
                .is_some_and(GetObjectError::is_no_such_key);
            fault(
                missing,
                error.as_service_error().and_then(|e| e.meta().code()),
                &error,
            )
        })?;
        let revision = revision(object.e_tag.as_deref(), object.version_id);
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| ObjectFault::Other(error.to_string()))?;
        Ok(StoredObject {
            bytes: body.to_vec(),
            revision,
        })
    }

    /// The present revision of an object.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<ObjectRevision, ObjectFault> {
        let answer = self
            .client
            .head_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await;
        let object = answer.map_err(|error| {
            let missing = error
                .as_service_error()
                .is_some_and(HeadObjectError::is_not_found);
            fault(
                missing,
                error.as_service_error().and_then(|e| e.meta().code()),
                &error,
            )
        })?;
        Ok(revision(object.e_tag.as_deref(), object.version_id))
    }

    /// Writes an object with SSE-KMS, by `kms_key` or by the account's own key for S3.
    pub async fn write(
        &self,
        (bucket, key): (&str, &str),
        bytes: Vec<u8>,
        kms_key: Option<&str>,
    ) -> Result<(), ObjectFault> {
        let request = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(ByteStream::from(bytes));
        let request = request
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .set_ssekms_key_id(kms_key.map(str::to_owned));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(
                false,
                error.as_service_error().and_then(|e| e.meta().code()),
                &error,
            )),
        }
    }
}

fn fault(missing: bool, code: Option<&str>, error: &(impl Error + 'static)) -> ObjectFault {
    // A missing bucket or version is no modelled error of these operations; only the code tells.
    if missing
        || matches!(
            code,
            Some("NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "NotFound")
        )
    {
        return ObjectFault::NotFound;
    }
    ObjectFault::Other(DisplayErrorContext(error).to_string())
}

fn revision(etag: Option<&str>, version_id: Option<String>) -> ObjectRevision {
    ObjectRevision {
        etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
        // S3 says "null" for an object from before versioning.
        version_id: version_id.filter(|id| id != "null"),
    }
}
