//! Reads zip archives: the index at the end twice, once to check it and once to write, and each file once.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::ZipReadOptions;
use zip::read::{ArchiveOffset, Config, ZipFile, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::names::{self, refused, shown};
use super::tree::{Kind, Place, Tree, too_many};
use super::written::{Content, Counted, Written};
use super::{Limits, Refused};

/// The bits of a Unix mode that tell what kind of file it is, and the kinds that we unpack.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMBOLIC_LINK: u32 = 0o120_000;

/// The fixed parts of a file's header and of the end of the index, and the longest comment behind that (APPNOTE 4.3.7,
/// 4.3.16).
const FILE_HEADER: u64 = 30;
const END_OF_INDEX: usize = 22;
const MOST_COMMENT: usize = u16::MAX as usize;

/// The index is read entry by entry: it is never held as a whole.
type Index = ZipIterable<BufReader<File>>;

/// Unpacks a zip archive that is open twice, for its index and for its files.
pub(super) fn unpack(index: File, mut bodies: File, into: &Path, limits: Limits) -> Result<(), Refused> {
    let packed = bodies.metadata().map_err(Refused::Disk)?.len();
    let end = end_of_index(&mut bodies, packed)?;
    let mut index = open(index, limits)?;
    let mut tree = Tree::new(limits.entries);
    let mut written = Written::new(into);
    let mut index_starts = u64::MAX;
    let mut spans = Vec::with_capacity(index.len());
    let entries = index.files().map_err(|e| damaged(&e))?;
    for entry in entries.by_ref() {
        let entry = entry.map_err(|e| damaged(&e))?;
        index_starts = index_starts.min(entry.central_header_start());
        spans.push((entry.header_start(), entry.compressed_size()));
        check(entry, &mut bodies, &mut tree, &mut written)?;
    }
    belongs_to(entries.reader_mut(), spans.len(), end)?;
    nothing_overlaps(spans, index_starts)?;
    let mut counted = Counted::new(limits, packed);
    for entry in index.files().map_err(|e| damaged(&e))? {
        write(entry.map_err(|e| damaged(&e))?, &mut bodies, &mut written, &mut counted)?;
    }
    written.finish(&tree)
}

fn open(index: File, limits: Limits) -> Result<Index, Refused> {
    // Nothing stands before the archive: the library need not search for where it begins.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    // The index's entries are short, and each is looked for anew.
    let index = Index::try_new(BufReader::with_capacity(512, index), config)
        .map_err(|e| Refused::Archive(format!("it is not a complete zip archive: {}", told(&e))))?;
    if index.len() > limits.entries {
        return Err(too_many(limits.entries));
    }
    // A file has two headers. Where they disagree, others may see other files in it than we do.
    Ok(index.enforce_header_consistency(true))
}

/// Where the end of the index stands whose last byte is the archive's: what follows, others may take for an archive.
fn end_of_index(archive: &mut File, packed: u64) -> Result<u64, Refused> {
    let most = (END_OF_INDEX + MOST_COMMENT) as u64;
    let from = packed.saturating_sub(most);
    let mut tail = Vec::new();
    archive.seek(SeekFrom::Start(from)).map_err(Refused::Disk)?;
    archive.take(most).read_to_end(&mut tail).map_err(Refused::Disk)?;
    let Some(at) = tail.windows(4).rposition(|four| four == b"PK\x05\x06") else {
        return Err(Refused::Archive("it is not a complete zip archive: its end is missing".into()));
    };
    match tail.get(at + END_OF_INDEX - 2..at + END_OF_INDEX) {
        Some([low, high]) if at + END_OF_INDEX + usize::from(u16::from_le_bytes([*low, *high])) == tail.len() => {
            Ok(from + at as u64)
        }
        _ => Err(Refused::Archive(
            "it does not end where it says: something follows its end, or a part of that is missing".into(),
        )),
    }
}

/// Insists that the index, which ended where `index` stands, belongs to this end. The library falls back on an earlier
/// end where it does not like the last one, and two archives in one are two answers to what is in it.
fn belongs_to(index: &mut BufReader<File>, entries: usize, end: u64) -> Result<(), Refused> {
    let mut at = if entries == 0 { 0 } else { index.stream_position().map_err(Refused::Disk)? };
    let mut longer = [0; 12];
    index.seek(SeekFrom::Start(at)).map_err(Refused::Disk)?;
    if at < end && index.read_exact(&mut longer).is_ok() && longer.starts_with(b"PK\x06\x06") {
        // The longer form of the end (zip64) says how much of it follows; its locator stands between the two.
        let [_, _, _, _, size @ ..] = longer;
        at = at.saturating_add(12 + 20).saturating_add(u64::from_le_bytes(size));
    }
    if at == end { Ok(()) } else { Err(Refused::Archive("something stands between its index and its end".into())) }
}

/// Looks at an entry before anything is written, and notes it if it is a symbolic link.
fn check(
    entry: ZipFileEntry<'_>,
    bodies: &mut File,
    tree: &mut Tree,
    written: &mut Written<'_>,
) -> Result<(), Refused> {
    if let Some(place) = place_of(entry, bodies)? {
        tree.add(&place)?;
        if matches!(place.kind, Kind::SymbolicLink { .. }) {
            written.entry(place)?;
        }
    }
    Ok(())
}

/// Bombs of a few kilobytes unpack the same bytes as thousands of files.
fn nothing_overlaps(mut spans: Vec<(u64, u64)>, index_starts: u64) -> Result<(), Refused> {
    spans.sort_unstable();
    let starts = spans.iter().map(|(start, _)| *start).skip(1).chain([index_starts]);
    for ((start, packed), next) in spans.iter().zip(starts) {
        let end = start.checked_add(FILE_HEADER).and_then(|end| end.checked_add(*packed));
        if end.is_none_or(|end| end > next) {
            return Err(Refused::Archive("files in it overlap".into()));
        }
    }
    Ok(())
}

fn write(
    entry: ZipFileEntry<'_>,
    bodies: &mut File,
    written: &mut Written<'_>,
    counted: &mut Counted,
) -> Result<(), Refused> {
    let path = names::path(entry.name_raw())?;
    match shape_of(&entry, &path)? {
        Shape::Root | Shape::SymbolicLink => Ok(()),
        Shape::Directory => written.entry(Place { path, kind: Kind::Directory }),
        Shape::File { executable } => {
            let claimed = entry.size();
            let mut body = body(entry, bodies, &path)?;
            let length = written.file((&path, executable), &mut body, &mut |bytes| counted.add(bytes))?;
            if length == claimed {
                return Ok(());
            }
            Err(refused("a file in it has another length than it says", &path))
        }
    }
}

/// What an entry is, before its content is looked at.
enum Shape {
    /// It only names the root.
    Root,
    Directory,
    File {
        executable: u32,
    },
    SymbolicLink,
}

fn shape_of(entry: &ZipFileEntry<'_>, path: &str) -> Result<Shape, Refused> {
    let mode = entry.unix_mode().unwrap_or(0);
    let is_directory = mode & KIND == DIRECTORY || entry.name_raw().ends_with(b"/");
    if entry.encrypted() {
        return Err(refused("it holds an encrypted file", path));
    }
    match mode & KIND {
        SYMBOLIC_LINK if !path.is_empty() && !is_directory => Ok(Shape::SymbolicLink),
        0 | REGULAR | DIRECTORY if path.is_empty() && is_directory => Ok(Shape::Root),
        _ if path.is_empty() => Err(Refused::Archive("it holds a file without a name".into())),
        0 | REGULAR | DIRECTORY if is_directory => Ok(Shape::Directory),
        0 | REGULAR => Ok(Shape::File { executable: mode & 0o111 }),
        _ => Err(refused("it holds a special file", path)),
    }
}

/// Where the entry goes; `None` for one that only names the root.
fn place_of(entry: ZipFileEntry<'_>, bodies: &mut File) -> Result<Option<Place>, Refused> {
    let path = names::path(entry.name_raw())?;
    let kind = match shape_of(&entry, &path)? {
        Shape::Root => return Ok(None),
        Shape::Directory => Kind::Directory,
        Shape::File { executable } => Kind::File { executable },
        Shape::SymbolicLink => {
            let mut target = Vec::new();
            let mut body = body(entry, bodies, &path)?;
            let read = body.by_ref().take(names::MOST_NAME_BYTES as u64 + 1).read_to_end(&mut target);
            read.map_err(|error| body.refused(&error, &path))?;
            Kind::SymbolicLink { target: names::target(&target, &path)? }
        }
    };
    Ok(Some(Place { path, kind }))
}

fn body<'a>(entry: ZipFileEntry<'a>, bodies: &'a mut File, path: &str) -> Result<ZipFile<'a, File>, Refused> {
    entry
        .with_reader(bodies, ZipReadOptions::new())
        .map_err(|e| refused(&format!("a file in it is damaged ({})", told(&e)), path))
}

impl Content for ZipFile<'_, File> {
    fn refused(&self, error: &io::Error, path: &str) -> Refused {
        refused(&format!("a file in it is damaged ({})", shown(&error.to_string())), path)
    }
}

fn damaged(error: &ZipError) -> Refused {
    Refused::Archive(format!("its index is damaged: {}", told(error)))
}

/// The library's own words without its preamble, which would say "zip archive" twice. They may quote names.
fn told(error: &ZipError) -> String {
    shown(&match error {
        ZipError::InvalidArchive(why) => why.to_string(),
        ZipError::UnsupportedArchive(why) => (*why).to_owned(),
        other => other.to_string(),
    })
}
