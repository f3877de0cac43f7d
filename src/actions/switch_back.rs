//! switch back: a previous version becomes live again. One read, one conditional write.

use std::sync::OnceLock;

use super::events::{HandOver, Switchboard, is_handed_to};
use super::{Hold, messages, seconds, update};
use crate::ports::Ports;
use crate::release::{Behind, Debt, ServiceName, StageName, SwitchBack, VersionId, VersionRef};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct SwitchBackRequest {
    /// The stage.
    pub stage: StageName,
    /// The service.
    pub service: ServiceName,
    /// The version; without one, the version that was live last.
    pub to: Option<VersionId>,
    /// Who asks, for the history.
    pub who: String,
    /// Why, for the history.
    pub reason: String,
    /// Refuse it when live versions would face each other untested.
    pub strict: bool,
}

/// What it came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchedBack {
    /// The version that is live now.
    pub live: VersionId,
    /// The version that was live before and is kept.
    pub kept: Option<VersionId>,
    /// Whether events are still to be handed over, which takes stack updates: [`follow_with_events`].
    pub events_follow: bool,
    /// Live versions that go on calling one that is no longer live.
    pub behind: Vec<Behind>,
    /// Live versions that face each other untested.
    pub debts: Vec<Debt>,
}

/// Switches back.
///
/// # Errors
/// A sentence that says why not; everything is then as it was.
pub async fn switch_back(ports: &Ports, request: &SwitchBackRequest) -> Result<SwitchedBack, String> {
    let at = seconds(ports.clock.now());
    // From what to what is asked once: after a lost race the same switch is made, not another one.
    let asked: OnceLock<(VersionId, Option<VersionId>)> = OnceLock::new();
    let switched = update::update(ports, &request.stage, |stage| {
        let to = match (asked.get(), &request.to) {
            (Some((found, _)), _) => found.clone(),
            (None, Some(named)) => named.clone(),
            (None, None) => stage.switch_back_target(&request.service)?,
        };
        let live = || stage.live(&request.service).map(|live| live.id.clone());
        let (to, away_from) = asked.get_or_init(|| (to, live())).clone();
        stage.switch_back(&SwitchBack {
            service: request.service.clone(),
            to: to.clone(),
            away_from,
            who: request.who.clone(),
            reason: request.reason.clone(),
            strict: request.strict,
            at,
        })?;
        Ok(to)
    });
    let (stage, live) = switched.await.map_err(|stop| messages::not_switched_back(&stop))?;
    let of = VersionRef { service: request.service.clone(), version: live.clone() };
    let service = stage.services.get(&request.service);
    Ok(SwitchedBack {
        events_follow: !is_handed_to(&stage, &of),
        live,
        kept: service.and_then(|service| service.previous.first().cloned()),
        behind: stage.behind().into_iter().filter(|behind| behind.wired_to.service == request.service).collect(),
        debts: stage.debts(),
    })
}

/// Hands the events over to what is live after a switch back. Tells whether that is done; else the sweep goes on.
///
/// # Errors
/// A sentence that says why not; the switch back stands, and the sweep tries again.
pub async fn follow_with_events(
    ports: &Ports,
    stage: &StageName,
    live: &VersionRef,
    hold: &Hold,
) -> Result<bool, String> {
    let switchboard = Switchboard { ports, stage, hold };
    let handed = switchboard.hand_to(live, live).await.map_err(|stop| messages::events_do_not_follow(&stop))?;
    Ok(matches!(handed, HandOver::Done(_)))
}
