//! The stacks of [`super::stacks`] themselves: how each stands, and what a look finds.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::ports::{FailedResource, ReadyStack, ReadyStacks, StackSpec, StackState, StacksAtWork, TaggedStack};
use bluestage::release::{Moment, StackRef};
use serde_json::Value as Json;

/// A template that holds this cannot be made into a stack.
pub(crate) const BROKEN: &str = "Broken";

/// A stack as it is seen from outside.
#[derive(Clone, Debug)]
pub(crate) struct There {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) is_ready: bool,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// One stack.
#[derive(Clone, Debug)]
pub(in crate::memory) struct Made {
    pub(in crate::memory) id: String,
    pub(in crate::memory) spec: StackSpec,
    pub(in crate::memory) phase: Phase,
    pub(in crate::memory) changed_at: String,
    pub(in crate::memory) made_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::memory) enum Phase {
    /// It has a change set and nothing else, for so many more looks.
    Review(usize),
    /// It is being made, for so many more looks.
    Creating(usize),
    Ready,
    Failed(FailedResource),
    /// It is being deleted, for so many more looks.
    Deleting(usize),
    Gone,
}

/// How the stacks that are made from now on behave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners {
    /// Looks at a change set that is not ready.
    pub(crate) review: usize,
    /// Looks at a stack that is being made.
    pub(crate) creating: usize,
    /// Looks at a stack that is being deleted.
    pub(crate) deleting: usize,
    /// The resource that cannot be made, and why.
    pub(crate) broken: Option<(String, String)>,
    /// The resource that cannot be deleted, and why.
    pub(crate) stuck: Option<(String, String)>,
    /// Nobody may delete a stack.
    pub(crate) protected: bool,
    /// An update of a stack that is there fails and is undone: the resource, and why.
    pub(crate) not_updated: Option<(String, String)>,
    /// When a listing tells that the stacks of these names were last changed; those with nothing it misses.
    pub(crate) listed: BTreeMap<String, Option<String>>,
}

#[derive(Default)]
pub(in crate::memory) struct Account {
    pub(in crate::memory) stacks: BTreeMap<String, Made>,
    pub(in crate::memory) names: BTreeSet<String>,
    pub(in crate::memory) manners: Manners,
    pub(in crate::memory) events: Vec<String>,
    /// How many stacks with this parameter set to this there were at most at once.
    pub(in crate::memory) most: BTreeMap<(String, String), usize>,
}

impl Account {
    /// Notes how the parameters stand after a change.
    pub(in crate::memory) fn count(&mut self) {
        let mut now: BTreeMap<(String, String), usize> = BTreeMap::new();
        for made in self.stacks.values().filter(|made| made.phase != Phase::Gone) {
            for (name, value) in &made.spec.parameters {
                *now.entry((name.clone(), value.clone())).or_default() += 1;
            }
        }
        for (what, count) in now {
            let most = self.most.entry(what).or_default();
            *most = count.max(*most);
        }
    }

    /// The stack's id: by its id if that is known, else by its name as long as it is there.
    pub(in crate::memory) fn find(&self, stack: &StackRef) -> Option<String> {
        let mut all = self.stacks.values();
        let is_it = |made: &&Made| match &stack.id {
            Some(id) => made.id == *id,
            None => made.spec.stack.name == stack.name && made.phase != Phase::Gone,
        };
        all.find(is_it).map(|made| made.id.clone())
    }

    /// Whether the stack is being deleted, or is gone: then to delete it does nothing.
    pub(in crate::memory) fn is_going(&self, id: &str) -> bool {
        self.stacks.get(id).is_some_and(|made| matches!(made.phase, Phase::Deleting(_) | Phase::Gone))
    }

    /// Carries the change set out, if it is ready for that.
    pub(in crate::memory) fn go_on(&mut self, id: &str) {
        let creating = self.manners.creating;
        if let Some(made) = self.stacks.get_mut(id)
            && made.phase == Phase::Review(0)
        {
            made.phase = Phase::Creating(creating);
        }
    }

    /// The stacks that are there, but for those that are being deleted.
    pub(in crate::memory) fn there(&self) -> Vec<There> {
        let there = self.stacks.values().filter(|made| !matches!(made.phase, Phase::Gone | Phase::Deleting(_)));
        let seen = |made: &Made| There {
            name: made.spec.stack.name.clone(),
            id: made.id.clone(),
            is_ready: made.phase == Phase::Ready,
            parameters: made.spec.parameters.clone(),
        };
        there.map(seen).collect()
    }

