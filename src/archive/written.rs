//! What is written of an archive.
//!
//! Symbolic links are made last, when everything else is in place: until then there is nothing but plain directories and
//! files, so that no write can be led elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::names::refused;
use super::tree::{Kind, Place, Tree};
use super::{Limits, Refused};

/// How much of a file is in memory at a time.
const CHUNK: usize = 64 << 10;

/// What was written so far.
pub(super) struct Written<'a> {
    into: &'a Path,
    chunk: Vec<u8>,
    links: Vec<(PathBuf, String)>,
    /// The directory of the last file: mostly the next one's, too.
    last: PathBuf,
}

/// The content of a file, and the words for what is wrong with it.
pub(super) trait Content: Read {
    /// Why reading failed.
    fn refused(&self, error: &io::Error, path: &str) -> Refused;
}

impl<'a> Written<'a> {
    pub(super) fn new(into: &'a Path) -> Self {
        Self { into, chunk: vec![0; CHUNK], links: Vec::new(), last: PathBuf::new() }
    }

    /// Writes what is no file with content.
    pub(super) fn entry(&mut self, place: Place) -> Result<(), Refused> {
        let path = self.into.join(&place.path);
        match place.kind {
            Kind::Directory => fs::create_dir_all(path).map_err(Refused::Disk),
            Kind::SymbolicLink { target } => {
                self.links.push((path, target));
                Ok(())
            }
            Kind::HardLink { target } => {
                self.parent_of(&path).map_err(Refused::Disk)?;
                let linked = fs::hard_link(self.into.join(target), path);
                linked.map_err(|error| match error.kind() {
                    io::ErrorKind::TooManyLinks => refused("it holds too many hard links to one file", &place.path),
                    _ => Refused::Disk(error),
                })
            }
            Kind::File { executable } => self.create(&path, executable).map(drop),
        }
    }

    /// Writes a file, and tells how long it has become. `admit` is asked before every part of it.
    pub(super) fn file(
        &mut self,
        (path, executable): (&str, u32),
        content: &mut dyn Content,
        admit: &mut dyn FnMut(usize) -> Result<(), Refused>,
    ) -> Result<u64, Refused> {
        let mut file = self.create(&self.into.join(path), executable)?;
        let mut length = 0;
        loop {
            let read = match content.read(&mut self.chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(content.refused(&error, path)),
            };
            if read == 0 {
                return Ok(length);
            }
            admit(read)?;
            file.write_all(&self.chunk[..read]).map_err(Refused::Disk)?;
            length += read as u64;
        }
    }

    fn create(&mut self, path: &Path, executable: u32) -> Result<File, Refused> {
        self.parent_of(path).map_err(Refused::Disk)?;
        let mode = 0o644 | executable;
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(Refused::Disk)
    }

    fn parent_of(&mut self, path: &Path) -> io::Result<()> {
        if let Some(parent) = path.parent().filter(|parent| *parent != self.last) {
            fs::create_dir_all(parent)?;
            self.last = parent.to_owned();
        }
        Ok(())
    }

    /// Makes the links that the tree allows.
    pub(super) fn finish(mut self, tree: &Tree) -> Result<(), Refused> {
        tree.check_links()?;
        let links = std::mem::take(&mut self.links);
        for (path, _) in &links {
            self.parent_of(path).map_err(Refused::Disk)?;
        }
        links.into_iter().try_for_each(|(path, target)| symlink(target, path)).map_err(Refused::Disk)
    }
}

/// Counts what really comes out: the sizes in an archive are claims.
pub(super) struct Counted {
    limits: Limits,
    packed: u64,
    bytes: u64,
}

impl Counted {
    /// Nothing yet, of an archive of `packed` bytes.
    pub(super) fn new(limits: Limits, packed: u64) -> Self {
        Self { limits, packed, bytes: 0 }
    }

    /// Counts some more.
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Refused> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.limits.bytes {
            return Err(Refused::Archive(format!("it unpacks to more than {} bytes", self.limits.bytes)));
        }
        let expected = self.packed.saturating_mul(self.limits.ratio);
        if self.bytes > self.limits.ratio_from && self.bytes > expected {
            return Err(Refused::Archive(format!("it unpacks to more than {} times its size", self.limits.ratio)));
        }
        Ok(())
    }
}
