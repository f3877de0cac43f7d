//! A version that was live before becomes live again, in one write.

use crate::release::names::{ServiceName, VersionId, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::skew::Debt;
use crate::release::stage::{Moment, Stage, State};

/// A switch to a version that was live before.
#[derive(Clone, Debug)]
pub struct SwitchBack {
    /// The service.
    pub service: ServiceName,
    /// The version that is to be live again: named, so that the same request made twice switches once.
    pub to: VersionId,
    /// The version that was live when it was asked for: when another one has gone live since, that is not what is wanted
    /// away, and the same request, repeated late, must not take it away.
    pub away_from: Option<VersionId>,
    /// Who asks for it, for the history.
    pub who: String,
    /// Why, for the history.
    pub reason: String,
    /// Refuse it when live versions would face each other that no passed run has seen together.
    pub strict: bool,
    /// Now.
    pub at: Moment,
}

impl Stage {
    /// The version that a switch back leads to when none is named: the one that was live last.
    ///
    /// # Errors
    /// When the service is unknown or no previous version of it is kept.
    pub fn switch_back_target(&self, service: &ServiceName) -> Result<VersionId, Refusal> {
        let known = self.services.get(service);
        let newest = known.and_then(|known| known.previous.first());
        newest.cloned().ok_or_else(|| Refusal::NothingKept { service: service.clone(), kept: Vec::new() })
    }

    /// Makes a kept previous version live again, and what was live previous. Always possible while one is kept: what
    /// becomes untested by it is told by [`Stage::debts`], what falls behind by [`Stage::behind`].
    ///
    /// # Errors
    /// When that version is not kept, another one has gone live since it was asked for, or a strict request would leave pairs untested; the stage must then be dropped,
    /// as after every refusal.
    pub fn switch_back(&mut self, request: &SwitchBack) -> Result<(), Refusal> {
        if !request.strict {
            return self.swap(request);
        }
        let owed = self.debts();
        self.swap(request)?;
        let pairs: Vec<Debt> = self.debts().into_iter().filter(|debt| !owed.contains(debt)).collect();
        if pairs.is_empty() { Ok(()) } else { Err(Refusal::WouldBeUntested { pairs }) }
    }

    fn swap(&mut self, request: &SwitchBack) -> Result<(), Refusal> {
        let service = self
            .service_mut(&request.service)
            .ok_or_else(|| Refusal::NothingKept { service: request.service.clone(), kept: Vec::new() })?;
        if service.live.as_ref() == Some(&request.to) {
            return Ok(());
        }
        if service.live != request.away_from {
            return Err(Refusal::LiveChanged { service: request.service.clone(), live: service.live.clone() });
        }
        let Some(place) = service.previous.iter().position(|kept| *kept == request.to) else {
            return Err(Refusal::NothingKept { service: request.service.clone(), kept: service.previous.clone() });
        };
        service.previous.remove(place);
        if let Some(before) = service.live.replace(request.to.clone()) {
            if let Some(version) = service.versions.get_mut(&before) {
                version.state = State::Previous;
            }
            service.previous.insert(0, before);
        }
        if let Some(version) = service.versions.get_mut(&request.to) {
            version.state = State::Live;
            version.promoted_at = Some(request.at);
        }
        let of = VersionRef { service: request.service.clone(), version: request.to.clone() };
        self.note(request.at, &of, format!("was switched back to: {}", request.reason), request.who.clone());
        Ok(())
    }
}
