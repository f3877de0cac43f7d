//! The stage as a value: services, their versions, what is live, and the questions that can be asked of it.
//!
//! How it changes is told in [`super::transitions`]; how it is stored, in [`super::document`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::{RunId, ServiceName, StageName, VersionId, VersionRef};

/// A time of day in whole seconds since 1970-01-01T00:00:00Z.
///
/// For records and messages. Rules do not compare the moments of two machines to decide who holds what.
pub type Moment = u64;

/// Stack ids, each with when the stack was last changed as CloudFormation tells it.
pub type SeenStacks = BTreeMap<String, Option<String>>;

/// One output or parameter name with its value.
pub type Outputs = BTreeMap<String, String>;

/// An environment shared by many services, with every version that lives in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The form of this document, see [`super::document::SCHEMA`].
    pub schema: u32,
    /// The stage's name.
    pub name: StageName,
    /// Grows by exactly one with every write, so equal bytes, and with them equal `ETag`s, never occur twice.
    pub seq: u64,
    /// A fresh id per write, by which a writer recognises its own write when the answer was lost.
    pub written_by: String,
    /// The services released into this stage. Copies of the stage share those in which nothing was changed: a change
    /// concerns a few of them ([`Stage::service_mut`]).
    pub services: BTreeMap<ServiceName, Arc<Service>>,
    /// The ordinal that the next version gets of each service that was forgotten: no stack name is used twice.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub forgotten: BTreeMap<ServiceName, u64>,
    /// What happened last, oldest first.
    pub recent: Vec<Event>,
}

/// One independently released service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The ARN of the pipeline that releases it.
    pub owner: String,
    /// The version that others see and call.
    pub live: Option<VersionId>,
    /// Versions that were live before and are kept to switch back to, newest first.
    pub previous: Vec<VersionId>,
    /// Every version that has, or may have, a stack.
    pub versions: BTreeMap<VersionId, Version>,
    /// The ordinal that the next version gets.
    pub next_ordinal: u64,
    /// Promotions in a row that were refused because a version in the view had been replaced.
    pub losses: u32,
    /// Who may promote first: a service that depends on this one and keeps losing.
    pub reserved: Option<Reservation>,
    /// Keeps new views away from the live version while that is to be changed.
    pub barrier: Option<Barrier>,
    /// The stack with a fixed name that is being updated and thereby comes to get the events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updating: Option<Updating>,
}

/// A stack that belongs to no version yet is about to get the events, or has them. Until that version is live in it, or
/// they were taken from it again, no other may get them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Updating {
    /// The version that it is updated to.
    pub by: VersionId,
    /// The stack's name.
    pub stack: String,
}

/// No new view may reach a service's live version, because a promotion is about to change its stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Barrier {
    /// The version whose promotion raised it.
    pub by: VersionRef,
    /// When it is void even if nobody lowers it.
    pub until: Moment,
}

/// A service's live version is held still, for a bounded time, for one that was tested with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// The version that is to go live first.
    pub by: VersionRef,
    /// When it is void even so.
    pub until: Moment,
}

/// One immutable release of a service, in a stack of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name.
    pub id: VersionId,
    /// Its place in the order in which the service's versions began, from 1.
    pub ordinal: u64,
    /// Where it is in its life.
    pub state: State,
    /// Its stack.
    pub stack: StackRef,
    /// Stacks that nobody needs any more, because what is live was updated to what was tested in them: its own, and those
    /// of versions before it that were not taken away yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<StackRef>,
    /// What its stack gave out, once it is ready.
    pub outputs: Outputs,
    /// The dependency outputs that its stack was given as parameters. Immutable.
    pub wiring: BTreeMap<ServiceName, Wire>,
    /// The version of each service that it is wired to and tested with: those live when it began, and itself.
    pub view: BTreeMap<ServiceName, VersionId>,
    /// Who made it.
    pub execution: Execution,
    /// The source revision that the pipeline reported, if any.
    pub revision: Option<String>,
    /// SHA-256 of the template, in hex.
    pub template_digest: String,
    /// Its `GreenDeployment` parameter, if its template declares one.
    pub green: Option<Green>,
    /// Its newest test run, passed or not.
    pub run: Option<Run>,
    /// What passed, once tests passed.
    pub tested: Option<Tested>,
    /// Why it was given up, once it was.
    pub abandoned_because: Option<String>,
    /// Whether its promotion was refused because a version in its view had been replaced.
    pub lost: bool,
    /// When it went live, last.
    pub promoted_at: Option<Moment>,
    /// When it began.
    pub created_at: Moment,
    /// When it is given up if nobody has promoted it by then.
    pub expires_at: Moment,
}

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its stack is being made.
    Creating,
    /// Its stack is ready; only its own tests see it.
    Blue,
    /// Its tests passed.
    Tested,
    /// It is about to go live.
    Promoting,
    /// Others see and call it.
    Live,
    /// It was live before.
    Previous,
    /// It was given up before it went live.
    Abandoned,
    /// Its stack is being deleted.
    Retiring,
}

