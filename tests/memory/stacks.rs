//! A CloudFormation that counts looks instead of time.
//!
//! It understands `Parameters` with `Default`, and `Outputs` whose values are texts with `${AWS::StackName}` and
//! `${Parameter}` in them. Everything else in a template is taken as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{
    Changing, Declared, Deleting, Deletion, FailedResource, Fault, MadeFrom, ParameterChange, ReadyStack, StackSpec,
    StackState, Stacks, TaggedStack,
};
use bluestage::release::{Moment, StackRef};
use serde_json::Value as Json;

use super::line::Line;

/// One stack.
#[derive(Clone, Debug)]
struct Made {
    id: String,
    spec: StackSpec,
    phase: Phase,
    changed_at: String,
    made_at: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
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
}

#[derive(Default)]
struct Account {
    stacks: BTreeMap<String, Made>,
    names: BTreeSet<String>,
    manners: Manners,
    events: Vec<String>,
    /// How many stacks with this parameter set to this there were at most at once.
    most: BTreeMap<(String, String), usize>,
}

/// Stacks in memory.
pub(crate) struct MemoryStacks {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    account: Mutex<Account>,
}

impl MemoryStacks {
    pub(crate) fn new(line: Arc<Line>, clock: Arc<dyn Clock>) -> Self {
        Self { line, clock, account: Mutex::default() }
    }

    /// Changes how stacks behave.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.account.lock().unwrap().manners);
    }

    /// What happened: `created ID`, `deleted ID`, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        self.account.lock().unwrap().events.clone()
    }

    /// The names of the stacks that are there.
    pub(crate) fn names(&self) -> Vec<String> {
        let account = self.account.lock().unwrap();
        let there = account.stacks.values().filter(|made| made.phase != Phase::Gone);
        there.map(|made| made.spec.stack.name.clone()).collect()
    }

    /// With what a stack was made.
    pub(crate) fn spec(&self, name: &str) -> StackSpec {
        let account = self.account.lock().unwrap();
        let mut all = account.stacks.values();
        let found = all.find(|made| made.spec.stack.name == name);
        found.expect("there is such a stack").spec.clone()
    }

    /// Somebody else updates the stack.
    pub(crate) fn change_from_outside(&self, name: &str) {
        self.touch(name, |made| made.changed_at.push_str(" and later"));
    }

    /// Somebody else deletes the stack.
    pub(crate) fn vanish(&self, name: &str) {
        self.touch(name, |made| made.phase = Phase::Gone);
    }

    /// How many stacks had this parameter set to this at most at once.
    pub(crate) fn most_with(&self, name: &str, value: &str) -> usize {
        let account = self.account.lock().unwrap();
        account.most.get(&(name.to_owned(), value.to_owned())).copied().unwrap_or_default()
    }

    /// Notes how the parameters stand after a change.
    fn count(&self) {
        let mut account = self.account.lock().unwrap();
        let mut now: BTreeMap<(String, String), usize> = BTreeMap::new();
        for made in account.stacks.values().filter(|made| made.phase != Phase::Gone) {
            for (name, value) in &made.spec.parameters {
                *now.entry((name.clone(), value.clone())).or_default() += 1;
            }
        }
        for (what, count) in now {
            let most = account.most.entry(what).or_default();
            *most = count.max(*most);
        }
    }

    fn now(&self) -> Moment {
        self.clock.now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn touch(&self, name: &str, change: impl FnOnce(&mut Made)) {
        let mut account = self.account.lock().unwrap();
        let mut all = account.stacks.values_mut();
        let found = all.find(|made| made.spec.stack.name == name);
        change(found.expect("there is such a stack"));
    }

    fn make_or_attach(&self, spec: &StackSpec) -> Result<StackState, Fault> {
        let mut account = self.account.lock().unwrap();
        if account.find(&spec.stack).is_none() {
            if !account.names.insert(spec.stack.name.clone()) {
                panic!("the stack name {} is used a second time", spec.stack.name);
            }
            let id = format!("arn:stack/{}/{}", spec.stack.name, account.names.len());
            account.events.push(format!("created {id}"));
            let made = Made {
                phase: Phase::Review(account.manners.review),
                spec: spec.clone(),
                changed_at: format!("when {id} was made"),
                id: id.clone(),
                made_at: self.now(),
            };
            account.stacks.insert(id, made);
        }
        let id = account.find(&spec.stack).expect("it was just made");
        account.go_on(&id);
        Ok(account.look(&id))
    }

    fn begin_to_delete(&self, stack: &StackRef, how: Deletion) -> Deleting {
        let mut account = self.account.lock().unwrap();
        let Some(id) = account.find(stack) else {
            return Deleting::Begun;
        };
        if account.manners.protected {
            return Deleting::Protected;
        }
        account.events.push(format!("deleted {id}"));
        let phase = match account.manners.stuck.clone() {
            Some((resource, reason)) if how == Deletion::Whole => Phase::Failed(failed(resource, reason)),
            _ => Phase::Deleting(account.manners.deleting),
        };
        if let Some(made) = account.stacks.get_mut(&id) {
            assert!(
                how == Deletion::Whole || matches!(made.phase, Phase::Failed(_)),
                "{id} is deleted by force too soon"
            );
            made.phase = phase;
        }
        Deleting::Begun
    }
}

