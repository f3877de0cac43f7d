//! Archives: CodePipeline's artifacts come and go as them.
//!
//! What we unpack was written by others and is hostile until shown otherwise: [`unpack`] looks at every name before it
//! writes anything there, trusts no size that an archive claims, and leaves nothing behind when it refuses. What an
//! archive is, its first bytes tell, never its name: zip, tar, or tar packed with gzip. What we pack is our own, so
//! [`pack`] is plain, and always zip.
//!
//! Read in this order: `unpack` (the whole), `form` (what it is), `names` and `tree` (what may be in it), `from_zip`
//! and `from_tar` (the two readers), `written` (what becomes of it on disk).

mod form;
mod from_tar;
mod from_zip;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod names;
mod pack;
mod tar_headers;
mod tree;
mod unpack;
mod written;

#[cfg(test)]
mod tests;

use std::io;

pub use pack::{pack, pack_without};
pub use unpack::{unpack, unpack_within};

/// Why an archive was not unpacked. It prints as the second half of a sentence: "artifact Source is refused: …".
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The archive is not one that we unpack, and never will be.
    #[error("{0}")]
    Archive(String),
    /// This machine could not take it, which says nothing about the archive.
    #[error("it could not be written to disk: {0}")]
    Disk(#[source] io::Error),
}

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files, links and directories, also those that only appear in the middle of a name.
    pub entries: usize,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Unpacked bytes for each byte of the archive.
    pub ratio: u64,
    /// Unpacked bytes up to which the ratio does not matter: a small file of zeros is no attack.
    pub ratio_from: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // CodePipeline's own limit for the files in a source zip.
            entries: 100_000,
            // CodePipeline takes source zips of up to 2 GB from its largest source, and source code halves when packed.
            // More would let a single job fill the disk that all jobs of a worker share.
            bytes: 4 << 30,
            // Text packs to a tenth, logs to a fiftieth. Deflate alone reaches 1,032; bombs of overlapping files millions.
            ratio: 200,
            ratio_from: 16 << 20,
        }
    }
}
