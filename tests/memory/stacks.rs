//! A CloudFormation that counts looks instead of time.
//!
//! It understands `Parameters` with `Default`, and `Outputs` whose values are texts with `${AWS::StackName}` and
//! `${Parameter}` in them. Everything else in a template is taken as it is.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{
    Changing, Declared, Deleting, Deletion, Fault, MadeFrom, ParameterChange, ReadyStacks, StackSpec, StackState,
    Stacks, StacksAtWork, TaggedStack,
};
use bluestage::release::{Moment, StackRef};
use serde_json::Value as Json;

use super::account::{Account, Made, Manners, Phase, There, failed};
use super::line::Line;

/// Stacks in memory.
pub(crate) struct MemoryStacks {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    account: Arc<Mutex<Account>>,
}

impl MemoryStacks {
    pub(crate) fn new(line: Arc<Line>, clock: Arc<dyn Clock>) -> Self {
        Self { line, clock, account: Arc::default() }
    }

    /// The same over another line.
    pub(crate) fn over(&self, line: Arc<Line>) -> Self {
        Self { line, clock: Arc::clone(&self.clock), account: Arc::clone(&self.account) }
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

    /// The events after the first `known` ones.
    pub(crate) fn events_since(&self, known: usize) -> Vec<String> {
        self.account.lock().unwrap().events[known..].to_vec()
    }

    /// The stacks that are there, but for those that are being deleted.
    pub(crate) fn there(&self) -> Vec<There> {
        self.account.lock().unwrap().there()
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
            let is_new = account.names.insert(spec.stack.name.clone());
            // Only a worker that stands still between the document and the stack may come so late.
            assert!(is_new || self.line.is_outside(), "the stack name {} is used a second time", spec.stack.name);
            let id = format!("arn:stack/{}/{}", spec.stack.name, account.stacks.len() + 1);
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
        if account.is_going(&id) {
            return Deleting::Begun;
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

    async fn all_ready(&self) -> Result<ReadyStacks, Fault> {
        self.line.call("stacks.all_ready".to_owned(), || Ok(self.account.lock().unwrap().listed())).await
    }

    async fn all_at_work(&self) -> Result<StacksAtWork, Fault> {
        self.line.call("stacks.all_at_work".to_owned(), || Ok(self.account.lock().unwrap().at_work())).await
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
            self.account.lock().unwrap().count();
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
            let mut account = self.account.lock().unwrap();
            account.count();
            account.events.push(format!("set {} {name}={value}", stack.name));
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
            let mut account = self.account.lock().unwrap();
            let all = account.stacks.values().filter(|made| made.phase != Phase::Gone);
            let told: Vec<TaggedStack> =
                all.map(|made| made.tagged(prefix)).filter(|stack| !stack.tags.is_empty()).collect();
            // Whatever is being done to a stack comes to its end although nobody asks for that very stack.
            for id in told.iter().filter(|stack| stack.doing.is_some()).filter_map(|stack| stack.stack.id.as_ref()) {
                account.look(id);
            }
            Ok(told)
        };
        self.line.call("stacks.tagged".to_owned(), effect).await
    }

    async fn account_limit(&self) -> Result<Option<usize>, Fault> {
        self.line.call("stacks.account_limit".to_owned(), || Ok(Some(2_000))).await
    }
}
