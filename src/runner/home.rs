//! Deletes the home of a run.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use tracing::warn;

/// Deletes `home` with everything in it. Blocks.
///
/// Tests leave directories that cannot be written (Go's module cache is one), and only a writable directory can be
/// emptied: where deleting fails, they are made writable first.
pub(super) fn clear(home: TempDir) {
    let path = home.path().to_owned();
    if home.close().is_ok() {
        return;
    }
    let deleted = make_writable(&path).and_then(|()| fs::remove_dir_all(&path));
    if let Err(error) = deleted {
        warn!(%error, path = %path.display(), "the files of a test run were not deleted");
    }
}

fn make_writable(directory: &Path) -> io::Result<()> {
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        fs::set_permissions(&directory, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            // The kind of a link is "link", so nothing outside is touched.
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    Ok(())
}
