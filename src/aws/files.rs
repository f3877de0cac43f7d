//! Files to and from S3: streamed, never held in memory.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::clients::upload_config;
use super::fault::{self, Failed, fault};
use crate::ports::Fault;

/// More than any test or template artifact we know of, and little enough that a wrong one cannot fill a worker's disk.
/// CodePipeline itself lets source artifacts grow to 5 GB (CodePipeline user guide, "Quotas").
const MOST_BYTES: u64 = 1 << 30;

/// An object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
}

/// Why a file was not moved.
#[derive(Debug)]
pub(super) enum Missed {
    /// The object, or its bucket, is not there; what S3 said.
    Gone(String),
    /// The credentials have expired: fresh ones help.
    Expired(Fault),
    /// It is larger than what we take.
    TooLarge,
    /// The outside broke.
    Fault(Fault),
}

/// Downloads the object into the new file `to`.
pub(super) async fn download(s3: &Client, from: Place<'_>, to: &Path, doing: &str) -> Result<(), Missed> {
    let request = s3.get_object().bucket(from.bucket).key(from.key);
    let answer = request.send().await.map_err(|error| missed(doing, &error))?;
    let broke = |error: std::io::Error| Missed::Fault(fault::unavailable(doing.to_owned(), error.to_string()));
    // One byte more than we take tells a file of exactly that size from a larger one, whatever its announced length.
    let mut body = answer.body.into_async_read().take(MOST_BYTES + 1);
    let mut file = tokio::fs::File::create(to).await.map_err(broke)?;
    let copied = tokio::io::copy(&mut body, &mut file).await.map_err(broke)?;
    file.flush().await.map_err(broke)?;
    if copied > MOST_BYTES { Err(Missed::TooLarge) } else { Ok(()) }
}

/// Sends `request` with the zip file `from` as its body.
pub(super) async fn upload(request: PutObjectFluentBuilder, from: &Path, doing: &str) -> Result<(), Missed> {
    let body = ByteStream::from_path(from)
        .await
        .map_err(|error| Missed::Fault(fault::unavailable(doing.to_owned(), error.to_string())))?;
    let sent =
        request.content_type("application/zip").body(body).customize().config_override(upload_config()).send().await;
    sent.map(drop).map_err(|error| missed(doing, &error))
}

fn missed<E>(doing: &str, error: &Failed<E>) -> Missed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(code @ ("NoSuchKey" | "NoSuchBucket")) = error.code() {
        Missed::Gone(code.to_owned())
    } else if fault::is_expired(error) {
        Missed::Expired(fault(doing, error))
    } else {
        Missed::Fault(fault(doing, error))
    }
}
