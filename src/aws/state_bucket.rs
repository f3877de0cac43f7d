//! The bucket in which bluestage keeps what it must remember: small objects, read whole and written whole.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;

use super::fault::{self, Failed};
use super::location::StateLocation;
use crate::ports::Fault;

/// A client with the place it works in. Objects are named below the location's prefix.
#[derive(Clone, Debug)]
pub(super) struct StateBucket {
    pub(super) s3: Client,
    pub(super) location: StateLocation,
}

/// An object as it was read.
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    /// As S3 gave it, quotes and all: it is only ever handed back.
    pub(super) etag: Option<String>,
}

impl StateBucket {
    /// The object's bytes, if there is such an object.
    pub(super) async fn read(&self, name: &str, doing: &str) -> Result<Option<Found>, Fault> {
        let request = self.s3.get_object().bucket(self.location.bucket()).key(self.location.key(name));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(self.fault(doing, &error)),
        };
        let etag = answer.e_tag;
        let bytes = answer.body.collect().await.map_err(|broken| {
            let detail = format!("the answer broke off: {broken}");
            fault::unavailable(doing.to_owned(), detail)
        })?;
        Ok(Some(Found { bytes: bytes.to_vec(), etag }))
    }

    /// A request that writes the object, to be made conditional or sent as it is.
    pub(super) fn put(&self, name: &str) -> PutObjectFluentBuilder {
        self.s3.put_object().bucket(self.location.bucket()).key(self.location.key(name))
    }

    /// Writes the object, whatever stands there.
    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>, doing: &str) -> Result<(), Fault> {
        let request = self.put(name).body(ByteStream::from(bytes));
        let written = request.content_type("application/json").send().await;
        written.map(drop).map_err(|error| self.fault(doing, &error))
    }

    /// What the failed call means, with a plain sentence for the bucket that nobody made.
    pub(super) fn fault<E>(&self, doing: &str, error: &Failed<E>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if error.code() == Some("NoSuchBucket") {
            let bucket = self.location.bucket();
            let detail = format!("the state bucket {bucket} does not exist; create it first");
            fault::rejected(doing.to_owned(), detail)
        } else {
            fault::fault(doing, error)
        }
    }
}
