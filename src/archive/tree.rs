//! The tree that an archive claims to hold, checked name by name before anything is written there.

use std::collections::HashMap;

use super::Refused;
use super::names::{refused, shown};

/// All names and targets of links are held in memory while they are compared, most of them twice: this keeps the whole
/// of it well below 64 MiB. The names of the largest source archive that CodePipeline takes, 100,000 files, need 3 MiB.
const MOST_BYTES_OF_NAMES: usize = 8 << 20;

/// How many links may be followed one after another: Linux's own limit.
const MOST_LINKS_IN_A_ROW: usize = 40;

/// How many steps following all links may take together: a second's work, and a thousand times what real archives need.
const MOST_STEPS: usize = 4_000_000;

/// What is to be at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    /// A file with these executable bits; it keeps no other part of its mode.
    File {
        executable: u32,
    },
    /// A link to whatever its target leads to.
    SymbolicLink {
        target: String,
    },
    /// One more name of a file that is in the archive before it, under this path.
    HardLink {
        target: String,
    },
}

/// An entry: where it goes, relative and plain, and what it is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) kind: Kind,
}

type NodeId = u32;
const ROOT: NodeId = 0;

/// Everything that was found so far.
#[derive(Debug)]
pub(super) struct Tree {
    /// By parent and name without regard to case: what differs only in case is one file on some file systems.
    index: HashMap<(NodeId, Box<str>), NodeId>,
    nodes: Vec<Node>,
    most: usize,
    bytes_of_names: usize,
}

#[derive(Debug)]
struct Node {
    parent: NodeId,
    name: Box<str>,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// A directory that so far only appeared in the middle of a name.
    Implied,
    /// A directory with an entry of its own.
    Directory,
    File,
    SymbolicLink(Box<str>),
}

impl Tree {
    /// A tree that takes at most `most` files, links and directories.
    pub(super) fn new(most: usize) -> Self {
        let root = Node { parent: ROOT, name: Box::default(), what: What::Directory };
        Self { index: HashMap::new(), nodes: vec![root], most, bytes_of_names: 0 }
    }

    /// Adds `place` if it fits to what is there.
    pub(super) fn add(&mut self, place: &Place) -> Result<(), Refused> {
        let what = match &place.kind {
            Kind::Directory => What::Directory,
            Kind::File { .. } => What::File,
            Kind::SymbolicLink { target } => {
                self.count(target.len())?;
                What::SymbolicLink(target.as_str().into())
            }
            Kind::HardLink { target } => {
                self.holds_file(target, &place.path)?;
                What::File
            }
        };
        let mut at = ROOT;
        for (end, _) in place.path.match_indices('/') {
            at = self.join(at, &place.path[..end], What::Implied)?;
        }
        self.join(at, &place.path, what)?;
        Ok(())
    }

    /// Adds the last part of `path` below `parent`, or finds that it is there already as the same.
    fn join(&mut self, parent: NodeId, path: &str, what: What) -> Result<NodeId, Refused> {
        let name = last_part(path);
        let key = (parent, name.to_lowercase().into_boxed_str());
        let Some(id) = self.index.get(&key).copied() else {
            return self.grow(key, name, what);
        };
        let node = &mut self.nodes[id as usize];
        if *node.name != *name {
            let other = node.name.clone();
            let why = format!("it holds two names that differ only in case: {} and {}", shown(&other), shown(name));
            return Err(Refused::Archive(why));
        }
        match (&node.what, what) {
            (What::Implied | What::Directory, What::Implied) => Ok(id),
            (What::Implied, What::Directory) => {
                node.what = What::Directory;
                Ok(id)
            }
            (What::Directory, What::Directory)
            | (What::File | What::SymbolicLink(_), What::File | What::SymbolicLink(_)) => {
                Err(refused("it holds the same name twice", path))
            }
            (What::SymbolicLink(_), What::Implied) => Err(refused("it holds a name that goes through a link", path)),
            (What::Implied, What::SymbolicLink(_)) => Err(refused("it holds a name that goes through a link", path)),
            (What::File | What::SymbolicLink(_), What::Implied | What::Directory)
            | (What::Implied | What::Directory, What::File | What::SymbolicLink(_)) => {
                Err(refused("it holds a file where it also needs a directory", path))
            }
        }
    }

