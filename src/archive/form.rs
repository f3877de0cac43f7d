//! What an archive is: told by its first bytes, because its name may say anything.

use std::fs::File;
use std::io::{self, Read, Seek};

use tar::Header;

use super::Refused;

/// What we unpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Zip,
    Tar,
    /// Tar packed with gzip.
    TarGz,
}

/// What others pack with, to tell people what we saw.
const OTHERS: &[(&[u8], &str)] = &[
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x04\x22\x4d\x18", "LZ4"),
];

impl Form {
    /// What `archive` is; it stands at its beginning again.
    pub(super) fn of(archive: &mut File) -> Result<Self, Refused> {
        let start = start_of(archive).map_err(Refused::Disk)?;
        // A zip begins with its first file, or with the end of an empty index.
        if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
            return Ok(Self::Zip);
        }
        if start.starts_with(b"\x1f\x8b") {
            return Ok(Self::TarGz);
        }
        if is_tar(&start) {
            return Ok(Self::Tar);
        }
        let seen = OTHERS.iter().find(|(magic, _)| start.starts_with(magic));
        let why = match seen {
            Some((_, name)) => format!("it is packed with {name}, and only zip, tar and tar.gz are unpacked"),
            None => "it is neither a zip nor a tar nor a tar.gz archive".to_owned(),
        };
        Err(Refused::Archive(why))
    }
}

fn start_of(archive: &mut File) -> io::Result<Vec<u8>> {
    archive.rewind()?;
    let mut start = Vec::new();
    archive.by_ref().take(512).read_to_end(&mut start)?;
    archive.rewind()?;
    Ok(start)
}

/// Whether this is the first block of a tar: a header whose checksum is right, or the zeros that end an empty one. Old
/// tars have no magic word, so the checksum is the only thing that all have.
fn is_tar(start: &[u8]) -> bool {
    if start.len() < 512 {
        return false;
    }
    let header = Header::from_byte_slice(start);
    let with_blanks = start[..148].iter().chain(&start[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
    start.iter().all(|byte| *byte == 0) || header.cksum().is_ok_and(|told| told == with_blanks)
}
