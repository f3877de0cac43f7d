//! What the local CodePipeline needs of an object store: to read a source and to write it as an artifact.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// An object store with buckets, such as S3.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Reads an object whole, at `version` or as it is now. Sources are a service's code and templates: megabytes,
    /// not the 5 GB that AWS allows.
    async fn read(&self, object: &ObjectKey, version: Option<&str>) -> Result<Object, ObjectsError>;

    /// Which revision an object has now.
    async fn head(&self, object: &ObjectKey) -> Result<Revision, ObjectsError>;

    /// Writes an object, encrypted with the KMS key `kms_key`, or with the account's own S3 key if there is none:
    /// CodePipeline's artifacts are always SSE-KMS, and a bucket policy may refuse anything else.
    async fn write(&self, object: &ObjectKey, bytes: Vec<u8>, kms_key: Option<&str>) -> Result<(), ObjectsError>;
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
}

/// An object's content and revision, read together.
pub struct Object {
    /// The content.
    pub bytes: Vec<u8>,
    /// Which revision that is.
    pub revision: Revision,
}

/// What distinguishes one state of an object from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The entity tag, without quotes.
    pub etag: String,
    /// The version id, in a bucket that keeps versions.
    pub version_id: Option<String>,
}

impl Revision {
    /// What CodePipeline calls the source revision: the version id where there is one, else the ETag.
    #[must_use]
    pub fn id(&self) -> &str {
        self.version_id.as_deref().unwrap_or(&self.etag)
    }
}

/// Why an object could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// There is no such bucket, object or version.
    #[error("there is no such object")]
    NotFound,
    /// Anything else: the store is down, access is denied.
    #[error("the object store did not serve the request: {0}")]
    Other(String),
}
