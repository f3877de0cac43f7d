//! What a run prints: into a log file, bounded, with the end of it at hand.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::secrets::Stream;
use super::tally::Tally;
use super::text::{end_of, last_line, readable, start_of};

/// The most characters of what is kept of the end, as `RunEnd::tail` promises.
const MOST_TAIL: usize = 2_000;

/// A line of progress is shown beside others; a console is about this wide, twice.
const MOST_PROGRESS: usize = 200;

/// Of these bytes the tail is made: 2,000 characters of up to four bytes, and as much again for colours.
const KEPT_BYTES: usize = 16 << 10;

/// How much is read at a time: a Linux pipe holds this much.
const CHUNK: usize = 64 << 10;

/// The end of what a run has printed so far, and what all of it tells.
#[derive(Debug, Default)]
pub(super) struct Printed(Mutex<So>);

#[derive(Debug, Default)]
struct So {
    end: VecDeque<u8>,
    tally: Tally,
}

impl Printed {
    fn add(&self, bytes: &[u8]) {
        let mut so = self.lock();
        so.tally.add(bytes);
        so.end.extend(&bytes[bytes.len().saturating_sub(KEPT_BYTES)..]);
        let too_many = so.end.len().saturating_sub(KEPT_BYTES);
        so.end.drain(..too_many);
    }

    /// All that is kept of the end.
    pub(super) fn text(&self) -> String {
        readable(self.lock().end.make_contiguous())
    }

    /// How many tests have passed, where that was told; else the last line.
    pub(super) fn progress(&self) -> String {
        let counted = self.lock().tally.told();
        counted.unwrap_or_else(|| start_of(last_line(&self.text()), MOST_PROGRESS))
    }

    fn lock(&self) -> MutexGuard<'_, So> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last lines.
    pub(super) fn tail(&self) -> String {
        end_of(&self.text(), MOST_TAIL).to_owned()
    }
}

/// Reads what a run prints until nobody can print any more.
pub(super) struct Capture {
    /// Cancelled when everything has been read and written, or the reading failed.
    drained: CancellationToken,
    /// Cancelled to read no further, although somebody could still print.
    enough: CancellationToken,
}

impl Capture {
    /// Starts to read `pipe` into `printed` and a new file `log` of at most `most` bytes, without the secrets.
    pub(super) fn start(
        pipe: impl Into<OwnedFd>,
        (log, most): (PathBuf, u64),
        printed: Arc<Printed>,
        mut secrets: Stream,
    ) -> io::Result<Self> {
        let pipe = Receiver::from_owned_fd(pipe.into())?;
        let capture = Self { drained: CancellationToken::new(), enough: CancellationToken::new() };
        let enough = capture.enough.clone();
        // The guard also tells when the reading panics.
        let drained = capture.drained.clone().drop_guard();
        tokio::spawn(async move {
            let _drained = drained;
            let mut kept = Kept { log: Log::new(log, most).await, printed };
            if let Err(error) = read_all(pipe, &mut secrets, &mut kept, &enough).await {
                warn!(%error, "what a test run prints could not be read");
            }
            kept.add(&secrets.last()).await;
            kept.log.finish().await;
        });
        Ok(capture)
    }

    /// Waits until everything has been read.
    pub(super) async fn drained(&self) {
        self.drained.cancelled().await;
    }

    /// Reads no further.
    pub(super) async fn stop(&self) {
        self.enough.cancel();
        self.drained().await;
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.enough.cancel();
    }
}

async fn read_all(
    mut pipe: Receiver,
    secrets: &mut Stream,
    kept: &mut Kept,
    enough: &CancellationToken,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = pipe.read(&mut chunk) => read?,
            () = enough.cancelled() => 0,
        };
        if read == 0 {
            return Ok(());
        }
        kept.add(&secrets.next(&chunk[..read])).await;
        // Who prints without end is read without end, and everybody else has their turn between.
        yield_now().await;
    }
}

/// What is kept of what a run prints.
struct Kept {
    log: Log,
    printed: Arc<Printed>,
}

impl Kept {
    async fn add(&mut self, bytes: &[u8]) {
        self.printed.add(bytes);
        self.log.add(bytes).await;
    }
}

/// The log file. Whatever happens to it, reading goes on: a full pipe would block the tests.
struct Log {
    file: Option<File>,
    room: u64,
    most: u64,
}

impl Log {
    async fn new(path: PathBuf, most: u64) -> Self {
        let file = File::create_new(&path).await;
        if let Err(error) = &file {
            warn!(%error, path = %path.display(), "the log of a test run could not be made");
        }
        Self { file: file.ok(), room: most, most }
    }

    async fn add(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.room).map_or(bytes.len(), |room| room.min(bytes.len()));
        self.room -= fits as u64;
        self.write(&bytes[..fits]).await;
        if fits < bytes.len() {
            let most = self.most;
            let marker = format!("\n[more was printed: this log ends after {most} bytes]\n");
            self.write(marker.as_bytes()).await;
            self.finish().await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else {
            return;
        };
        if let Err(error) = file.write_all(bytes).await {
            warn!(%error, "the log of a test run could not be written");
            self.file = None;
        }
    }

    /// Writes what is still on its way, and nothing after it.
    async fn finish(&mut self) {
        let Some(mut file) = self.file.take() else {
            return;
        };
        if let Err(error) = file.flush().await {
            warn!(%error, "the log of a test run could not be written");
        }
    }
}
