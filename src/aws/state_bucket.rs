//! The bucket in which bluestage keeps what it must remember: small objects, read whole and written whole.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;

use super::fault::{self, Failed};
use super::location::StateLocation;
use crate::ports::{Etag, Fault};

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

/// How a conditional write went.
pub(super) enum Conditional {
    /// It is stored, in this state.
    Written(Option<Etag>),
    /// Something else stands there.
    Conflict,
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
        // Not `to_vec`, which copies byte by byte.
        Ok(Some(Found { bytes: bytes.into_bytes().into(), etag }))
    }

    /// Writes the object if the stored one is still in the state `after`; with `None`, if there is none. Tells whether
    /// it did, with the state that the object is in then.
    ///
    /// S3 offers two conditions (S3 user guide, "Conditional writes"): `If-None-Match: *` creates what is not there,
    /// `If-Match` with an `ETag` replaces what was read. The SDK may send either again after a lost answer and then
    /// hear that its own write stands in the way. That is answered as a conflict like any other.
    pub(super) async fn write_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        (after, doing): (Option<&Etag>, &str),
    ) -> Result<Conditional, Fault> {
        let request = self.put(name).content_type("application/json").body(ByteStream::from(bytes));
        let request = match after {
            Some(Etag(etag)) => request.if_match(etag),
            None => request.if_none_match("*"),
        };
        match request.send().await {
            Ok(answer) => Ok(Conditional::Written(answer.e_tag.map(Etag))),
            Err(error) if is_conflict(&error) => Ok(Conditional::Conflict),
            Err(error) => Err(self.fault(doing, &error)),
        }
    }

    /// The names of all objects below `folder`, without it, each with its state.
    pub(super) async fn list(&self, folder: &str, doing: &str) -> Result<Vec<(String, Option<Etag>)>, Fault> {
        let folder = self.location.key(folder);
        let request = self.s3.list_objects_v2().bucket(self.location.bucket()).prefix(&folder);
        let mut pages = request.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.fault(doing, &error))?;
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let name = object.key?.strip_prefix(&folder)?.to_owned();
                Some((name, object.e_tag.map(Etag)))
            }));
        }
        Ok(found)
    }

    /// Takes the object away; one that is not there is away.
    pub(super) async fn remove(&self, name: &str, doing: &str) -> Result<(), Fault> {
        let request = self.s3.delete_object().bucket(self.location.bucket()).key(self.location.key(name));
        request.send().await.map(drop).map_err(|error| self.fault(doing, &error))
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
}
