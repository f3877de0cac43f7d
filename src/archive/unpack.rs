//! Unpacks an archive that somebody else wrote.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::form::Form;
use super::{Limits, Refused, from_tar, from_zip};

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
    let unpacked = read(archive, into, *limits);
    if unpacked.is_err() {
        clear(into).map_err(Refused::Disk)?;
    }
    unpacked
}

fn read(archive: &Path, into: &Path, limits: Limits) -> Result<(), Refused> {
    let mut file = File::open(archive).map_err(Refused::Disk)?;
    match Form::of(&mut file)? {
        // Opened again, because a cloned handle would share its position with the index.
        Form::Zip => from_zip::unpack(file, File::open(archive).map_err(Refused::Disk)?, into, limits),
        Form::Tar => from_tar::unpack(file, into, limits),
        Form::TarGz => from_tar::unpack_gz(file, into, limits),
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