impl State {
    /// Whether a version in this state is still on its way to going live. Only such a version's view pins.
    #[must_use]
    pub fn is_on_its_way(self) -> bool {
        match self {
            Self::Creating | Self::Blue | Self::Tested | Self::Promoting => true,
            Self::Live | Self::Previous | Self::Abandoned | Self::Retiring => false,
        }
    }
}

/// The `GreenDeployment` parameter of a version's stack: whether it subscribes to the events that only one may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Green {
    /// It is `false`.
    Off,
    /// It is being set to `true`: it may subscribe from now on.
    TurningOn,
    /// It is `true`.
    On,
    /// It is being set to `false`: it may still subscribe.
    TurningOff,
}

/// A version's stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackRef {
    /// Its name, never used for another stack.
    pub name: String,
    /// Its id (ARN), once known.
    pub id: Option<String>,
    /// When it was last changed as CloudFormation tells it, once it is ready: how a change from outside is noticed.
    pub changed_at: Option<String>,
}

/// One dependency that a version is wired to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// The version of that dependency.
    pub version: VersionId,
    /// Its outputs that were given to the stack.
    pub outputs: Outputs,
}

/// The pipeline execution and the action execution in it that made a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// The pipeline's ARN.
    pub pipeline_arn: String,
    /// The pipeline execution's id.
    pub execution_id: String,
    /// The deploy-blue action execution's id: the version's identity, so that a repeated job finds it again.
    pub action_execution_id: String,
}

/// A test run of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// When it began.
    pub started_at: Moment,
    /// How it stands.
    pub outcome: RunOutcome,
    /// Every stack that it can reach, by id, with when that had last been changed as the run began; nothing any more once
    /// that was compared and the run counts.
    pub seen: SeenStacks,
}

/// How a test run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunOutcome {
    /// It has not ended, as far as the stage knows.
    Running,
    /// Every test passed.
    Passed,
    /// Some test failed, or the run itself did.
    Failed,
    /// Something outside changed a stack under it: it says nothing about the version.
    Invalid,
}

/// What passed: promotion demands that the same goes live.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    /// The run that passed.
    pub run: RunId,
    /// The stack's id.
    pub stack_id: String,
    /// When the stack had last been changed.
    pub stack_changed_at: Option<String>,
    /// The digest of the template.
    pub template_digest: String,
    /// When it passed.
    pub at: Moment,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// To which version.
    pub of: VersionRef,
    /// What, in the words of the glossary.
    pub what: String,
    /// Who: a pipeline execution id, or the sweep.
    pub who: String,
}

impl Service {
    /// A service without any version yet.
    pub(super) fn new(owner: String, next_ordinal: u64) -> Self {
        Self {
            owner,
            live: None,
            previous: Vec::new(),
            versions: BTreeMap::new(),
            next_ordinal,
            losses: 0,
            reserved: None,
            barrier: None,
            updating: None,
        }
    }
}

impl Stage {
    /// A stage in which nothing was ever released.
    #[must_use]
    pub fn empty(name: StageName) -> Self {
        Self {
            schema: super::document::SCHEMA,
            name,
            seq: 0,
            written_by: String::new(),
            services: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            recent: Vec::new(),
        }
    }

    /// This version, if the stage knows it.
    #[must_use]
    pub fn version(&self, of: &VersionRef) -> Option<&Version> {
        self.services.get(&of.service)?.versions.get(&of.version)
    }

    /// This service for changing it, if the stage knows it.
    pub fn service_mut(&mut self, name: &ServiceName) -> Option<&mut Service> {
        self.services.get_mut(name).map(Arc::make_mut)
    }

    /// The live version of this service, if it has one.
    #[must_use]
    pub fn live(&self, service: &ServiceName) -> Option<&Version> {
        let service = self.services.get(service)?;
        service.versions.get(service.live.as_ref()?)
    }

    /// The newest version that this pipeline execution made of this service, whatever became of it.
    #[must_use]
    pub fn made_by(&self, service: &ServiceName, execution_id: &str) -> Option<&Version> {
        self.services
            .get(service)?
            .versions
            .values()
            .filter(|version| version.execution.execution_id == execution_id)
            .max_by_key(|version| version.ordinal)
    }

    /// Every version with its service, in order.
    pub fn all_versions(&self) -> impl Iterator<Item = (VersionRef, &Version)> {
        self.services.keys().flat_map(|name| self.versions_of(name))
    }

    /// Every version of this service. What concerns one service does not look at those of all others: the sweep asks it of
    /// every service.
    pub fn versions_of(&self, service: &ServiceName) -> impl Iterator<Item = (VersionRef, &Version)> {
        let found = self.services.get_key_value(service).into_iter();
        found.flat_map(|(name, service)| {
            let of = |version: &Version| VersionRef { service: name.clone(), version: version.id.clone() };
            service.versions.values().map(move |version| (of(version), version))
        })
    }
}
