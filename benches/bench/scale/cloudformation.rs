//! A CloudFormation whose stacks take their time: about three minutes to be made, and one to be deleted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bluestage::clock::Clock;
use bluestage::ports::{
    Changing, Declared, Deleting, Deletion, Fault, MadeFrom, ParameterChange, ReadyStack, ReadyStacks, StackSpec,
    StackState, Stacks, StacksAtWork, TaggedStack,
};
use bluestage::release::{StackRef, Stage};
use fastrand::Rng;
use serde_json::Value as Json;

use super::network::{Call, Network};
use super::{about, stack_id};

/// Seconds that a stack takes to be made, and to be deleted; give or take a half.
const DEPLOY: u64 = 180;
const DELETION: u64 = 60;

/// Stacks that CloudFormation tells of in one answer.
const PAGE: usize = 100;

const MAKING: &str = "CREATE_IN_PROGRESS";
const DELETING: &str = "DELETE_IN_PROGRESS";

/// A stack.
struct Made {
    name: String,
    ready: ReadyStack,
    tags: BTreeMap<String, String>,
    made_at: u64,
    ready_from: Duration,
    gone_from: Option<Duration>,
}

#[derive(Default)]
struct Account {
    by_id: HashMap<String, Made>,
    ids: HashMap<String, String>,
}

pub(super) struct CloudFormation {
    network: Arc<Network>,
    account: Mutex<Account>,
    dice: Mutex<Rng>,
}

impl CloudFormation {
    /// With the stacks of every version in these stages.
    pub(super) fn new(network: Arc<Network>, stages: &[Stage]) -> Self {
        let mut account = Account::default();
        for (_, version) in stages.iter().flat_map(Stage::all_versions) {
            let id = version.stack.id.clone().unwrap();
            account.ids.insert(version.stack.name.clone(), id.clone());
            let changed_at = version.stack.changed_at.clone();
            let made = Made {
                name: version.stack.name.clone(),
                ready: ReadyStack { id: id.clone(), changed_at, outputs: version.outputs.clone() },
                tags: BTreeMap::new(),
                made_at: version.created_at,
                ready_from: Duration::ZERO,
                gone_from: None,
            };
            account.by_id.insert(id, made);
        }
        Self { network, account: Mutex::new(account), dice: Mutex::new(Rng::with_seed(3)) }
    }

    fn now(&self) -> Duration {
        self.network.clock.elapsed()
    }

    fn make(&self, spec: &StackSpec) -> String {
        let mut account = self.account.lock().unwrap();
        let name = &spec.stack.name;
        if let Some(id) = account.ids.get(name) {
            return id.clone();
        }
        let id = stack_id(name);
        let mut dice = self.dice.lock().unwrap();
        let url = format!("https://{:010}.execute-api.us-east-1.amazonaws.com/prod", dice.u32(..));
        let outputs = BTreeMap::from([("ApiUrl".to_owned(), url)]);
        let changed_at = Some(format!("2026-11-23T07:33:{:06.3}Z", dice.f64() * 60.0));
        let made = Made {
            name: name.clone(),
            ready: ReadyStack { id: id.clone(), changed_at, outputs },
            tags: spec.tags.clone(),
            made_at: self.network.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
            ready_from: self.now() + about(&mut dice, DEPLOY),
            gone_from: None,
        };
        account.ids.insert(name.clone(), id.clone());
        account.by_id.insert(id.clone(), made);
        id
    }

    fn state(&self, id: Option<&String>) -> StackState {
        let account = self.account.lock().unwrap();
        let Some(made) = id.and_then(|id| account.by_id.get(id)) else {
            return StackState::Absent;
        };
        let (id, now) = (made.ready.id.clone(), self.now());
        match made.gone_from {
            Some(gone_from) if now >= gone_from => StackState::Absent,
            Some(_) => StackState::InProgress { id, doing: DELETING.to_owned() },
            None if now >= made.ready_from => StackState::Ready(made.ready.clone()),
            None => StackState::InProgress { id, doing: MAKING.to_owned() },
        }
    }

    /// What is told of every such stack. CloudFormation lists those that are asked for, so only these take pages.
    async fn listed<T>(
        &self,
        such: impl Fn(&Made) -> bool,
        told: impl Fn(&Made) -> (String, T),
    ) -> BTreeMap<String, T> {
        let listed: BTreeMap<String, T> = {
            let account = self.account.lock().unwrap();
            account.by_id.values().filter(|made| such(made)).map(told).collect()
        };
        self.network.asks(Call::Listing, listed.len().div_ceil(PAGE).max(1)).await;
        listed
    }

