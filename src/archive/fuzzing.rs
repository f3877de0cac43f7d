//! What is fuzzed of the archives: unpacking. Built for `cargo fuzz` and for the test that replays what it found, and
//! never into the program.

#![expect(missing_docs, reason = "the name of each function says which input it reads")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Limits, Refused, unpack_within};

/// Small, so that most of the time goes into reading archives and not into writing files.
const LIMITS: Limits = Limits { entries: 64, bytes: 1 << 20, ratio: 200, ratio_from: 64 << 10 };

pub fn archive(bytes: &[u8]) {
    let home = tempfile::TempDir::new().expect("a directory");
    let (archive, into) = (home.path().join("a"), home.path().join("into"));
    fs::write(&archive, bytes).expect("the archive is written");
    match unpack_within(&archive, &into, &LIMITS) {
        Ok(()) => {
            let root = into.canonicalize().expect("it was unpacked");
            let mut bytes = 0;
            stays_inside(&into, &root, &mut bytes);
            assert!(bytes <= LIMITS.bytes, "{bytes} bytes");
        }
        Err(Refused::Archive(why)) => {
            assert!(!why.contains(char::is_control), "{why:?}");
            assert_eq!(fs::read_dir(&into).expect("a directory").count(), 0, "left over: {why}");
        }
        // A name that no limit forbids and this disk does not take would be a gap in the limits.
        Err(Refused::Disk(error)) => panic!("{error}"),
    }
    assert_eq!(fs::read_dir(home.path()).expect("a directory").count(), 2, "something lies beside it");
}

fn stays_inside(directory: &Path, root: &Path, bytes: &mut u64) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        if metadata.is_symlink() {
            if let Ok(end) = path.canonicalize() {
                assert!(end.starts_with(root), "{} leads to {}", path.display(), end.display());
            }
            continue;
        }
        let mode = metadata.permissions().mode();
        assert_eq!(mode & 0o7000, 0, "{} has mode {mode:o}", path.display());
        assert_eq!(mode & 0o600, 0o600, "{} has mode {mode:o}", path.display());
        if metadata.is_dir() {
            stays_inside(&path, root, bytes);
        } else {
            assert!(metadata.is_file(), "{} is special", path.display());
            *bytes += metadata.len();
        }
    }
}
