//! Zip archives: nothing is read from them yet.

use std::io;
use std::path::Path;

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

/// Unpacks the archive into the empty directory `into`.
///
/// # Errors
/// Always: it is not written yet.
pub fn unpack(_archive: &Path, _into: &Path) -> Result<(), Refused> {
    Err(Refused::Archive(
        "archives cannot be unpacked yet".to_owned(),
    ))
}
