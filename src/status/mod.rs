//! The stage for people and for scripts: what is live, what is on its way and waits for what, who pins whom.
//!
//! [`explain`] answers questions in sentences; [`StageReport`] is the answer as data, `--output json`; [`table`] draws it for a terminal.

mod explain;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::release::reach::Pin;
use crate::release::{Moment, RunOutcome, Service, ServiceName, Stage, StageName, State, Version, VersionRef};

pub use explain::explain;
pub use table::table;

/// A stage as `bluestage status` tells it. Moments are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StageReport {
    /// The stage's name.
    pub stage: StageName,
    /// How many times its document was written.
    pub seq: u64,
    /// Its services, by name.
    pub services: Vec<ServiceReport>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceReport {
    /// Its name.
    pub service: ServiceName,
    /// The ARN of the pipeline that owns it.
    pub owner: String,
    /// What is live.
    pub live: Option<VersionReport>,
    /// What is on its way to going live, oldest first.
    pub blues: Vec<VersionReport>,
    /// What is kept to switch back to, newest first.
    pub previous: Vec<VersionReport>,
    /// What is neither: given up, being removed, or no longer kept but still needed.
    pub others: Vec<VersionReport>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionReport {
    /// Its name.
    pub version: String,
    /// Where it is in its life.
    pub state: State,
    /// What it waits for, if it is on its way.
    pub waits_for: Option<String>,
    /// Its stack's name.
    pub stack: String,
    /// The other versions that it is wired to or tested with.
    pub view: Vec<String>,
    /// The versions whose views or wiring pin it.
    pub pinned_by: Vec<String>,
    /// The versions that it is wired to although they are no longer live, if it is live.
    pub behind: Vec<String>,
    /// The live versions that it calls, or that call it, without a passed run that saw the two together.
    pub untested_with: Vec<String>,
    /// When it began.
    pub created_at: Moment,
    /// When it went live last.
    pub promoted_at: Option<Moment>,
}

impl StageReport {
    /// The report of this stage.
    #[must_use]
    pub fn of(stage: &Stage) -> Self {
        let services = stage.services.iter();
        Self {
            stage: stage.name.clone(),
            seq: stage.seq,
            services: services.map(|(name, service)| service_report(stage, name, service)).collect(),
        }
    }
}

/// Who keeps which version alive.
type Pins = BTreeMap<VersionRef, BTreeSet<Pin>>;

fn service_report(stage: &Stage, name: &ServiceName, service: &Service) -> ServiceReport {
    let pins = stage.pins();
    let report = |version: &Version| {
        let of = VersionRef { service: name.clone(), version: version.id.clone() };
        version_report(stage, &pins, (&of, version))
    };
    let mut in_order: Vec<&Version> = service.versions.values().collect();
    in_order.sort_by_key(|version| version.ordinal);
    let is_kept = |version: &Version| service.previous.contains(&version.id);
    let is_live = |version: &Version| service.live.as_ref() == Some(&version.id);
    let pick = |wanted: &dyn Fn(&Version) -> bool| -> Vec<VersionReport> {
        in_order.iter().copied().filter(|version| wanted(version)).map(report).collect()
    };
    let mut previous = pick(&is_kept);
    previous.reverse();
    ServiceReport {
        service: name.clone(),
        owner: service.owner.clone(),
        live: pick(&is_live).pop(),
        blues: pick(&|version| version.state.is_on_its_way()),
        previous,
        others: pick(&|version| !version.state.is_on_its_way() && !is_kept(version) && !is_live(version)),
    }
}

fn version_report(stage: &Stage, pins: &Pins, (of, version): (&VersionRef, &Version)) -> VersionReport {
    let others = version.view.iter().filter(|(service, _)| **service != of.service);
    let behind = stage.behind().into_iter().filter(|behind| behind.of == *of);
    let debts = stage.debts().into_iter();
    let untested_with = debts.filter_map(|debt| match (debt.caller == *of, debt.called == *of) {
        (true, _) => Some(debt.called.to_string()),
        (_, true) => Some(debt.caller.to_string()),
        (false, false) => None,
    });
    VersionReport {
        version: version.id.to_string(),
        state: version.state,
        waits_for: waits_for(version),
        stack: version.stack.name.clone(),
        view: others.map(|(service, id)| format!("{service} {id}")).collect(),
        pinned_by: pins.get(of).into_iter().flatten().filter_map(pinned_by).collect(),
        behind: behind.map(|behind| behind.wired_to.to_string()).collect(),
        untested_with: untested_with.collect(),
        created_at: version.created_at,
        promoted_at: version.promoted_at,
    }
}

/// Who pins, if it is another version.
fn pinned_by(pin: &Pin) -> Option<String> {
    match pin {
        Pin::InViewOf(version) => Some(format!("{version} (its tests)")),
        Pin::WiredInto(version) => Some(format!("{version} (its wiring)")),
        Pin::Live | Pin::Kept | Pin::OnItsWay => None,
    }
}

fn waits_for(version: &Version) -> Option<String> {
    let outcome = version.run.as_ref().map(|run| run.outcome);
    let waits_for = match (version.state, outcome) {
        (State::Creating, _) => "its stack",
        (State::Blue, Some(RunOutcome::Running)) => "its tests to end",
        (State::Blue, Some(RunOutcome::Failed)) => "a retry: its tests failed",
        (State::Blue, Some(RunOutcome::Passed | RunOutcome::Invalid) | None) => "its tests to start",
        (State::Tested | State::Promoting, _) => "its promotion",
        (State::Live | State::Previous | State::Abandoned | State::Retiring, _) => return None,
    };
    Some(waits_for.to_owned())
}
