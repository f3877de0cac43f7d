//! Files to S3: whole while they are small, in parts when they are not.

use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::clients::upload_config;
use super::fault;
use super::files::{Access, Call, Missed, Place, missed};

/// Up to this size a file goes in one request: that needs no permission but `s3:PutObject`, while parts also need
/// `kms:Decrypt` for a key of the customer's, and `s3:AbortMultipartUpload` to clear up.
const WHOLE: u64 = 64 << 20;

/// What one request carries of a larger file, and how many there are at a time. S3 asks for 5 MiB and takes 10,000 parts
/// (user guide, "Multipart upload limits"). A small part is sent before S3 hangs up on expired credentials, so that we
/// hear of it.
const PART: u64 = 6 << 20;
const AT_ONCE: usize = 4;

const ZIP: &str = "application/zip";

/// Where a file goes, and by which key it is encrypted; without one the bucket decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) place: Place<'a>,
    pub(super) kms_key: Option<&'a str>,
}

impl Target<'_> {
    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.kms_key.map(|_| ServerSideEncryption::AwsKms)
    }
}

/// Uploads the zip file `from`.
pub(super) async fn upload(access: &Access<'_>, to: Target<'_>, from: &Path, doing: &str) -> Result<(), Missed> {
    let upload = Upload { access, to, from, doing };
    let metadata = tokio::fs::metadata(from).await.map_err(|error| upload.unreadable(&error.to_string()))?;
    if metadata.len() <= WHOLE { upload.whole().await } else { upload.in_parts(metadata.len()).await }
}

struct Upload<'a> {
    access: &'a Access<'a>,
    to: Target<'a>,
    from: &'a Path,
    doing: &'a str,
}

impl Upload<'_> {
    async fn whole(&self) -> Result<(), Missed> {
        self.access.call(|s3| self.put(s3).boxed()).await
    }

    async fn put(&self, s3: Client) -> Result<(), Missed> {
        let body = ByteStream::from_path(self.from).await.map_err(|error| self.unreadable(&error.to_string()))?;
        let Place { bucket, key } = self.to.place;
        let request = s3.put_object().bucket(bucket).key(key).content_type(ZIP).body(body);
        let request = request
            .set_server_side_encryption(self.to.encryption())
            .set_ssekms_key_id(self.to.kms_key.map(str::to_owned));
        let sent = request.customize().config_override(upload_config()).send().await;
        sent.map(drop).map_err(|error| missed(self.doing, &error))
    }

    /// Nobody sees anything of it before the last request, and what was sent is deleted when it does not come to that.
    /// If this worker dies on the way, the bucket's lifecycle rule for incomplete uploads does it.
    async fn in_parts(&self, bytes: u64) -> Result<(), Missed> {
        let id = self.access.call(|s3| self.begin(s3).boxed()).await?;
        let completed = match self.parts(&id, bytes).await {
            Ok(parts) => self.access.call(|s3| self.complete(s3, &id, &parts).boxed()).await,
            Err(missed) => Err(missed),
        };
        if completed.is_err() {
            let aborted = self.access.call(|s3| self.abort(s3, &id).boxed()).await;
            if let Err(missed) = aborted {
                tracing::warn!(?missed, key = self.to.place.key, "could not delete the parts of an upload that failed");
            }
        }
        completed
    }

    async fn begin(&self, s3: Client) -> Result<String, Missed> {
        let Place { bucket, key } = self.to.place;
        let request = s3.create_multipart_upload().bucket(bucket).key(key).content_type(ZIP);
        let request = request
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .set_server_side_encryption(self.to.encryption())
            .set_ssekms_key_id(self.to.kms_key.map(str::to_owned));
        let begun = request.send().await.map_err(|error| missed(self.doing, &error))?;
        let without = || Missed::Fault(fault::unavailable(self.doing.to_owned(), "the upload has no id".to_owned()));
        begun.upload_id.ok_or_else(without)
    }

    async fn parts(&self, id: &str, bytes: u64) -> Result<Vec<CompletedPart>, Missed> {
        let parts: Vec<Call<'_, CompletedPart>> = (0..bytes)
            .step_by(PART as usize)
            .zip(1..)
            .map(|(from, number)| {
                let span = (from, PART.min(bytes - from));
                async move { self.access.call(|s3| self.part(s3, id, number, span).boxed()).await }.boxed()
            })
            .collect();
        stream::iter(parts).buffered(AT_ONCE).try_collect().await
    }

    async fn part(
        &self,
        s3: Client,
        id: &str,
        number: i32,
        (from, length): (u64, u64),
    ) -> Result<CompletedPart, Missed> {
        let body = ByteStream::read_from().path(self.from).offset(from).length(Length::Exact(length)).build().await;
        let body = body.map_err(|error| self.unreadable(&error.to_string()))?;
        let Place { bucket, key } = self.to.place;
        let request = s3.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number).body(body);
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let sent = request.customize().config_override(upload_config()).send().await;
        let sent = sent.map_err(|error| missed(self.doing, &error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        Ok(part.set_checksum_crc32(sent.checksum_crc32).build())
    }

    async fn complete(&self, s3: Client, id: &str, parts: &[CompletedPart]) -> Result<(), Missed> {
        let Place { bucket, key } = self.to.place;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
        let request = s3.complete_multipart_upload().bucket(bucket).key(key).upload_id(id).multipart_upload(parts);
        request.send().await.map(drop).map_err(|error| match error.code() {
            // The SDK asks again when an answer was lost. The parts are one object by then, or S3 has dropped them: to
            // send the file anew is right in both cases.
            Some("NoSuchUpload") => Missed::Fault(fault::unavailable(self.doing.to_owned(), error.to_string())),
            _ => missed(self.doing, &error),
        })
    }

    async fn abort(&self, s3: Client, id: &str) -> Result<(), Missed> {
        let Place { bucket, key } = self.to.place;
        let request = s3.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
        request.send().await.map(drop).map_err(|error| missed(self.doing, &error))
    }

    fn unreadable(&self, why: &str) -> Missed {
        Missed::Fault(fault::unavailable(self.doing.to_owned(), why.to_owned()))
    }
}
