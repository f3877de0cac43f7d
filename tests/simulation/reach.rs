//! Who reaches what, by going round until nothing is added any more.

use std::collections::BTreeSet;

use bluestage::release::{ServiceName, Stage, VersionId, VersionRef};

/// Everything that somebody may call.
pub(crate) fn reached(stage: &Stage) -> BTreeSet<VersionRef> {
    let mut reached = BTreeSet::new();
    for (name, service) in &stage.services {
        reached.extend(service.live.iter().chain(&service.previous).map(|id| to(name, id)));
    }
    for (of, version) in stage.all_versions().filter(|(_, version)| version.state.is_on_its_way()) {
        reached.extend(version.view.iter().map(|(service, id)| to(service, id)));
        reached.insert(of);
    }
    reached_from(stage, reached)
}

/// These, and everything that they are wired to.
pub(crate) fn reached_from(stage: &Stage, mut reached: BTreeSet<VersionRef>) -> BTreeSet<VersionRef> {
    loop {
        let versions = reached.iter().filter_map(|of| stage.version(of));
        let wired: Vec<VersionRef> = versions
            .flat_map(|version| version.wiring.iter().map(|(service, wire)| to(service, &wire.version)))
            .collect();
        let before = reached.len();
        reached.extend(wired);
        if reached.len() == before {
            return reached;
        }
    }
}

pub(crate) fn to(service: &ServiceName, version: &VersionId) -> VersionRef {
    VersionRef { service: service.clone(), version: version.clone() }
}
