//! The headers of a tar, put together: before an entry there may be others that give it a longer name.
//!
//! There are two ways to do so, GNU's and POSIX's (pax), and readers differ in what they make of contradictions. So
//! whatever contradicts itself is refused.

use std::io::Read;

use tar::{Entry, EntryType, PaxExtensions};

use super::Refused;
use super::from_tar::damaged;
use super::names::{self, refused};
use super::tree::{Kind, Place};

/// A header that gives a name is shorter, and one with a file's extended attributes not much longer. It is in memory.
const MOST_HEADER_BYTES: u64 = 1 << 20;

/// Writers need three before an entry: a name, a target, and the rest. Without a bound, an archive of nothing but headers
/// would keep us busy for minutes.
const MOST_HEADERS: usize = 8;

/// What earlier headers say of the next entry.
#[derive(Default)]
pub(super) struct Announced {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<Vec<u8>>,
    /// How many such headers there were.
    headers: usize,
}

/// What a header was.
pub(super) enum Next {
    /// An entry that goes somewhere.
    Entry(Place),
    /// Something about other entries, or the root.
    Nothing,
}

impl Announced {
    /// Takes the header of `entry` in.
    pub(super) fn next<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<Next, Refused> {
        if self.headers >= MOST_HEADERS {
            return Err(Refused::Archive("it holds too many headers before an entry".into()));
        }
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let name = without_zero(content(entry)?);
                self.announce(|own| &mut own.name, name)?;
            }
            EntryType::GNULongLink => {
                let target = without_zero(content(entry)?);
                self.announce(|own| &mut own.target, target)?;
            }
            EntryType::XHeader => self.pax(&content(entry)?, true)?,
            EntryType::XGlobalHeader => self.pax(&content(entry)?, false)?,
            _ => return std::mem::take(self).place_of(entry),
        }
        self.headers += 1;
        Ok(Next::Nothing)
    }

    /// Insists that everything that was announced has come.
    pub(super) fn is_complete(&self) -> Result<(), Refused> {
        let nothing_is_open = self.name.is_none() && self.target.is_none() && self.size.is_none();
        if nothing_is_open { Ok(()) } else { Err(Refused::Archive("it ends in the middle".into())) }
    }

    fn announce(&mut self, which: impl Fn(&mut Self) -> &mut Option<Vec<u8>>, value: Vec<u8>) -> Result<(), Refused> {
        let before = which(self).replace(value);
        if before.is_some() { Err(contradictory("")) } else { Ok(()) }
    }

    /// The pairs of a pax header: for the next entry, or for all that follow, which would be no names of theirs.
    fn pax(&mut self, header: &[u8], for_next: bool) -> Result<(), Refused> {
        let malformed = || Refused::Archive("it is damaged: a pax header is malformed".into());
        // The library takes an empty line for the end.
        if header.windows(2).any(|two| two == b"\n\n") {
            return Err(malformed());
        }
        for pair in PaxExtensions::new(header) {
            let pair = pair.map_err(|_| malformed())?;
            let value = pair.value_bytes().to_vec();
            match pair.key_bytes() {
                b"path" | b"linkpath" | b"size" if !for_next => return Err(contradictory("")),
                b"path" => self.announce(|own| &mut own.name, value)?,
                b"linkpath" => self.announce(|own| &mut own.target, value)?,
                b"size" => self.announce(|own| &mut own.size, value)?,
                key if key.starts_with(b"GNU.sparse.") => return Err(sparse("")),
                _ => {}
            }
        }
        Ok(())
    }

    fn place_of<R: Read>(self, entry: &Entry<'_, R>) -> Result<Next, Refused> {
        let header = entry.header();
        let raw = self.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let path = names::path(&raw)?;
        let kind = entry.header().entry_type();
        // The library goes by the size in the entry's own header; others go by this one.
        if self.size.is_some_and(|size| size != entry.size().to_string().as_bytes()) {
            return Err(contradictory(&path));
        }
        let target = self.target.or_else(|| header.link_name_bytes().map(|target| target.into_owned()));
        let is_directory = kind.is_dir() || raw.ends_with(b"/");
        let kind = match kind {
            EntryType::Directory | EntryType::Regular | EntryType::Continuous if is_directory => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => {
                Kind::File { executable: header.mode().map_err(|e| damaged(&e))? & 0o111 }
            }
            EntryType::Symlink => {
                Kind::SymbolicLink { target: names::target(target.as_deref().unwrap_or_default(), &path)? }
            }
            EntryType::Link => Kind::HardLink { target: names::path(target.as_deref().unwrap_or_default())? },
            EntryType::GNUSparse => return Err(sparse(&path)),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return Err(refused("it holds a special file", &path));
            }
            _ => return Err(refused("it holds an entry of an unknown kind", &path)),
        };
        let has_content = matches!(kind, Kind::File { .. });
        if entry.size() > 0 && !has_content {
            return Err(contradictory(&path));
        }
        match (path.is_empty(), &kind) {
            (true, Kind::Directory) => Ok(Next::Nothing),
            (true, _) => Err(Refused::Archive("it holds a file without a name".into())),
            (false, _) => Ok(Next::Entry(Place { path, kind })),
        }
    }
}

fn content<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, Refused> {
    let size = entry.size();
    if size > MOST_HEADER_BYTES {
        return Err(Refused::Archive("it holds a header that is too long".into()));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(|e| damaged(&e))?;
    if content.len() as u64 == size { Ok(content) } else { Err(Refused::Archive("it ends in the middle".into())) }
}

/// GNU's names end with a zero byte.
fn without_zero(mut name: Vec<u8>) -> Vec<u8> {
    name.pop_if(|last| *last == 0);
    name
}

fn contradictory(path: &str) -> Refused {
    refused("the headers of an entry in it contradict each other", path)
}

fn sparse(path: &str) -> Refused {
    refused("it holds a sparse file, which is not unpacked", path)
}
