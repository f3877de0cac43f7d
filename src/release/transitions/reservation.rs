//! A service whose promotions keep being refused for skew gets its turn.
//!
//! After three refusals in a row its next blue reserves the services in its view: until it has gone live or was given
//! up, and at most for a bounded time, their promotions wait. A switch back does not wait: it is for emergencies.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::release::names::{ServiceName, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Moment, Reservation, Service, Stage};

/// Refusals in a row after which a service reserves what it depends on. One is bad luck, two are a busy day.
const LOSSES_UNTIL_RESERVATION: u32 = 3;

/// How long a reservation holds at most: as long as an action may take by default, so that a blue that hangs does not
/// stop its neighbours for longer.
const RESERVATION_SECONDS: u64 = 55 * 60;

impl Stage {
    /// Notes that this version's promotion was refused because a version in its view had been replaced. A version
    /// loses once, however often it is asked.
    ///
    /// # Errors
    /// When the version is gone.
    pub fn note_loss(&mut self, of: &VersionRef, at: Moment) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        if version.lost {
            return Ok(());
        }
        version.lost = true;
        let who = version.execution.execution_id.clone();
        if let Some(service) = self.service_mut(&of.service) {
            service.losses += 1;
        }
        self.note(at, of, "was refused: a version it was tested with was replaced", who);
        Ok(())
    }

    /// Reserves the services in the view of a blue whose service has lost too often.
    pub(super) fn reserve_if_it_keeps_losing(&mut self, of: &VersionRef, at: Moment) {
        let losses = self.services.get(&of.service).map_or(0, |service| service.losses);
        if losses < LOSSES_UNTIL_RESERVATION {
            return;
        }
        let view = self.version(of).into_iter().flat_map(|version| version.view.keys().cloned());
        let others: BTreeSet<ServiceName> = view.filter(|service| *service != of.service).collect();
        for other in others {
            // Two services that reserve each other would wait for each other.
            let is_taken = self.reservation(&other, at).is_some();
            let reserves_us = self.reservation(&of.service, at).is_some_and(|ours| ours.by.service == other);
            let Some(service) = self.service_mut(&other).filter(|_| !is_taken && !reserves_us) else {
                continue;
            };
            service.reserved = Some(Reservation { by: of.clone(), until: at + RESERVATION_SECONDS });
        }
    }

    /// Who may promote before this service, if that still holds.
    #[must_use]
    pub fn reservation(&self, service: &ServiceName, at: Moment) -> Option<&Reservation> {
        let reserved = self.services.get(service)?.reserved.as_ref()?;
        let is_on_its_way = self.version(&reserved.by).is_some_and(|version| version.state.is_on_its_way());
        (is_on_its_way && at < reserved.until).then_some(reserved)
    }

    /// Ends every reservation of this version: it went live or was given up.
    pub(super) fn end_reservations(&mut self, of: &VersionRef) {
        let is_by_it = |service: &Arc<Service>| service.reserved.as_ref().is_some_and(|reserved| reserved.by == *of);
        for service in self.services.values_mut().filter(|service| is_by_it(service)) {
            Arc::make_mut(service).reserved = None;
        }
    }
}
