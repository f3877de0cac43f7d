//! Who keeps what alive.
//!
//! A version is reachable when somebody may still call it: it is live or kept as previous, it is on its way to going
//! live, it is in the view of such a version, or it is wired to a reachable one. Pinning only the view itself would
//! not be enough: a pinned version calls *its* dependencies too, so reachability follows wiring to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::names::{ServiceName, VersionId, VersionRef};
use super::stage::Stage;

/// Why a version is reachable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// It is live.
    Live,
    /// It was live and is kept to switch back to.
    Kept,
    /// It is on its way to going live itself.
    OnItsWay,
    /// It is in the view of this version, which is on its way to going live.
    InViewOf(VersionRef),
    /// This version, itself reachable, is wired to it.
    WiredInto(VersionRef),
}

impl Pin {
    /// Whether it is another version that keeps this one.
    #[must_use]
    pub fn is_by_another(&self) -> bool {
        match self {
            Self::InViewOf(_) | Self::WiredInto(_) => true,
            Self::Live | Self::Kept | Self::OnItsWay => false,
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => write!(f, "it is live"),
            Self::Kept => write!(f, "it is kept to switch back to"),
            Self::OnItsWay => write!(f, "it is being released"),
            Self::InViewOf(blue) => write!(f, "{blue} is tested with it"),
            Self::WiredInto(version) => write!(f, "{version} is wired to it"),
        }
    }
}

impl Stage {
    /// Every reachable version with the reasons why it is.
    #[must_use]
    pub fn pins(&self) -> BTreeMap<VersionRef, BTreeSet<Pin>> {
        let mut pins: BTreeMap<VersionRef, BTreeSet<Pin>> = BTreeMap::new();
        let mut open = self.roots();
        while let Some((of, pin)) = open.pop() {
            let reached_before = pins.contains_key(&of);
            pins.entry(of.clone()).or_default().insert(pin);
            if reached_before {
                continue;
            }
            let Some(version) = self.version(&of) else {
                continue;
            };
            for (service, wire) in &version.wiring {
                open.push((to(service, &wire.version), Pin::WiredInto(of.clone())));
            }
        }
        pins
    }

    /// Why this version is reachable; empty when nobody can reach it.
    #[must_use]
    pub fn pins_of(&self, of: &VersionRef) -> BTreeSet<Pin> {
        self.pins().remove(of).unwrap_or_default()
    }

    /// Whether this version is reachable and so may be neither deleted nor updated.
    #[must_use]
    pub fn is_pinned(&self, of: &VersionRef) -> bool {
        !self.pins_of(of).is_empty()
    }

    /// Every version that this version's calls can reach: its view, and on through wiring. Without itself.
    #[must_use]
    pub fn closure_of(&self, of: &VersionRef) -> BTreeSet<VersionRef> {
        let mut reached = self.version(of).map(|version| self.closure_of_view(&version.view)).unwrap_or_default();
        reached.remove(of);
        reached
    }

    /// Every version that a view reaches: those in it, and on through their wiring.
    #[must_use]
    pub fn closure_of_view(&self, view: &BTreeMap<ServiceName, VersionId>) -> BTreeSet<VersionRef> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<VersionRef> = view.iter().map(|(service, id)| to(service, id)).collect();
        while let Some(other) = open.pop() {
            let Some(version) = self.version(&other) else {
                continue;
            };
            if reached.insert(other) {
                open.extend(version.wiring.iter().map(|(service, wire)| to(service, &wire.version)));
            }
        }
        reached
    }

    /// The circle of services that wiring `service` to `dependencies` would close, spelled out from `service` to
    /// `service`, if it would close one.
    #[must_use]
    pub fn circle_through(
        &self,
        service: &ServiceName,
        dependencies: &BTreeSet<ServiceName>,
    ) -> Option<Vec<ServiceName>> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Vec<ServiceName>> =
            dependencies.iter().map(|dependency| vec![service.clone(), dependency.clone()]).collect();
        while let Some(path) = open.pop() {
            let end = path.last()?.clone();
            if end == *service {
                return Some(path);
            }
            if !seen.insert(end.clone()) {
                continue;
            }
            for next in self.live(&end).into_iter().flat_map(|live| live.wiring.keys()) {
                let mut longer = path.clone();
                longer.push(next.clone());
                open.push(longer);
            }
        }
        None
    }

    /// The versions that are reachable by themselves, and those that a view pins.
    fn roots(&self) -> Vec<(VersionRef, Pin)> {
        let mut roots = Vec::new();
        for (name, service) in &self.services {
            roots.extend(service.live.iter().map(|id| (to(name, id), Pin::Live)));
            roots.extend(service.previous.iter().map(|id| (to(name, id), Pin::Kept)));
        }
        for (of, version) in self.all_versions().filter(|(_, version)| version.state.is_on_its_way()) {
            roots.push((of.clone(), Pin::OnItsWay));
            let others = version.view.iter().map(|(service, id)| to(service, id)).filter(|other| *other != of);
            roots.extend(others.map(|other| (other, Pin::InViewOf(of.clone()))));
        }
        roots
    }
}

fn to(service: &ServiceName, version: &VersionId) -> VersionRef {
    VersionRef { service: service.clone(), version: version.clone() }
}
