//! The source that AWS does not have: a directory on this machine, zipped, for development.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::{configured, misconfigured, source};
use crate::archive;
use crate::local::Local;
use crate::local::engine::{ABSENT, Errand, Failed, Finished};

/// What is left out: Git writes to its own directory when it only looks.
const LEFT_OUT: &[&str] = &[".git"];

/// A directory as it was when it was looked at.
pub(in crate::local) struct Directory {
    /// Names, sizes and times: as long as they are the same, nobody reads the files.
    look: [u8; 32],
    revision: String,
}

impl Directory {
    /// The present revision of a directory: a digest of its files. `None` if it cannot be told.
    pub(in crate::local) async fn look(path: &str, seen: &mut HashMap<String, Self>) -> Option<String> {
        let directory = PathBuf::from(path);
        if !directory.is_dir() {
            return Some(ABSENT.to_owned());
        }
        let look = blocking(move || glance(&directory)).await.ok()?;
        if let Some(known) = seen.get(path).filter(|known| known.look == look) {
            return Some(known.revision.clone());
        }
        let directory = PathBuf::from(path);
        let (_, revision) = blocking(move || zip(&directory)).await.ok()?;
        seen.insert(path.to_owned(), Self { look, revision: revision.clone() });
        Some(revision)
    }
}

/// Packs the directory of an errand into the artifact store.
pub(super) async fn pack(local: &Local, errand: &Errand) -> Result<Finished, Failed> {
    let path = configured(errand, "Directory").unwrap_or_default().to_owned();
    let directory = PathBuf::from(&path);
    let (bytes, revision) = blocking(move || zip(&directory))
        .await
        .map_err(|error| misconfigured(format!("The directory '{path}' could not be packed: {error}")))?;
    source::store(local, errand, bytes).await?;
    let variables = [("Directory".to_owned(), path.clone())];
    Ok(Finished { revision: Some((revision, format!("Directory {path}"))), variables: variables.into(), summary: None })
}

/// The archive of a directory, and its digest. The same files make the same archive.
fn zip(directory: &Path) -> io::Result<(Vec<u8>, String)> {
    let place = tempfile::tempdir()?;
    let archive = place.path().join("source.zip");
    archive::pack_without(directory, &archive, LEFT_OUT)?;
    let bytes = fs::read(&archive)?;
    let digest = Sha256::digest(&bytes);
    let revision = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, revision))
}

/// A digest of names, sizes and times.
fn glance(directory: &Path) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut open = vec![directory.to_owned()];
    while let Some(below) = open.pop() {
        let mut entries = fs::read_dir(below)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                open.push(entry.path());
            } else if kind.is_file() {
                let metadata = entry.metadata()?;
                let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                digest.update(entry.path().as_os_str().as_encoded_bytes());
                digest.update(metadata.len().to_be_bytes());
                digest.update(changed.as_nanos().to_be_bytes());
            }
        }
    }
    Ok(digest.finalize().into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_in_a_directory_is_a_new_revision_and_gits_own_is_none() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().display().to_string();
        let mut seen = HashMap::new();
        fs::write(place.path().join("a"), "1").unwrap();
        let first = Directory::look(&path, &mut seen).await.unwrap();
        fs::create_dir(place.path().join(".git")).unwrap();
        fs::write(place.path().join(".git/index"), "x").unwrap();
        assert_eq!(Directory::look(&path, &mut seen).await.unwrap(), first);
        fs::write(place.path().join("a"), "22").unwrap();
        assert_ne!(Directory::look(&path, &mut seen).await.unwrap(), first);
        fs::write(place.path().join("a"), "1").unwrap();
        assert_eq!(Directory::look(&path, &mut seen).await.unwrap(), first, "the same files are the same revision");
    }
}
