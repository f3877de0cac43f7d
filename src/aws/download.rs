//! Files from S3: in parts, several at a time, each written where it belongs as it comes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::fault;
use super::files::{Access, Call, Missed, Place, missed};

/// More than any test or template artifact we know of, and little enough that a wrong one cannot fill a worker's disk.
/// CodePipeline itself lets source artifacts grow to 5 GB (CodePipeline user guide, "Quotas").
const MOST_BYTES: u64 = 1 << 30;

/// What one request fetches, and how many there are at a time: one connection to S3 gives some 80 MB/s, and parts of 8 to
/// 16 MB suit it best (S3 user guide, "Performance guidelines").
const PART: u64 = 8 << 20;
const AT_ONCE: usize = 4;

/// What is in memory of each part before it is written: little, and enough for few writes.
const BUFFER: usize = 1 << 20;

/// How often a part is asked for whose answer breaks off. The SDK minds answers that never begin.
const ATTEMPTS: u32 = 4;

/// Downloads the object into the new file `to`.
pub(super) async fn download(access: &Access<'_>, from: Place<'_>, to: &Path, doing: &str) -> Result<(), Missed> {
    let file = tokio::fs::File::create(to).await.map_err(|error| broken(doing, &error))?;
    let download = Download { access, from, file: Arc::new(file.into_std().await), doing };
    let whole = download.part(Part { from: 0, of: None }).await?;
    let starts = (whole.fetched..whole.bytes).step_by(PART as usize);
    let parts: Vec<Call<'_, Whole>> =
        starts.map(|from| download.part(Part { from, of: Some(&whole) }).boxed()).collect();
    stream::iter(parts).buffer_unordered(AT_ONCE).try_for_each(|_| std::future::ready(Ok(()))).await
}

struct Download<'a> {
    access: &'a Access<'a>,
    from: Place<'a>,
    file: Arc<File>,
    doing: &'a str,
}

/// What the first part tells of the object: the others are of the same state of it or fail.
struct Whole {
    bytes: u64,
    /// How much of it came with the first part.
    fetched: u64,
    etag: Option<String>,
}

struct Part<'a> {
    from: u64,
    /// None for the first part, which tells it.
    of: Option<&'a Whole>,
}

impl Download<'_> {
    /// Fetches the part, again where its answer breaks off.
    async fn part(&self, part: Part<'_>) -> Result<Whole, Missed> {
        let mut attempt = 1;
        loop {
            match self.access.call(|s3| self.once(s3, &part).boxed()).await {
                Err(Missed::BrokeOff(why)) if attempt < ATTEMPTS => {
                    tracing::debug!(%why, attempt, from = part.from, "asking for a part again");
                    attempt += 1;
                }
                settled => return settled,
            }
        }
    }

    async fn once(&self, s3: Client, part: &Part<'_>) -> Result<Whole, Missed> {
        let range = format!("bytes={}-{}", part.from, part.from + PART - 1);
        let request = s3.get_object().bucket(self.from.bucket).key(self.from.key).range(range);
        let request = request.set_if_match(part.of.and_then(|whole| whole.etag.clone()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            // An object without a single byte has no first part.
            Err(error) if part.of.is_none() && error.code() == Some("InvalidRange") => {
                return Ok(Whole { bytes: 0, fetched: 0, etag: None });
            }
            Err(error) => return Err(missed(self.doing, &error)),
        };
        let length = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let total = match answer.content_range() {
            Some(range) => total_of(range, part.from),
            // A server that knows no ranges sends everything at once.
            None if part.of.is_none() => length,
            None => None,
        };
        let Some(total) = total else {
            return Err(self.broke_off("the answer does not say which part of how much it is"));
        };
        if total > MOST_BYTES {
            return Err(Missed::TooLarge);
        }
        let asked = if answer.content_range().is_some() { PART.min(total - part.from) } else { total };
        if length != Some(asked) || part.of.is_some_and(|before| before.bytes != total) {
            return Err(self.broke_off("the answer has another length than was asked for"));
        }
        self.write(answer.body, part.from, asked).await?;
        Ok(Whole { bytes: total, fetched: asked, etag: answer.e_tag })
    }

    /// Writes what comes, which is exactly as much as was asked for.
    async fn write(&self, mut body: ByteStream, from: u64, expected: u64) -> Result<(), Missed> {
        let mut buffer = Vec::with_capacity(BUFFER.min(usize::try_from(expected).unwrap_or(BUFFER)));
        let (mut at, mut left) = (from, expected);
        loop {
            let chunk = body.try_next().await.map_err(|error| self.broke_off(&error.to_string()))?;
            let ended = chunk.is_none();
            let chunk = chunk.unwrap_or_default();
            left = left
                .checked_sub(chunk.len() as u64)
                .ok_or_else(|| self.broke_off("more bytes came than were announced"))?;
            buffer.extend_from_slice(&chunk);
            if buffer.len() >= BUFFER || ended {
                let written = buffer.len() as u64;
                buffer = self.write_at(buffer, at).await?;
                at += written;
            }
            if ended {
                return if left == 0 { Ok(()) } else { Err(self.broke_off("the answer ended early")) };
            }
        }
    }

    /// Writes the buffer and gives it back, empty.
    async fn write_at(&self, mut buffer: Vec<u8>, at: u64) -> Result<Vec<u8>, Missed> {
        let file = Arc::clone(&self.file);
        let writing = tokio::task::spawn_blocking(move || {
            file.write_all_at(&buffer, at)?;
            buffer.clear();
            Ok(buffer)
        });
        let written = writing.await.map_err(std::io::Error::other).flatten();
        written.map_err(|error| broken(self.doing, &error))
    }

    fn broke_off(&self, why: &str) -> Missed {
        Missed::BrokeOff(fault::unavailable(self.doing.to_owned(), why.to_owned()))
    }
}

fn broken(doing: &str, error: &std::io::Error) -> Missed {
    Missed::Fault(fault::unavailable(doing.to_owned(), error.to_string()))
}

/// The length of the whole object in `bytes 0-9/100`, if the part begins at `from`.
fn total_of(range: &str, from: u64) -> Option<u64> {
    let (part, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let begins: u64 = part.split_once('-')?.0.parse().ok()?;
    total.parse().ok().filter(|total| begins == from && from < *total)
}

#[cfg(test)]
mod tests {
    use super::total_of;

    #[test]
    fn a_part_is_taken_only_for_the_one_that_was_asked_for() {
        assert_eq!(total_of("bytes 8-15/100", 8), Some(100));
        for other in
            ["bytes 0-7/100", "bytes 8-15/*", "bytes 8-15/8", "bytes */100", "items 8-15/100", "bytes 8/100", ""]
        {
            assert_eq!(total_of(other, 8), None, "{other}");
        }
    }
}