impl Account {
    /// The stack's id: by its id if that is known, else by its name as long as it is there.
    fn find(&self, stack: &StackRef) -> Option<String> {
        let mut all = self.stacks.values();
        let is_it = |made: &&Made| match &stack.id {
            Some(id) => made.id == *id,
            None => made.spec.stack.name == stack.name && made.phase != Phase::Gone,
        };
        all.find(is_it).map(|made| made.id.clone())
    }

    /// Carries the change set out, if it is ready for that.
    fn go_on(&mut self, id: &str) {
        let creating = self.manners.creating;
        if let Some(made) = self.stacks.get_mut(id)
            && made.phase == Phase::Review(0)
        {
            made.phase = Phase::Creating(creating);
        }
    }

    /// How the stack stands; the next look finds it further on.
    fn look(&mut self, id: &str) -> StackState {
        let broken = self.manners.broken.clone();
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
    fn tagged(&self, prefix: &str) -> TaggedStack {
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

    fn ready(&self) -> ReadyStack {
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

fn in_progress(id: &str, doing: &str) -> StackState {
    StackState::InProgress { id: id.to_owned(), doing: doing.to_owned() }
}

fn failed(resource: String, reason: String) -> FailedResource {
    FailedResource { resource, kind: "AWS::DynamoDB::Table".to_owned(), reason }
}

#[async_trait]
impl Stacks for MemoryStacks {
    async fn declared(&self, template: &str) -> Result<Declared, Fault> {
        let effect = || {
            let template: Json = serde_json::from_str(template).map_err(|bad| Fault::Rejected {
                doing: "validate the template".to_owned(),
                detail: bad.to_string(),
            })?;
            let parameters = template["Parameters"].as_object().into_iter().flatten();
            let one = |(name, told): (&String, &Json)| (name.clone(), told.get("Default").is_some());
            Ok(Declared { parameters: parameters.map(one).collect() })
        };
        self.line.call("stacks.declared".to_owned(), effect).await
    }

    async fn ensure(&self, spec: &StackSpec) -> Result<StackState, Fault> {
        let name = format!("stacks.ensure {}", spec.stack.name);
        self.line.call(name, || self.make_or_attach(spec)).await
    }

    async fn read(&self, stack: &StackRef) -> Result<StackState, Fault> {
        let effect = || {
            let mut account = self.account.lock().unwrap();
            let found = account.find(stack);
            Ok(found.map_or(StackState::Absent, |id| account.look(&id)))
        };
        self.line.call(format!("stacks.read {}", stack.name), effect).await
    }

    async fn made_from(&self, stack: &StackRef) -> Result<MadeFrom, Fault> {
        let effect = || {
            let spec = self.spec(&stack.name);
            let parameters = spec.parameters.into_iter().map(|(name, value)| (name, Some(value)));
            Ok(MadeFrom { template: spec.template, parameters: parameters.collect() })
        };
        self.line.call(format!("stacks.made_from {}", stack.name), effect).await
    }

    async fn apply(&self, spec: &StackSpec, change_set: &str) -> Result<StackState, Fault> {
        let name = format!("stacks.apply {} {change_set}", spec.stack.name);
        let effect = || {
            let is_there = self.names().contains(&spec.stack.name);
            let as_it_is = |made: StackSpec| made.parameters == spec.parameters && made.template == spec.template;
            if is_there && !as_it_is(self.spec(&spec.stack.name)) {
                if let Some((resource, reason)) = self.account.lock().unwrap().manners.not_updated.clone() {
                    let id = format!("arn:stack/{}", spec.stack.name);
                    return Ok(StackState::Failed { id, because: failed(resource, reason) });
                }
                self.touch(&spec.stack.name, |made| {
                    made.spec = spec.clone();
                    made.changed_at.push_str(" and updated");
                });
            }
            let made = self.make_or_attach(spec);
            self.count();
            made
        };
        self.line.call(name, effect).await
    }

    async fn set_parameter(&self, stack: &StackRef, change: &ParameterChange) -> Result<Changing, Fault> {
        let ParameterChange { name, value, .. } = change;
        let effect = || {
            if self.spec(&stack.name).parameters.get(name) == Some(value) {
                return Ok(Changing::Nothing);
            }
            self.touch(&stack.name, |made| {
                made.spec.parameters.insert(name.clone(), value.clone());
                made.changed_at.push_str(" and set");
            });
            self.count();
            Ok(Changing::Begun)
        };
        let told = format!("stacks.set_parameter {} {name}={value}", stack.name);
        self.line.call(told, effect).await
    }

    async fn delete(&self, stack: &StackRef, how: Deletion) -> Result<Deleting, Fault> {
        let name = format!("stacks.delete {}", stack.name);
        self.line.call(name, || Ok(self.begin_to_delete(stack, how))).await
    }

    async fn tagged(&self, prefix: &str) -> Result<Vec<TaggedStack>, Fault> {
        let effect = || {
            let account = self.account.lock().unwrap();
            let all = account.stacks.values().filter(|made| made.phase != Phase::Gone);
            Ok(all.map(|made| made.tagged(prefix)).filter(|stack| !stack.tags.is_empty()).collect())
        };
        self.line.call("stacks.tagged".to_owned(), effect).await
    }

    async fn account_limit(&self) -> Result<Option<usize>, Fault> {
        self.line.call("stacks.account_limit".to_owned(), || Ok(Some(2_000))).await
    }
}