    fn id_of(&self, stack: &StackRef) -> Option<String> {
        stack.id.clone().or_else(|| self.account.lock().unwrap().ids.get(&stack.name).cloned())
    }
}

#[async_trait]
impl Stacks for CloudFormation {
    async fn declared(&self, template: &str) -> Result<Declared, Fault> {
        self.network.asks(Call::CloudFormation, 1).await;
        let template: Json = serde_json::from_str(template).unwrap();
        let parameters = template["Parameters"].as_object().into_iter().flatten();
        Ok(Declared { parameters: parameters.map(|(name, _)| (name.clone(), false)).collect() })
    }

    /// By a look, and where there is nothing yet, by a change set that is made, looked at and carried out.
    async fn ensure(&self, spec: &StackSpec) -> Result<StackState, Fault> {
        self.network.asks(Call::LookAtMaking, 1).await;
        if self.id_of(&spec.stack).is_none() {
            self.network.asks(Call::CloudFormation, 3).await;
        }
        Ok(self.state(Some(&self.make(spec))))
    }

    async fn read(&self, stack: &StackRef) -> Result<StackState, Fault> {
        self.network.passes(self.network.draw(Call::Look)).await;
        let state = self.state(self.id_of(stack).as_ref());
        let look = match &state {
            StackState::InProgress { doing, .. } if doing == MAKING => Call::LookAtMaking,
            StackState::InProgress { .. } | StackState::Absent => Call::LookAtGoing,
            StackState::Ready(_) | StackState::Failed { .. } => Call::Look,
        };
        self.network.count(look, 1);
        Ok(state)
    }

    async fn all_ready(&self) -> Result<ReadyStacks, Fault> {
        let now = self.now();
        let is_ready = |made: &Made| made.gone_from.is_none() && now >= made.ready_from;
        let told = |made: &Made| (made.ready.id.clone(), made.ready.changed_at.clone());
        Ok(self.listed(is_ready, told).await)
    }

    async fn all_at_work(&self) -> Result<StacksAtWork, Fault> {
        let now = self.now();
        let is_at_work = |made: &Made| made.gone_from.map_or(now < made.ready_from, |gone_from| now < gone_from);
        let told = |made: &Made| {
            let doing = if made.gone_from.is_some() { DELETING } else { MAKING };
            (made.ready.id.clone(), doing.to_owned())
        };
        Ok(self.listed(is_at_work, told).await)
    }

    async fn made_from(&self, _: &StackRef) -> Result<MadeFrom, Fault> {
        unreachable!("nothing is updated here")
    }

    async fn apply(&self, _: &StackSpec, _: &str) -> Result<StackState, Fault> {
        unreachable!("nothing is updated here")
    }

    async fn set_parameter(&self, _: &StackRef, _: &ParameterChange) -> Result<Changing, Fault> {
        unreachable!("nothing is updated here")
    }

    async fn delete(&self, stack: &StackRef, _: Deletion) -> Result<Deleting, Fault> {
        self.network.asks(Call::CloudFormation, 1).await;
        let gone_from = self.now() + about(&mut self.dice.lock().unwrap(), DELETION);
        let id = self.id_of(stack);
        let mut account = self.account.lock().unwrap();
        if let Some(made) = id.and_then(|id| account.by_id.get_mut(&id)) {
            made.gone_from.get_or_insert(gone_from);
        }
        Ok(Deleting::Begun)
    }

    async fn tagged(&self, prefix: &str) -> Result<Vec<TaggedStack>, Fault> {
        let now = self.now();
        let told: Vec<TaggedStack> = {
            let mut account = self.account.lock().unwrap();
            account.by_id.retain(|_, made| made.gone_from.is_none_or(|gone_from| now < gone_from));
            account.by_id.values().map(|made| made.told(prefix, now)).collect()
        };
        self.network.asks(Call::Look, told.len().div_ceil(PAGE)).await;
        Ok(told.into_iter().filter(|stack| !stack.tags.is_empty()).collect())
    }

    async fn account_limit(&self) -> Result<Option<usize>, Fault> {
        Ok(None)
    }
}

impl Made {
    fn told(&self, prefix: &str, now: Duration) -> TaggedStack {
        let ours = self.tags.iter().filter(|(name, _)| name.starts_with(prefix));
        TaggedStack {
            stack: StackRef { name: self.name.clone(), id: Some(self.ready.id.clone()), changed_at: None },
            tags: ours.map(|(name, value)| (name.clone(), value.clone())).collect(),
            made_at: Some(self.made_at),
            doing: (now < self.ready_from).then(|| MAKING.to_owned()),
        }
    }
}
