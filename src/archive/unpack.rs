//! Unpacks an archive that somebody else wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use zip::ZipReadOptions;
use zip::read::{Config, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::tree::{Kind, Place, Tree, refused, too_many};
use super::{Limits, Refused};

/// How much of a file is in memory at a time.
const CHUNK: usize = 64 << 10;

/// Unpacks `archive` into the directory `into`, which is empty or does not exist yet, within the usual [`Limits`].
/// Blocks. When it refuses, `into` is empty again.
pub fn unpack(archive: &Path, into: &Path) -> Result<(), Refused> {
    unpack_within(archive, into, &Limits::default())
}

/// As [`unpack`], within limits of one's own.
pub fn unpack_within(archive: &Path, into: &Path, limits: &Limits) -> Result<(), Refused> {
    fs::create_dir_all(into).map_err(Refused::Disk)?;
    // Clearing up deletes whatever is in `into`, so it must be certain that all of it is ours.
    if fs::read_dir(into).map_err(Refused::Disk)?.next().is_some() {
        let full = io::Error::from(io::ErrorKind::DirectoryNotEmpty);
        return Err(Refused::Disk(full));
    }
    let unpacked = check_then_write(archive, into, limits);
    if unpacked.is_err() {
        clear(into).map_err(Refused::Disk)?;
    }
    unpacked
}

fn check_then_write(archive: &Path, into: &Path, limits: &Limits) -> Result<(), Refused> {
    let index = File::open(archive).map_err(Refused::Disk)?;
    // Opened again, because a cloned handle would share its position with the index.
    let mut bodies = File::open(archive).map_err(Refused::Disk)?;
    let packed = index.metadata().map_err(Refused::Disk)?.len();
    let mut entries = ZipIterable::try_new(index, Config::default())
        .map_err(|e| Refused::Archive(format!("it is not a complete zip archive: {}", told(&e))))?;
    if entries.len() > limits.entries {
        return Err(too_many(limits.entries));
    }

    let mut tree = Tree::default();
    for entry in entries.files().map_err(|e| damaged(&e))? {
        if let Some(place) = Place::of(&entry.map_err(|e| damaged(&e))?)? {
            tree.add(&place, limits.entries)?;
        }
    }
    drop(tree);

    let mut written = Written { limits, packed, bytes: 0 };
    for entry in entries.files().map_err(|e| damaged(&e))? {
        let entry = entry.map_err(|e| damaged(&e))?;
        let Some(place) = Place::of(&entry)? else {
            continue;
        };
        match place.kind {
            Kind::Directory => fs::create_dir_all(into.join(&place.path)).map_err(Refused::Disk)?,
            Kind::File { .. } => write_file(entry, &mut bodies, &place, into, &mut written)?,
        }
    }
    Ok(())
}

fn write_file(
    entry: ZipFileEntry<'_>,
    bodies: &mut File,
    place: &Place,
    into: &Path,
    written: &mut Written<'_>,
) -> Result<(), Refused> {
    let mut body = entry
        .with_reader(bodies, ZipReadOptions::new())
        .map_err(|e| refused(&format!("a file in it is damaged ({})", told(&e)), &place.path))?;
    let mut file = create(place, into).map_err(Refused::Disk)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read =
            body.read(&mut chunk).map_err(|e| refused(&format!("a file in it is damaged ({e})"), &place.path))?;
        if read == 0 {
            return Ok(());
        }
        written.add(read)?;
        file.write_all(&chunk[..read]).map_err(Refused::Disk)?;
    }
}

fn create(place: &Place, into: &Path) -> io::Result<File> {
    let path = into.join(&place.path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let executable = match place.kind {
        Kind::File { executable } => executable,
        Kind::Directory => 0,
    };
    OpenOptions::new().write(true).create_new(true).mode(0o644 | executable).open(path)
}

/// Counts what is really written: the sizes in an archive are claims.
struct Written<'a> {
    limits: &'a Limits,
    packed: u64,
    bytes: u64,
}

impl Written<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), Refused> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.limits.bytes {
            let most = self.limits.bytes;
            return Err(Refused::Archive(format!("it unpacks to more than {most} bytes")));
        }
        let expected = self.packed.saturating_mul(self.limits.ratio);
        if self.bytes > self.limits.ratio_from && self.bytes > expected {
            let ratio = self.limits.ratio;
            return Err(Refused::Archive(format!("it unpacks to more than {ratio} times its size")));
        }
        Ok(())
    }
}

fn damaged(error: &ZipError) -> Refused {
    Refused::Archive(format!("its index is damaged: {}", told(error)))
}

/// The library's own words without its preamble, which would say "zip archive" twice.
fn told(error: &ZipError) -> String {
    match error {
        ZipError::InvalidArchive(why) => why.to_string(),
        ZipError::UnsupportedArchive(why) => (*why).to_owned(),
        other => other.to_string(),
    }
}

fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