    fn grow(&mut self, key: (NodeId, Box<str>), name: &str, what: What) -> Result<NodeId, Refused> {
        self.count(name.len())?;
        // The root is a node, and no entry.
        let id = NodeId::try_from(self.nodes.len()).ok().filter(|id| *id as usize <= self.most);
        let id = id.ok_or_else(|| too_many(self.most))?;
        self.nodes.push(Node { parent: key.0, name: name.into(), what });
        self.index.insert(key, id);
        Ok(id)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Refused> {
        self.bytes_of_names += bytes;
        if self.bytes_of_names > MOST_BYTES_OF_NAMES {
            return Err(Refused::Archive("its names are too long together".into()));
        }
        Ok(())
    }

    /// A hard link is to a file that is there already, else it would be one to somewhere else, or to nothing.
    fn holds_file(&self, target: &str, link: &str) -> Result<(), Refused> {
        let mut at = Some(ROOT);
        for part in target.split('/') {
            at = at.and_then(|at| self.child(at, part));
        }
        match at.map(|at| &self.nodes[at as usize].what) {
            Some(What::File) => Ok(()),
            _ => Err(refused("it holds a hard link to what is no file before it", link)),
        }
    }

    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let id = *self.index.get(&(parent, name.to_lowercase().into_boxed_str()))?;
        (*self.nodes[id as usize].name == *name).then_some(id)
    }

    /// Whether every symbolic link ends inside, whatever links it goes through; only now all of them are known. A
    /// target that is not there is fine as long as its place would be inside.
    pub(super) fn check_links(&self) -> Result<(), Refused> {
        let mut steps = 0;
        for node in &self.nodes {
            if let What::SymbolicLink(target) = &node.what {
                self.follow(node, target, &mut steps)?;
            }
        }
        Ok(())
    }

    fn follow(&self, link: &Node, target: &str, steps: &mut usize) -> Result<(), Refused> {
        // Where we stand: the nodes from the root down; none for what is not in the archive.
        let mut at = self.way_to(link.parent);
        let mut open = parts_of(target, link)?;
        let mut links = 1;
        while let Some(part) = open.pop() {
            *steps += 1;
            if *steps > MOST_STEPS {
                return Err(Refused::Archive("its symbolic links are too tangled".into()));
            }
            if part == ".." {
                at.pop().ok_or_else(|| leads_out(link))?;
                continue;
            }
            let here = at.last().copied().unwrap_or(Some(ROOT));
            let next = here.and_then(|here| self.child(here, part));
            if let Some(What::SymbolicLink(target)) = next.map(|next| &self.nodes[next as usize].what) {
                links += 1;
                if links > MOST_LINKS_IN_A_ROW {
                    return Err(refused("it holds a symbolic link that goes through too many others", &link.name));
                }
                open.extend(parts_of(target, link)?);
            } else {
                at.push(next);
            }
        }
        Ok(())
    }

    fn way_to(&self, mut id: NodeId) -> Vec<Option<NodeId>> {
        let mut way = Vec::new();
        while id != ROOT {
            way.push(Some(id));
            id = self.nodes[id as usize].parent;
        }
        way.reverse();
        way
    }
}

/// The parts of a link's target, the first at the end.
fn parts_of<'a>(target: &'a str, link: &Node) -> Result<Vec<&'a str>, Refused> {
    if target.starts_with('/') {
        return Err(leads_out(link));
    }
    Ok(target.rsplit('/').filter(|part| !part.is_empty() && *part != ".").collect())
}

fn leads_out(link: &Node) -> Refused {
    refused("it holds a symbolic link that leads out of it", &link.name)
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// More files and directories than `most`.
pub(super) fn too_many(most: usize) -> Refused {
    Refused::Archive(format!("it holds more than {most} files and directories"))
}
