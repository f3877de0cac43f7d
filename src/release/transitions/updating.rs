//! Promotion by update, for teams whose stack must keep its name and its data: what is live is brought to what was
//! tested, in its own stack, and the stack that it was tested in is left over.

use super::begin_blue::given_up;
use super::promotion::Promotion;
use super::testing::wrong;
use crate::release::names::{ServiceName, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Outputs, Service, StackRef, Stage, State, Updating};

/// The stack with the fixed name, as it is after the update.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The stack.
    pub stack: StackRef,
    /// What it gives out.
    pub outputs: Outputs,
}

impl Stage {
    /// Notes that the fixed stack is about to be updated to this version, and thereby to get the events. Nothing happens
    /// where the template has none to get.
    ///
    /// # Errors
    /// When the promotion was not begun, or while another stack gets the events, or may get them.
    pub fn begin_update(&mut self, of: &VersionRef, stack: &str) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        match version.state {
            State::Promoting => {}
            State::Live | State::Previous => return Ok(()),
            State::Creating | State::Blue | State::Tested => return Err(wrong(of, version)),
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
        }
        if version.green.is_none() {
            return Ok(());
        }
        if let Some(other) = self.subscriber_elsewhere(&of.service, stack) {
            return Err(Refusal::SecondSubscriber { of: of.clone(), other });
        }
        if let Some(service) = self.services.get_mut(&of.service) {
            service.updating = Some(Updating { by: of.version.clone(), stack: stack.to_owned() });
        }
        Ok(())
    }

    /// The update of a fixed stack that was begun and not finished.
    #[must_use]
    pub fn update_begun(&self, service: &ServiceName) -> Option<&Updating> {
        self.services.get(service)?.updating.as_ref()
    }

    /// What this update had begun is over: the stack does not get the events, and its version does not go live unless it is
    /// begun anew.
    ///
    /// # Errors
    /// Never; it answers as every transition does.
    pub fn end_update(&mut self, service: &ServiceName, begun: &Updating) -> Result<(), Refusal> {
        let service = self.services.get_mut(service);
        if let Some(service) = service.filter(|service| service.updating.as_ref() == Some(begun)) {
            service.updating = None;
        }
        Ok(())
    }

    /// The fixed stack is what was tested: this version is live in it. The version that was live in the same stack is no
    /// more; one that was live in another stack becomes previous.
    ///
    /// # Errors
    /// When the promotion was not begun, somebody still uses what was live, another version has come to get the events, or
    /// the version has been overtaken.
    pub fn finish_update(&mut self, of: &VersionRef, updated: &Updated, terms: Promotion) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        match version.state {
            State::Promoting => {}
            State::Live | State::Previous => return Ok(()),
            State::Creating | State::Blue | State::Tested => return Err(wrong(of, version)),
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
        }
        let by: Vec<VersionRef> = self.holders(of);
        if !by.is_empty() {
            return Err(Refusal::Held { of: of.clone(), by });
        }
        self.refuse_events_for(of, &updated.stack.name)?;
        self.refuse_if_outrun(of, terms)?;
        let replaced = self.live(&of.service).filter(|live| live.stack.name == updated.stack.name);
        let replaced = replaced.map(|live| live.id.clone());
        self.make_live(of, terms.keep);
        if let Some(service) = self.services.get_mut(&of.service) {
            service.updating = None;
            let Service { previous, versions, .. } = service;
            // Whatever was kept in this stack has been overwritten.
            previous.retain(|kept| versions.get(kept).is_some_and(|kept| kept.stack.name != updated.stack.name));
            if let Some(replaced) = replaced {
                versions.remove(&replaced);
            }
        }
        self.end_reservations(of);
        self.lower_barrier(of, terms.at)?;
        let version = self.version_mut(of)?;
        version.leftover = Some(std::mem::replace(&mut version.stack, updated.stack.clone()));
        version.outputs.clone_from(&updated.outputs);
        version.green = version.green.map(|_| Green::On);
        version.promoted_at = Some(terms.at);
        let who = version.execution.execution_id.clone();
        self.note(terms.at, of, format!("went live in {}", updated.stack.name), who);
        Ok(())
    }

    /// Somebody may have taken the events from the fixed stack meanwhile, to give them to another.
    fn refuse_events_for(&self, of: &VersionRef, stack: &str) -> Result<(), Refusal> {
        if self.version(of).is_none_or(|version| version.green.is_none()) {
            return Ok(());
        }
        let is_ours = |begun: &Updating| begun.by == of.version && begun.stack == stack;
        let other = self.subscriber_elsewhere(&of.service, stack);
        if other.is_none() && self.update_begun(&of.service).is_some_and(is_ours) {
            return Ok(());
        }
        let live = || self.live(&of.service).map(|live| VersionRef { version: live.id.clone(), ..of.clone() });
        Err(Refusal::SecondSubscriber { of: of.clone(), other: other.or_else(live).unwrap_or_else(|| of.clone()) })
    }

    /// Every stack that was left over by an update, with the version that it belonged to.
    #[must_use]
    pub fn leftovers(&self) -> Vec<(VersionRef, StackRef)> {
        let left = |(of, version): (VersionRef, &crate::release::Version)| Some((of, version.leftover.clone()?));
        self.all_versions().filter_map(left).collect()
    }

    /// Forgets a stack that was left over and is gone.
    ///
    /// # Errors
    /// Never; it answers as every transition does.
    pub fn forget_leftover(&mut self, of: &VersionRef) -> Result<(), Refusal> {
        if let Ok(version) = self.version_mut(of) {
            version.leftover = None;
        }
        Ok(())
    }
}
