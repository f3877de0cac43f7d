//! Whole objects in S3, with their revision.

use std::error::Error;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

use super::{S3_OWN_KEY, clients};

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
    /// Objects as `sdk` reaches them.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: Client::from_conf(clients::s3_config(sdk).build()) }
    }

    /// Reads an object, at `version` or as it is now.
    pub async fn read(&self, bucket: &str, key: &str, version: Option<&str>) -> Result<StoredObject, ObjectFault> {
        let request = self.client.get_object().bucket(bucket).key(key);
        let answer = request.set_version_id(version.map(str::to_owned)).send().await;
        let object = answer.map_err(|error| fault(&error))?;
        let revision = revision(object.e_tag.as_deref(), object.version_id);
        let body = object.body.collect().await.map_err(|error| ObjectFault::Other(error.to_string()))?;
        Ok(StoredObject { bytes: body.to_vec(), revision })
    }

    /// The present revision of an object.
    pub async fn head(&self, bucket: &str, key: &str) -> Result<ObjectRevision, ObjectFault> {
        let answer = self.client.head_object().bucket(bucket).key(key).send().await;
        let object = answer.map_err(|error| fault(&error))?;
        Ok(revision(object.e_tag.as_deref(), object.version_id))
    }

    /// Writes an object with SSE-KMS, by `kms_key` or by the account's own key for S3.
    pub async fn write(
        &self,
        (bucket, key): (&str, &str),
        bytes: Vec<u8>,
        kms_key: Option<&str>,
    ) -> Result<(), ObjectFault> {
        let request = self.client.put_object().bucket(bucket).key(key).body(ByteStream::from(bytes));
        let request =
            request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(kms_key.unwrap_or(S3_OWN_KEY));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(&error)),
        }
    }
}

/// What went wrong, in S3's own words where it answered; the SDK's debug form of the whole exchange helps nobody.
fn fault<E>(error: &SdkError<E>) -> ObjectFault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // A missing bucket or version is no modelled error of these operations; only the code tells. The answer to HEAD
    // has no body, and so only the status to tell by.
    let absent = error.raw_response().is_some_and(|raw| raw.status().as_u16() == 404);
    match (error.code(), error.message()) {
        (Some("NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "NotFound"), _) => ObjectFault::NotFound,
        _ if absent => ObjectFault::NotFound,
        (Some(code), message) => ObjectFault::Other(format!("{code}: {}", message.unwrap_or_default())),
        (None, _) => ObjectFault::Other(reasons(error)),
    }
}

/// An error and its sources, in one line.
fn reasons(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |source: &&dyn Error| (*source).source());
    let tail: String = sources.map(|source| format!(": {source}")).collect();
    format!("{error}{tail}")
}

fn revision(etag: Option<&str>, version_id: Option<String>) -> ObjectRevision {
    ObjectRevision {
        etag: etag.unwrap_or_default().trim_matches('"').to_owned(),
        // S3 says "null" for an object from before versioning.
        version_id: version_id.filter(|id| id != "null"),
    }
}
