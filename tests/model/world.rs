//! The modelled world: one stage document behind conditional writes, CloudFormation, and workers that stop anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bluestage::release::{Moment, Stage, VersionRef, document};

use super::scenario::Scenario;
use super::task::{Step, Task};

/// The time after a pause that is longer than every deadline; every model begins at 0.
pub(super) const LATE: Moment = 1_000_000;

/// The document as S3 holds it, without its history, which no transition looks at.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) stage: Arc<Stage>,
    /// Equal contents have equal `ETag`s.
    pub(super) etag: u64,
    /// What it says apart from its number and its writer, which no transition looks at either: two worlds that differ in
    /// these alone go on alike.
    meaning: u64,
}

impl Document {
    pub(super) fn of(mut stage: Stage) -> Self {
        stage.recent.clear();
        let written = (std::mem::take(&mut stage.seq), std::mem::take(&mut stage.written_by));
        let meaning = digest(document::render(&stage).as_slice());
        let etag = digest(&(meaning, &written));
        (stage.seq, stage.written_by) = written;
        Self { stage: Arc::new(stage), etag, meaning }
    }
}

fn digest(bytes: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A stack, by its id; one that was deleted is remembered, as CloudFormation does.
#[derive(Clone, Debug, Hash)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) of: VersionRef,
    pub(super) exists: bool,
    /// `GreenDeployment`.
    pub(super) is_green: bool,
    /// How often it was updated: its last-updated time, and what a change set is held against.
    pub(super) updates: u8,
}

/// Where a pipeline execution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum At {
    DeployBlue,
    RunTests,
    Promote,
    Succeeded,
    Failed,
}

impl At {
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// What may still go wrong, so that the state space ends.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Left {
    /// Lost answers, conflicts, stalls and crashes.
    pub(super) faults: u8,
    /// Jobs that are given to a second worker while the first still has them.
    pub(super) redeliveries: u8,
    /// Blues that the sweep takes for over although their worker still runs.
    pub(super) expiries: u8,
    /// Changes of a stack from outside.
    pub(super) tamperings: u8,
    /// Pauses longer than every deadline.
    pub(super) pauses: u8,
    /// Switches back that somebody asks for.
    pub(super) switches: u8,
}

/// The world.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) document: Document,
    pub(super) stacks: BTreeMap<String, Stack>,
    pub(super) executions: Vec<At>,
    pub(super) workers: Vec<Option<Task>>,
    pub(super) now: Moment,
    pub(super) left: Left,
    /// Every version that was ever live.
    pub(super) promoted: BTreeSet<VersionRef>,
    /// The promise that the last step broke.
    pub(super) broken: Option<&'static str>,
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.document.meaning.hash(state);
        (&self.stacks, &self.executions, self.now, self.left, &self.promoted, self.broken).hash(state);
        // Which of the workers it is makes no difference.
        let mut tasks: Vec<u64> = self.workers.iter().flatten().map(|task| self.digest_of(task)).collect();
        tasks.sort_unstable();
        tasks.hash(state);
    }
}

/// Two worlds are the same when nothing that can happen tells them apart.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        digest(self) == digest(other)
    }
}

impl World {
    /// Where a task stands: of what it holds, how far the document has moved on; of its unsure write, whether it landed.
    fn digest_of(&self, task: &Task) -> u64 {
        let now = &self.document;
        let held = task.held.as_ref().map(|held| (held.meaning, now.stage.seq - held.stage.seq));
        let unsure =
            task.unsure.as_ref().map(|unsure| (&unsure.answer, unsure.landed, unsure.write_id == now.stage.written_by));
        digest(&(task.job, &task.step, held, unsure))
    }

    pub(super) fn stage(&self) -> &Stage {
        &self.document.stage
    }

    /// Notes that a promise is broken, keeping the first.
    pub(super) fn broke(&mut self, promise: &'static str) {
        self.broken.get_or_insert(promise);
    }

    /// Makes the stack with this name, or finds the one that is there, and tells its id.
    pub(super) fn make_stack(&mut self, of: &VersionRef, name: &str) -> String {
        if let Some((id, _)) = self.stacks.iter().find(|(_, stack)| stack.name == name && stack.exists) {
            return id.clone();
        }
        let made_before = self.stacks.values().filter(|stack| stack.name == name).count();
        let id = format!("arn/{name}/{made_before}");
        let stack = Stack { name: name.to_owned(), of: of.clone(), exists: true, is_green: false, updates: 0 };
        self.stacks.insert(id.clone(), stack);
        id
    }

    /// The existing stack with this id, or without one, with this name.
    pub(super) fn find_stack(&self, id: Option<&str>, name: &str) -> Option<(&String, &Stack)> {
        let mut existing = self.stacks.iter().filter(|(_, stack)| stack.exists);
        existing.find(|(found, stack)| match id {
            Some(id) => found.as_str() == id,
            None => stack.name == name,
        })
    }

    /// The existing stack of this version.
    pub(super) fn stack_of(&self, of: &VersionRef) -> Option<(&String, &Stack)> {
        let id = self.stage().version(of)?.stack.id.as_deref()?;
        self.find_stack(Some(id), "")
    }

    /// Deletes that stack, which must not be one that somebody can reach.
    pub(super) fn delete_stack(&mut self, id: Option<&str>, name: &str) {
        let Some((id, stack)) = self.find_stack(id, name).map(|(id, stack)| (id.clone(), stack.clone())) else {
            return;
        };
        if super::rules::reachable(self.stage()).contains(&stack.of) {
            self.broke("P8: only what nobody can reach is deleted");
        }
        if let Some(stack) = self.stacks.get_mut(&id) {
            stack.exists = false;
        }
    }

    /// A write landed: `after` stands where `self.document` stood.
    pub(super) fn store(&mut self, scenario: &Scenario, (after, step): (Stage, &Step)) {
        super::rules::check_write(self, scenario, (&after, step));
        for (name, service) in &after.services {
            self.promoted.extend(service.live.iter().map(|live| super::task::of(name, live)));
        }
        self.document = Document::of(after);
    }
}
