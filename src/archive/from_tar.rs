//! Reads tar archives, packed with gzip or not: once, from the first entry to the last.
//!
//! The library reads headers, one by one; what belongs together is put together in `tar_headers`, and nothing is
//! unpacked by it.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry};

use super::names::{refused, shown};
use super::tar_headers::{Announced, Next};
use super::tree::{Kind, Place, Tree};
use super::written::{Content, Counted, Written};
use super::{Limits, Refused};

/// The unit of a tar: headers are one long, content is filled up to whole ones, and one of zeros is the end.
const BLOCK: u64 = 512;

/// How much of the archive is read at a time.
const CHUNK: usize = 64 << 10;

/// Unpacks a tar.
pub(super) fn unpack(archive: File, into: &Path, limits: Limits) -> Result<(), Refused> {
    let packed = archive.metadata().map_err(Refused::Disk)?.len();
    let mut archive = BufReader::with_capacity(CHUNK, archive);
    read(&mut archive, packed, into, limits)
}

/// Unpacks a tar that is packed with gzip.
pub(super) fn unpack_gz(archive: File, into: &Path, limits: Limits) -> Result<(), Refused> {
    let packed = archive.metadata().map_err(Refused::Disk)?.len();
    let mut archive = GzDecoder::new(BufReader::with_capacity(CHUNK, archive));
    read(&mut archive, packed, into, limits)?;
    let mut rest = archive.into_inner();
    match rest.fill_buf() {
        Ok([]) => Ok(()),
        Ok(_) => Err(Refused::Archive("something follows its end".into())),
        Err(error) => Err(Refused::Disk(error)),
    }
}

fn read(source: &mut dyn Read, packed: u64, into: &Path, limits: Limits) -> Result<(), Refused> {
    let counted = RefCell::new(Counted::new(limits, packed));
    let mut stream = Stream { source, counted: &counted, read: 0 };
    let mut archive = Archive::new(&mut stream);
    let mut tree = Tree::new(limits.entries);
    let mut written = Written::new(into);
    let mut announced = Announced::default();
    let mut end = 0;
    for entry in archive.entries().map_err(|e| damaged(&e))?.raw(true) {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        if let Next::Entry(place) = announced.next(&mut entry)? {
            tree.add(&place)?;
            write(place, &mut entry, &mut written)?;
        }
    }
    announced.is_complete()?;
    ends(&mut stream, end)?;
    written.finish(&tree)
}

fn write(place: Place, entry: &mut Entry<'_, &mut Stream<'_>>, written: &mut Written<'_>) -> Result<(), Refused> {
    let Kind::File { executable } = place.kind else {
        return written.entry(place);
    };
    let claimed = entry.size();
    // All bytes of the stream are counted as they come, those of files among them.
    let length = written.file((&place.path, executable), entry, &mut |_| Ok(()))?;
    if length == claimed {
        return Ok(());
    }
    Err(refused("a file in it is damaged (the archive ends in the middle of it)", &place.path))
}

/// Insists that zeros end the archive, and nothing but zeros follows.
fn ends(stream: &mut Stream<'_>, end: u64) -> Result<(), Refused> {
    if stream.read < end + BLOCK {
        return Err(Refused::Archive("it ends in the middle".into()));
    }
    let mut chunk = vec![0; CHUNK];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) if chunk[..read].iter().any(|byte| *byte != 0) => {
                return Err(Refused::Archive("something follows its end".into()));
            }
            Ok(_) => {}
            Err(error) => return Err(damaged(&error)),
        }
    }
}

/// The tar as it comes out of its packing, counted.
struct Stream<'a> {
    source: &'a mut dyn Read,
    counted: &'a RefCell<Counted>,
    read: u64,
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(into)?;
        self.read += read as u64;
        self.counted.borrow_mut().add(read).map_err(io::Error::other)?;
        Ok(read)
    }
}

impl Content for Entry<'_, &mut Stream<'_>> {
    fn refused(&self, error: &io::Error, path: &str) -> Refused {
        too_much(error)
            .unwrap_or_else(|| refused(&format!("a file in it is damaged ({})", shown(&error.to_string())), path))
    }
}

pub(super) fn damaged(error: &io::Error) -> Refused {
    too_much(error).unwrap_or_else(|| Refused::Archive(format!("it is damaged: {}", shown(&error.to_string()))))
}

/// A limit that was passed while the library was reading.
fn too_much(error: &io::Error) -> Option<Refused> {
    match error.get_ref()?.downcast_ref::<Refused>()? {
        Refused::Archive(why) => Some(Refused::Archive(why.clone())),
        Refused::Disk(_) => None,
    }
}
