//! When the domain says no.
//!
//! A refusal carries what a person needs to understand it; the sentences themselves stand in `actions/messages.rs`.

use super::names::{RunId, ServiceName, VersionId, VersionRef};
use super::reach::Pin;
use super::skew::{Debt, Skew};
use super::stage::{Moment, State};

/// Why a transition was not made. The stage is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another pipeline owns the service.
    OwnedByAnother {
        /// The service.
        service: ServiceName,
        /// The ARN of the pipeline that owns it.
        owner: String,
    },
    /// A service that is needed was never released into this stage.
    UnknownDependency {
        /// The service that needs it.
        service: ServiceName,
        /// The service that nobody knows.
        dependency: ServiceName,
        /// The services that the stage knows.
        known: Vec<ServiceName>,
    },
    /// A service that is needed has no live version, and maybe some that are on their way.
    NotLiveYet {
        /// The service that needs it.
        service: ServiceName,
        /// The service that has no live version.
        dependency: ServiceName,
        /// Its versions that may still go live.
        on_their_way: Vec<VersionId>,
    },
    /// The live version of a dependency has no such output.
    UnknownOutput {
        /// The dependency.
        dependency: VersionRef,
        /// The output that was asked for.
        output: String,
        /// The outputs that it has.
        available: Vec<String>,
    },
    /// The wiring would close a circle between services.
    Circle {
        /// From the service round to itself.
        path: Vec<ServiceName>,
    },
    /// This pipeline execution made no version of the service.
    NothingDeployed {
        /// The service.
        service: ServiceName,
    },
    /// The version was given up.
    Abandoned {
        /// The version.
        of: VersionRef,
        /// Why it was.
        because: String,
    },
    /// The version is in a state from which the transition does not lead on.
    WrongState {
        /// The version.
        of: VersionRef,
        /// Its state.
        state: State,
    },
    /// A run was told of that is not the version's newest: its result no longer counts.
    RunReplaced {
        /// The version.
        of: VersionRef,
        /// The run that was told of.
        run: RunId,
    },
    /// The version's tests have not passed.
    Untested {
        /// The version.
        of: VersionRef,
        /// Whether a run of it failed, rather than there being none.
        failed: bool,
    },
    /// The stack is not the one that was tested: it was changed or replaced from outside.
    ChangedSinceTested {
        /// The version.
        of: VersionRef,
    },
    /// A newer version than this one is live.
    OlderThanLive {
        /// The version.
        of: VersionRef,
        /// The version that is live.
        live: VersionId,
    },
    /// Versions that this one was tested with are no longer live.
    Skewed {
        /// The version.
        of: VersionRef,
        /// Each of them.
        skew: Vec<Skew>,
    },
    /// Another service, which was tested with what is live here and keeps losing, goes first.
    Reserved {
        /// The version that is to wait.
        of: VersionRef,
        /// The version that goes first.
        by: VersionRef,
        /// When it need not wait any longer.
        until: Moment,
    },
    /// The live version that is needed is about to be changed, and no new view may reach it until then.
    Barred {
        /// The service that needs it.
        service: ServiceName,
        /// The service whose live version is to be changed.
        dependency: ServiceName,
        /// The version whose promotion changes it.
        by: VersionRef,
        /// When the barrier is void.
        until: Moment,
    },
    /// Blues use what is live, which was to be changed.
    Held {
        /// The version that was to take its place.
        of: VersionRef,
        /// Those blues.
        by: Vec<VersionRef>,
    },
    /// As many versions are in the stage as it may hold.
    StageFull {
        /// The service that a further one was asked for.
        service: ServiceName,
        /// How many it may hold.
        most: usize,
        /// How many versions each service has.
        held_by: Vec<(ServiceName, usize)>,
    },
    /// Another version of the service gets, or may still get, the events that only one may get.
    SecondSubscriber {
        /// The version that was to get them.
        of: VersionRef,
        /// The version that has them.
        other: VersionRef,
    },
    /// No such previous version is kept.
    NothingKept {
        /// The service.
        service: ServiceName,
        /// The previous versions that are kept.
        kept: Vec<VersionId>,
    },
    /// Another version has gone live since a switch back was asked for.
    LiveChanged {
        /// The service.
        service: ServiceName,
        /// The version that is live now.
        live: Option<VersionId>,
    },
    /// Live versions would face each other that no passed run has seen together, and that was not wanted.
    WouldBeUntested {
        /// Each pair.
        pairs: Vec<Debt>,
    },
    /// Somebody may still call the version.
    Pinned {
        /// The version.
        of: VersionRef,
        /// Who keeps it.
        by: Vec<Pin>,
    },
}

impl Refusal {
    /// Its name: for numbers, which cannot hold what a refusal carries.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OwnedByAnother { .. } => "OwnedByAnother",
            Self::UnknownDependency { .. } => "UnknownDependency",
            Self::NotLiveYet { .. } => "NotLiveYet",
            Self::UnknownOutput { .. } => "UnknownOutput",
            Self::Circle { .. } => "Circle",
            Self::NothingDeployed { .. } => "NothingDeployed",
            Self::Abandoned { .. } => "Abandoned",
            Self::WrongState { .. } => "WrongState",
            Self::RunReplaced { .. } => "RunReplaced",
            Self::Untested { .. } => "Untested",
            Self::ChangedSinceTested { .. } => "ChangedSinceTested",
            Self::OlderThanLive { .. } => "OlderThanLive",
            Self::Skewed { .. } => "Skewed",
            Self::Reserved { .. } => "Reserved",
            Self::Barred { .. } => "Barred",
            Self::Held { .. } => "Held",
            Self::StageFull { .. } => "StageFull",
            Self::SecondSubscriber { .. } => "SecondSubscriber",
            Self::NothingKept { .. } => "NothingKept",
            Self::LiveChanged { .. } => "LiveChanged",
            Self::WouldBeUntested { .. } => "WouldBeUntested",
            Self::Pinned { .. } => "Pinned",
        }
    }
}
