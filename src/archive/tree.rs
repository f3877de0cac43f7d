//! The tree of files that an archive claims to hold, checked name by name before anything is written.

use std::collections::HashMap;

use zip::read::ZipFileEntry;

use super::Refused;

/// With a work directory in front of it, a path must stay below Linux's 4,096 bytes.
const MOST_NAME_BYTES: usize = 1_024;

/// The most that a file system takes for one part of a path.
const MOST_PART_BYTES: usize = 255;

/// All names are held in memory while they are compared; real archives need a few MiB.
const MOST_BYTES_OF_ALL_NAMES: usize = 32 << 20;

/// The bits of a Unix mode that tell what kind of file it is, and the two kinds that we unpack.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMBOLIC_LINK: u32 = 0o120_000;

/// What is to be at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A directory.
    Directory,
    /// A file with these executable bits; it keeps no other part of its mode.
    File { executable: u32 },
}

/// Where an entry goes.
#[derive(Debug)]
pub(super) struct Place {
    /// Relative, parts separated by single slashes, never `.` or `..`.
    pub(super) path: String,
    /// What it is.
    pub(super) kind: Kind,
}

impl Place {
    /// Where `entry` goes; `None` for an entry that only names the root.
    pub(super) fn of(entry: &ZipFileEntry<'_>) -> Result<Option<Self>, Refused> {
        let raw = entry.name_raw();
        let Ok(name) = std::str::from_utf8(raw) else {
            let lossy = String::from_utf8_lossy(raw);
            return Err(refused("it holds a name that is not UTF-8", &lossy));
        };
        if entry.encrypted() {
            return Err(refused("it holds an encrypted file", name));
        }
        let path = checked(name)?;
        let kind = kind_of(name, entry.unix_mode())?;
        if path.is_empty() && kind != Kind::Directory {
            return Err(refused("it holds a file without a name", name));
        }
        Ok((!path.is_empty()).then_some(Self { path, kind }))
    }
}

fn kind_of(name: &str, mode: Option<u32>) -> Result<Kind, Refused> {
    let mode = mode.unwrap_or(0);
    match mode & KIND {
        SYMBOLIC_LINK => Err(refused("it holds a symbolic link", name)),
        DIRECTORY => Ok(Kind::Directory),
        0 | REGULAR if name.ends_with('/') => Ok(Kind::Directory),
        0 | REGULAR => Ok(Kind::File { executable: mode & 0o111 }),
        _ => Err(refused("it holds a special file", name)),
    }
}

/// `name` as a relative path that stays where it is put.
fn checked(name: &str) -> Result<String, Refused> {
    if name.len() > MOST_NAME_BYTES {
        return Err(refused("it holds a name that is too long", name));
    }
    if name.contains(char::is_control) {
        return Err(refused("it holds a name with a control character", name));
    }
    if name.starts_with(['/', '\\']) || starts_with_drive(name) {
        return Err(refused("it holds an absolute path", name));
    }
    // A backslash is an ordinary character here and a separator elsewhere: `..` may hide behind either.
    if name.split(['/', '\\']).any(|part| part == "..") {
        return Err(refused("it holds a path that leads out of it", name));
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| part.len() > MOST_PART_BYTES) {
        return Err(refused("it holds a name that is too long", name));
    }
    Ok(parts.join("/"))
}

fn starts_with_drive(name: &str) -> bool {
    let bytes = name.as_bytes();
    matches!(bytes, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

/// Everything that was found so far.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By path without regard to case: what differs only in case is one file on some file systems.
    nodes: HashMap<String, Node>,
    bytes_of_names: usize,
}

#[derive(Debug)]
struct Node {
    spelling: String,
    kind: NodeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NodeKind {
    /// A directory that so far only appeared in the middle of a name.
    Implied,
    /// A directory with an entry of its own.
    Directory,
    /// A file.
    File,
}

impl Tree {
    /// Adds `place` if it fits to what is there, and to at most `most` files and directories.
    pub(super) fn add(&mut self, place: &Place, most: usize) -> Result<(), Refused> {
        for (end, _) in place.path.match_indices('/') {
            self.join(&place.path[..end], NodeKind::Implied)?;
        }
        let kind = match place.kind {
            Kind::Directory => NodeKind::Directory,
            Kind::File { .. } => NodeKind::File,
        };
        self.join(&place.path, kind)?;
        if self.nodes.len() > most {
            return Err(too_many(most));
        }
        Ok(())
    }

    fn join(&mut self, path: &str, kind: NodeKind) -> Result<(), Refused> {
        let key = path.to_lowercase();
        let Some(node) = self.nodes.get_mut(&key) else {
            self.bytes_of_names += path.len();
            if self.bytes_of_names > MOST_BYTES_OF_ALL_NAMES {
                return Err(Refused::Archive("its names are too long together".into()));
            }
            let spelling = path.to_owned();
            self.nodes.insert(key, Node { spelling, kind });
            return Ok(());
        };
        if node.spelling != path {
            let why =
                format!("it holds two names that differ only in case: {} and {}", shown(&node.spelling), shown(path));
            return Err(Refused::Archive(why));
        }
        match (node.kind, kind) {
            (NodeKind::Implied | NodeKind::Directory, NodeKind::Implied) => Ok(()),
            (NodeKind::Implied, NodeKind::Directory) => {
                node.kind = kind;
                Ok(())
            }
            (NodeKind::Directory, NodeKind::Directory) | (NodeKind::File, NodeKind::File) => {
                Err(refused("it holds the same name twice", path))
            }
            (NodeKind::File, NodeKind::Implied | NodeKind::Directory)
            | (NodeKind::Implied | NodeKind::Directory, NodeKind::File) => {
                Err(refused("it holds a file where it also needs a directory", path))
            }
        }
    }
}

/// More files and directories than `most`.
pub(super) fn too_many(most: usize) -> Refused {
    Refused::Archive(format!("it holds more than {most} files and directories"))
}

/// `why`, with the name that it is about.
pub(super) fn refused(why: &str, name: &str) -> Refused {
    Refused::Archive(format!("{why}: {}", shown(name)))
}

/// A hostile name may neither flood a message nor write control characters into it.
fn shown(name: &str) -> String {
    const MOST: usize = 120;
    let short: String = name.chars().take(MOST).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("{}{dots}", short.escape_debug())
}
