//! rebind: services that are behind are released again, so that they are wired to what is live now.
//!
//! A service is released by its own pipeline, from its source, and tested as ever. Providers come before consumers: a
//! service whose provider is itself behind is left for a later pass, for its wiring would only fall behind again. Wiring
//! has no circles, so this ends.

use std::collections::{BTreeMap, BTreeSet};

use super::template::digest;
use super::{messages, update};
use crate::ports::Ports;
use crate::release::{ServiceName, Stage, StageName};

/// What a rebind came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebound {
    /// Services whose pipelines were started, each with the pipeline execution's id.
    pub started: BTreeMap<ServiceName, String>,
    /// Services that follow once those before them are live.
    pub later: BTreeSet<ServiceName>,
    /// Services that were named and are not behind.
    pub up_to_date: BTreeSet<ServiceName>,
}

/// Starts the pipelines of the services that are behind: of `only` these, or of all. On the same `occasion` each is
/// started once, however often that is asked for.
///
/// # Errors
/// A sentence that says why not. What was started before it goes on.
pub async fn rebind(
    ports: &Ports,
    stage: &StageName,
    only: Option<&BTreeSet<ServiceName>>,
    occasion: &str,
) -> Result<Rebound, String> {
    let told = |stop| messages::not_rebound(&stop);
    let stage = update::read(ports, stage).await.map_err(told)?;
    let behind = behind(&stage);
    let wanted: BTreeSet<ServiceName> = only.unwrap_or(&behind).clone();
    let mut rebound = Rebound::default();
    for service in wanted {
        if !behind.contains(&service) {
            rebound.up_to_date.insert(service);
            continue;
        }
        if waits_for_a_provider(&stage, &service, &behind) {
            rebound.later.insert(service);
            continue;
        }
        let started = start(ports, &stage, (&service, occasion)).await.map_err(|fault| told(fault.into()))?;
        rebound.started.insert(service, started);
    }
    Ok(rebound)
}

fn behind(stage: &Stage) -> BTreeSet<ServiceName> {
    stage.behind().into_iter().map(|behind| behind.of.service).collect()
}

fn waits_for_a_provider(stage: &Stage, service: &ServiceName, behind: &BTreeSet<ServiceName>) -> bool {
    let live = stage.live(service);
    live.is_some_and(|live| live.wiring.keys().any(|provider| behind.contains(provider)))
}

/// Starts the pipeline that owns the service. A worker that dies right after this is followed by one that asks again, with
/// the same token.
async fn start(
    ports: &Ports,
    stage: &Stage,
    (service, occasion): (&ServiceName, &str),
) -> Result<String, crate::ports::Fault> {
    let owner = stage.services.get(service).map_or("", |service| service.owner.as_str());
    let live = stage.live(service).map_or("none", |live| live.id.as_str());
    let request = digest(&format!("{} {service} {live} {occasion}", stage.name));
    ports.jobs.start_pipeline(owner, &format!("rebind-{request}")).await
}