    /// What a listing tells.
    pub(in crate::memory) fn listed(&self) -> ReadyStacks {
        let ready = self.stacks.values().filter(|made| made.phase == Phase::Ready);
        let told = ready.filter_map(|made| {
            let at = match self.manners.listed.get(&made.spec.stack.name) {
                Some(told) => told.clone()?,
                None => made.changed_at.clone(),
            };
            Some((made.id.clone(), Some(at)))
        });
        told.collect()
    }

    /// What a listing tells of stacks that are being made or deleted; the next one finds them further on.
    pub(in crate::memory) fn at_work(&mut self) -> StacksAtWork {
        let moves = |made: &&Made| matches!(made.phase, Phase::Creating(_) | Phase::Deleting(_));
        let moving: Vec<String> = self.stacks.values().filter(moves).map(|made| made.id.clone()).collect();
        let told = moving.into_iter().filter_map(|id| match self.look(&id) {
            StackState::InProgress { id, doing } => Some((id, doing)),
            StackState::Absent | StackState::Ready(_) | StackState::Failed { .. } => None,
        });
        told.collect()
    }

    /// The resource of this stack that cannot be made, and why.
    fn broken(&self, id: &str) -> Option<(String, String)> {
        let template = self.stacks.get(id).map(|made| made.spec.template.as_str());
        let by_itself = template.is_some_and(|template| template.contains(BROKEN));
        by_itself.then(|| ("Table".to_owned(), "it is broken".to_owned())).or_else(|| self.manners.broken.clone())
    }

    /// How the stack stands; the next look finds it further on.
    pub(in crate::memory) fn look(&mut self, id: &str) -> StackState {
        let broken = self.broken(id);
        let Some(made) = self.stacks.get_mut(id) else {
            return StackState::Absent;
        };
        match made.phase.clone() {
            Phase::Review(left) => {
                made.phase = Phase::Review(left.saturating_sub(1));
                in_progress(id, "REVIEW_IN_PROGRESS")
            }
            Phase::Creating(0) => {
                made.phase = match broken {
                    Some((resource, reason)) => Phase::Failed(failed(resource, reason)),
                    None => Phase::Ready,
                };
                self.look(id)
            }
            Phase::Creating(left) => {
                made.phase = Phase::Creating(left - 1);
                in_progress(id, "CREATE_IN_PROGRESS")
            }
            Phase::Ready => StackState::Ready(made.ready()),
            Phase::Failed(because) => StackState::Failed { id: id.to_owned(), because },
            Phase::Deleting(0) => {
                made.phase = Phase::Gone;
                StackState::Absent
            }
            Phase::Deleting(left) => {
                made.phase = Phase::Deleting(left - 1);
                in_progress(id, "DELETE_IN_PROGRESS")
            }
            Phase::Gone => StackState::Absent,
        }
    }
}

impl Made {
    pub(in crate::memory) fn tagged(&self, prefix: &str) -> TaggedStack {
        let ours = self.spec.tags.iter().filter(|(name, _)| name.starts_with(prefix));
        let doing = match self.phase {
            Phase::Creating(_) => Some("CREATE_IN_PROGRESS".to_owned()),
            Phase::Deleting(_) => Some("DELETE_IN_PROGRESS".to_owned()),
            Phase::Review(_) | Phase::Ready | Phase::Failed(_) | Phase::Gone => None,
        };
        TaggedStack {
            stack: StackRef { id: Some(self.id.clone()), ..self.spec.stack.clone() },
            tags: ours.map(|(name, value)| (name.clone(), value.clone())).collect(),
            made_at: Some(self.made_at),
            doing,
        }
    }

    pub(in crate::memory) fn ready(&self) -> ReadyStack {
        let template: Json = serde_json::from_str(&self.spec.template).unwrap_or_default();
        let outputs = template["Outputs"].as_object().into_iter().flatten();
        let resolve = |text: &str| {
            let mut text = text.replace("${AWS::StackName}", &self.spec.stack.name);
            for (name, value) in &self.spec.parameters {
                text = text.replace(&format!("${{{name}}}"), value);
            }
            text
        };
        let outputs = outputs.map(|(name, value)| {
            let value = value["Value"].as_str().unwrap_or_default();
            (name.clone(), resolve(value))
        });
        ReadyStack { id: self.id.clone(), changed_at: Some(self.changed_at.clone()), outputs: outputs.collect() }
    }
}

pub(in crate::memory) fn in_progress(id: &str, doing: &str) -> StackState {
    StackState::InProgress { id: id.to_owned(), doing: doing.to_owned() }
}

pub(in crate::memory) fn failed(resource: String, reason: String) -> FailedResource {
    FailedResource { resource, kind: "AWS::DynamoDB::Table".to_owned(), reason }
}
