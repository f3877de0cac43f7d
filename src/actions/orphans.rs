//! Orphans: stacks that carry our tags and that no stage document knows.
//!
//! One comes into being when a worker stalls between writing a version and making its stack for so long that the version
//! was given up and forgotten meanwhile; or when a document is lost. A version is written before its stack is made, and
//! is forgotten only after that is gone, so whoever is not in a document that is read *after* the stacks were listed
//! never will be. All the same only those are deleted of which everything says that they are ours and nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::removal::{Removed, remove};
use super::stop::Stop;
use super::{Hold, messages, seconds, tags};
use crate::ports::{Deletion, Ports, TaggedStack};
use crate::release::{Moment, Stage, StageName};

/// Nobody takes this long from writing a version to making its stack; longer than the lease of every job and the grace of
/// every pipeline. It is also what the clocks of CloudFormation and of this machine may differ by.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// Why an orphan, or what may be one, is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It does not say which bluestage made it: an older one did, which did not yet.
    UnknownMaker,
    /// It has no name of a version's stack: it is one with a fixed name, or somebody else has put our tags on it.
    OtherName,
    /// The document of its stage could not be read.
    Unreadable(StageName),
    /// Its stage has no document at all, so nobody can tell what is live there.
    NoDocument(StageName),
    /// It was made a short while ago.
    Young,
    /// CloudFormation is at work on it.
    Busy(String),
}

impl Left {
    /// Whether it stays so until somebody does something.
    pub(super) fn needs_a_person(&self) -> bool {
        match self {
            Self::UnknownMaker | Self::OtherName | Self::Unreadable(_) | Self::NoDocument(_) => true,
            Self::Young | Self::Busy(_) => false,
        }
    }
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Stacks to be deleted.
    pub(super) orphans: Vec<TaggedStack>,
    /// Stacks that are left alone, and why.
    pub(super) left: Vec<(TaggedStack, Left)>,
    /// How many stacks belong to the bluestages at other places.
    pub(super) elsewhere: BTreeMap<String, usize>,
}

/// Looks at every stack with our tags. With [`Deletion::Forced`], a person has said that the stacks of a stage without a
/// document are to go.
pub(super) async fn find(ports: &Ports, most: Deletion) -> Result<Found, Stop> {
    let listed = ports.stacks.tagged(tags::PREFIX).await?;
    let known = Known::of(ports).await?;
    let here = ports.stages.place();
    let now = seconds(ports.clock.now());
    let mut found = Found::default();
    for stack in listed.into_iter().filter(|stack| !known.knows(stack)) {
        match tags::state(&stack) {
            None => found.left.push((stack, Left::UnknownMaker)),
            Some(place) if place != here => *found.elsewhere.entry(place.to_owned()).or_default() += 1,
            Some(_) => match known.why_left(&stack, most, now) {
                Some(why) => found.left.push((stack, why)),
                None => found.orphans.push(stack),
            },
        }
    }
    Ok(found)
}

/// Deletes an orphan, by its id. The log has everything about it first.
pub(super) async fn take_away(
    ports: &Ports,
    orphan: &TaggedStack,
    most: Deletion,
    hold: &Hold,
) -> Result<Removed, Stop> {
    let TaggedStack { stack, tags, made_at, .. } = orphan;
    tracing::warn!(id = ?stack.id, ?tags, ?made_at, "{}", messages::orphan(&stack.name));
    remove(ports, stack, most, hold).await
}

/// What the stage documents know.
#[derive(Default)]
struct Known {
    stages: BTreeSet<StageName>,
    unreadable: BTreeSet<StageName>,
    names: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Known {
    async fn of(ports: &Ports) -> Result<Self, Stop> {
        let mut known = Self::default();
        for name in ports.stages.names().await? {
            match ports.stages.read(&name).await {
                Ok(Some(stored)) => known.learn(&stored.stage),
                Ok(None) => {}
                // The sweep of this stage has told why.
                Err(_) => {
                    known.unreadable.insert(name);
                }
            }
        }
        Ok(known)
    }

    fn learn(&mut self, stage: &Stage) {
        self.stages.insert(stage.name.clone());
        for stack in stage.all_versions().flat_map(|(_, version)| version.leftovers.iter().chain([&version.stack])) {
            self.names.insert(stack.name.clone());
            self.ids.extend(stack.id.clone());
        }
    }

    fn knows(&self, found: &TaggedStack) -> bool {
        let id = found.stack.id.as_ref();
        self.names.contains(&found.stack.name) || id.is_some_and(|id| self.ids.contains(id))
    }

    /// Why this stack, which no document knows, is left alone; nothing when it is an orphan.
    fn why_left(&self, found: &TaggedStack, most: Deletion, now: Moment) -> Option<Left> {
        let Some((stage, of)) = tags::told(found) else {
            return Some(Left::OtherName);
        };
        if found.stack.name != of.stack_name(&stage) {
            return Some(Left::OtherName);
        }
        if self.unreadable.contains(&stage) {
            return Some(Left::Unreadable(stage));
        }
        if !self.stages.contains(&stage) && most == Deletion::Whole {
            return Some(Left::NoDocument(stage));
        }
        let is_old = found.made_at.is_some_and(|at| at + GRACE.as_secs() <= now);
        if !is_old {
            return Some(Left::Young);
        }
        found.doing.clone().map(Left::Busy)
    }
}
