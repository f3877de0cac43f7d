//! What was tested with what, held against what is live.
//!
//! Three answers, all computed from the views and wirings that are there, none of them stored: a blue is *skewed* when a
//! version in its view was replaced; a live version is *behind* when one that it is wired to was replaced (it goes on
//! calling what it was tested with); two live versions are a *debt* when one is meant to call the other, by an address
//! that we did not wire, and no passed run has seen the two together.

use super::names::{ServiceName, VersionId, VersionRef};
use super::stage::{Stage, Version};

/// A version in a view that is no longer live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// The service.
    pub service: ServiceName,
    /// The version that was tested with.
    pub tested_with: VersionId,
    /// The version that is live now, if any.
    pub live_now: Option<VersionId>,
    /// The pipeline ARN and execution that promoted it, as `arn execution`, if one is live.
    pub promoted_by: Option<String>,
}

/// A live version that is wired to one that is no longer live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The live version.
    pub of: VersionRef,
    /// What it is wired to and keeps alive.
    pub wired_to: VersionRef,
    /// What is live of that service now, if anything.
    pub live_now: Option<VersionId>,
}

/// Two live versions that no passed run has seen together, although one is meant to call the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debt {
    /// The version that calls.
    pub caller: VersionRef,
    /// The version that is called.
    pub called: VersionRef,
}

impl Stage {
    /// The versions in this version's view that are no longer live.
    #[must_use]
    pub fn skew_of(&self, of: &VersionRef) -> Vec<Skew> {
        let view = self.version(of).into_iter().flat_map(|version| &version.view);
        let others = view.filter(|(service, _)| **service != of.service);
        others.filter_map(|(service, tested_with)| self.skew_against(service, tested_with)).collect()
    }

    fn skew_against(&self, service: &ServiceName, tested_with: &VersionId) -> Option<Skew> {
        let live = self.live(service);
        let live_now = live.map(|live| live.id.clone());
        (live_now.as_ref() != Some(tested_with)).then(|| Skew {
            service: service.clone(),
            tested_with: tested_with.clone(),
            live_now,
            promoted_by: live.map(|live| {
                let execution = &live.execution;
                format!("{} {}", execution.pipeline_arn, execution.execution_id)
            }),
        })
    }

    /// Every live version that is wired to one that is no longer live.
    #[must_use]
    pub fn behind(&self) -> Vec<Behind> {
        let mut behind = Vec::new();
        for (of, live) in self.live_versions() {
            for (service, wire) in &live.wiring {
                if self.is_gone(service, &wire.version) {
                    continue;
                }
                let skew = self.skew_against(service, &wire.version);
                behind.extend(skew.map(|skew| Behind {
                    of: of.clone(),
                    wired_to: VersionRef { service: skew.service, version: skew.tested_with },
                    live_now: skew.live_now,
                }));
            }
        }
        behind
    }

    /// Every pair of live versions that should have been tested together and was not.
    ///
    /// Wired pairs are not among them, for wiring is immutable, so a live version calls what it was tested with; unless
    /// the stack that it is wired to was updated to another version (`Strategy=update`).
    #[must_use]
    pub fn debts(&self) -> Vec<Debt> {
        let mut debts = Vec::new();
        for (caller, version) in self.live_versions() {
            let unwired = version.view.keys().filter(|service| {
                let wired = version.wiring.get(*service);
                **service != caller.service && wired.is_none_or(|wire| self.is_gone(service, &wire.version))
            });
            for service in unwired {
                let Some(called) = self.live(service) else {
                    continue;
                };
                if !were_tested_together((&caller, version), (service, called)) {
                    debts.push(Debt {
                        caller: caller.clone(),
                        called: VersionRef { service: service.clone(), version: called.id.clone() },
                    });
                }
            }
        }
        debts
    }

    /// Whether the version is known no more, because its stack has become another version's.
    fn is_gone(&self, service: &ServiceName, version: &VersionId) -> bool {
        self.services.get(service).is_none_or(|service| !service.versions.contains_key(version))
    }

    /// Every live version with its service.
    pub fn live_versions(&self) -> impl Iterator<Item = (VersionRef, &Version)> {
        self.services.iter().filter_map(|(name, service)| {
            let live = service.versions.get(service.live.as_ref()?)?;
            Some((VersionRef { service: name.clone(), version: live.id.clone() }, live))
        })
    }
}

/// Whether the view of either, which passed its tests to become live, holds the other.
fn were_tested_together(
    (caller, calling): (&VersionRef, &Version),
    (service, called): (&ServiceName, &Version),
) -> bool {
    calling.view.get(service) == Some(&called.id) || called.view.get(&caller.service) == Some(&caller.version)
}
