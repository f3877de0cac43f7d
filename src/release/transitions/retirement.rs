//! A version is given up, and a version that nobody can reach is taken away.
//!
//! Deletion has two writes. The first marks the version `Retiring` in the very document that shows it unreachable, so
//! that nobody can come to reach it from then on; only then is its stack deleted; the second write forgets it.

use super::begin_blue::BlueRequest;
use super::testing::wrong;
use crate::release::names::{ServiceName, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Moment, Stage, State};

/// The name under which the sweep appears in the history.
const SWEEP: &str = "sweep";

/// How the history tells that a version was given up; the reason follows.
pub(super) const WAS_ABANDONED: &str = "was abandoned: ";

impl Stage {
    /// Gives a version up that is on its way to going live. From this write on its view pins nothing.
    ///
    /// # Errors
    /// When the version is gone, or went live.
    pub fn abandon(&mut self, of: &VersionRef, because: &str, at: Moment) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        match version.state {
            State::Creating | State::Blue | State::Tested | State::Promoting => {}
            State::Abandoned | State::Retiring => return Ok(()),
            State::Live | State::Previous => return Err(wrong(of, version)),
        }
        version.state = State::Abandoned;
        version.abandoned_because = Some(because.to_owned());
        let who = version.execution.execution_id.clone();
        self.end_reservations(of);
        self.note(at, of, format!("{WAS_ABANDONED}{because}"), who);
        Ok(())
    }

    /// Why there is no version of the service that this pipeline execution has made: it was given up and forgotten, as
    /// far as the history goes back, or there never was one.
    #[must_use]
    pub fn absence_of(&self, service: &ServiceName, execution_id: &str) -> Refusal {
        let given_up = self.given_up_of(service, execution_id).next();
        given_up.unwrap_or_else(|| Refusal::NothingDeployed { service: service.clone() })
    }

    /// A job that comes once more after all that it made was given up and forgotten begins nothing anew.
    pub(super) fn refuse_if_given_up(&self, request: &BlueRequest) -> Result<(), Refusal> {
        let by = &request.execution;
        let is_its = |refusal: &Refusal| matches!(refusal, Refusal::Abandoned { of, .. } if of.version.is_made_by(&by.action_execution_id));
        self.given_up_of(&request.service, &by.execution_id).find(is_its).map_or(Ok(()), Err)
    }

    /// What this pipeline execution made and was given up, the newest first, as far as the history goes back.
    fn given_up_of(&self, service: &ServiceName, execution_id: &str) -> impl Iterator<Item = Refusal> {
        self.recent.iter().rev().filter_map(move |event| {
            let is_it = event.of.service == *service && event.who == execution_id;
            let because = event.what.strip_prefix(WAS_ABANDONED).filter(|_| is_it)?;
            Some(Refusal::Abandoned { of: event.of.clone(), because: because.to_owned() })
        })
    }

    /// Marks a version whose stack may be deleted, because nobody can reach it.
    ///
    /// # Errors
    /// When somebody can reach it, or it is gone.
    pub fn retire(&mut self, of: &VersionRef, at: Moment) -> Result<(), Refusal> {
        if self.version(of).is_some_and(|version| version.state == State::Retiring) {
            return Ok(());
        }
        let by: Vec<_> = self.pins_of(of).into_iter().collect();
        let version = self.version_mut(of)?;
        if !by.is_empty() {
            return Err(Refusal::Pinned { of: of.clone(), by });
        }
        version.state = State::Retiring;
        self.note(at, of, "is being retired", SWEEP);
        Ok(())
    }

    /// Forgets a version whose stack is gone. A service without any version left is forgotten with it, so that a
    /// first release under a mistyped name leaves nothing behind but the ordinal that comes next: were it to begin anew,
    /// a job that comes once more would use a stack name again that a late worker may still be deleting.
    ///
    /// # Errors
    /// When the version is not being retired.
    pub fn forget(&mut self, of: &VersionRef, at: Moment) -> Result<(), Refusal> {
        let Ok(version) = self.version_mut(of) else {
            return Ok(());
        };
        if version.state != State::Retiring {
            return Err(wrong(of, version));
        }
        let emptied = self.service_mut(&of.service).and_then(|service| {
            service.versions.remove(&of.version);
            service.versions.is_empty().then_some(service.next_ordinal)
        });
        if let Some(next_ordinal) = emptied {
            self.forgotten.insert(of.service.clone(), next_ordinal);
            self.services.remove(&of.service);
        }
        self.note(at, of, "was retired", SWEEP);
        Ok(())
    }

    /// Every version that nobody can reach and whose stack has not been taken away.
    #[must_use]
    pub fn unreachable(&self) -> Vec<VersionRef> {
        let pins = self.pins();
        self.all_versions().map(|(of, _)| of).filter(|of| !pins.contains_key(of)).collect()
    }
}
