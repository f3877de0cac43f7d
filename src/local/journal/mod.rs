//! What outlives the process: a log of what has become of things.
//!
//! Each change of the state appends one line with everything that it changed, as it is afterwards; reading the lines in
//! order, the last word on each thing counts. That is simpler than a log of commands, because it does not matter which
//! settings or which version of the program made a line; and cheaper than a snapshot per change. A line is written
//! before anybody hears of the change, and in one piece, so that a process that is killed leaves whole changes and at
//! most one torn line at the end, which is dropped. Lines are not forced to the disk: they outlive the process, not a
//! power cut. When the log has grown to several times what it holds, it is written anew beside itself and renamed.

mod record;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::engine::State;
use record::Record;

/// The form of the lines. A file of a newer form is refused rather than misread.
const FORM: u32 = 1;
/// A log that is smaller is not worth writing anew.
const SMALL: u64 = 8 << 20;
/// How many times what it holds a log may grow to.
const SLACK: u64 = 4;

const LOG: &str = "state.jsonl";
const NEW_LOG: &str = "state.jsonl.new";
const LOCK: &str = "lock";

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) now: SystemTime,
    pub(super) elapsed: Duration,
}

/// The first line of a log.
#[derive(Serialize, Deserialize)]
struct Header {
    form: u32,
}

/// Every other line.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    at: Moment,
    records: Vec<Record<'a>>,
}

/// Where changes are kept, if anywhere.
pub(super) struct Journal(Option<Log>);

struct Log {
    directory: PathBuf,
    file: File,
    bytes: u64,
    /// How large the log was when it was last written anew, or read.
    held: u64,
    /// Held as long as the log is: a second process would write between the lines of this one.
    _lock: File,
}

/// What a log held.
pub(super) struct Found {
    pub(super) journal: Journal,
    pub(super) state: State,
    /// When the last change was made, if there was any.
    pub(super) last: Option<Moment>,
}

impl Journal {
    /// Keeps nothing.
    pub(super) fn nowhere() -> Self {
        Self(None)
    }

    /// Opens the log in `directory`, or begins one. Its secrets are for their owner's eyes only.
    pub(super) fn open(directory: &Path) -> io::Result<Found> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let lock = locked(&directory.join(LOCK))?;
        let path = directory.join(LOG);
        let (mut state, mut last, mut whole) = (State::new(), None, 0);
        if path.exists() {
            (last, whole) = read(&path, &mut state)?;
        }
        record::mend(&mut state);
        let file = private().append(true).open(&path)?;
        file.set_len(whole)?;
        let mut log = Log { directory: directory.to_owned(), file, bytes: whole, held: whole, _lock: lock };
        if whole == 0 {
            log.append(&header()?)?;
        }
        Ok(Found { journal: Self(Some(log)), state, last })
    }

    /// Keeps what has changed since the last time.
    pub(super) fn keep(&mut self, state: &mut State, at: Moment) -> io::Result<()> {
        let Some(log) = &mut self.0 else {
            state.gone.clear();
            return Ok(());
        };
        let gone = std::mem::take(&mut state.gone);
        let records = record::changed(state, &gone);
        if records.is_empty() {
            return Ok(());
        }
        log.append(&line(&Line { at, records })?)?;
        if log.bytes > SMALL && log.bytes > SLACK * log.held {
            log.write_anew(state, at)?;
        }
        Ok(())
    }
}

impl Log {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn write_anew(&mut self, state: &State, at: Moment) -> io::Result<()> {
        let (path, new) = (self.directory.join(LOG), self.directory.join(NEW_LOG));
        let mut writer = BufWriter::new(private().write(true).truncate(true).open(&new)?);
        writer.write_all(&header()?)?;
        for record in record::all(state) {
            writer.write_all(&line(&Line { at, records: vec![record] })?)?;
        }
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        // The old log is complete: the new one must be, too, before it takes the name.
        file.sync_all()?;
        fs::rename(&new, &path)?;
        self.file = private().append(true).open(&path)?;
        self.bytes = self.file.metadata()?.len();
        self.held = self.bytes;
        Ok(())
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn locked(path: &Path) -> io::Result<File> {
    let file = private().write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another bluestage local uses this directory")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn header() -> io::Result<Vec<u8>> {
    line(&Header { form: FORM })
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the lines of a log into `state`; tells the moment of the last one, and how many bytes are whole lines.
fn read(path: &Path, state: &mut State) -> io::Result<(Option<Moment>, u64)> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut last, mut whole, mut number) = (None, 0, 0);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        number += 1;
        // A line without an end was torn when the process was killed; nobody has heard of it.
        if !bytes.ends_with(b"\n") {
            break;
        }
        let understood = if number == 1 { check_form(&bytes) } else { take(&bytes, state).map(|at| last = Some(at)) };
        understood.map_err(|why| io::Error::other(format!("line {number} of {} {why}", path.display())))?;
        whole += bytes.len() as u64;
        bytes.clear();
    }
    Ok((last, whole))
}

fn check_form(bytes: &[u8]) -> Result<(), String> {
    let header: Header = serde_json::from_slice(bytes).map_err(|error| format!("is damaged: {error}"))?;
    if header.form == FORM {
        return Ok(());
    }
    Err(format!(
        "says that it was written in form {} by another version of bluestage; this one reads {FORM}",
        header.form
    ))
}

fn take(bytes: &[u8], state: &mut State) -> Result<Moment, String> {
    let line: Line<'_> = serde_json::from_slice(bytes)
        .map_err(|error| format!("is damaged ({error}); move the directory away to begin with nothing"))?;
    for record in line.records {
        record::apply(record, state);
    }
    Ok(line.at)
}
