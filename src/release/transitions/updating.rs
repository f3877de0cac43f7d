//! Promotion by update, for teams whose stack must keep its name and its data: what is live is brought to what was
//! tested, in its own stack, and the stack that it was tested in is left over.

use std::sync::Arc;

use super::begin_blue::given_up;
use super::promotion::{Promotion, WENT_LIVE};
use super::testing::wrong;
use crate::release::names::{ServiceName, VersionId, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Outputs, Service, StackRef, Stage, State, Updating, Version};

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
        if let Some(service) = self.service_mut(&of.service) {
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
        let service = self.service_mut(service);
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
        self.make_live(of, terms.keep);
        let inherited = self.forget_overwritten(of, &updated.stack.name);
        self.end_reservations(of);
        self.lower_barrier(of, terms.at)?;
        let version = self.version_mut(of)?;
        version.leftovers = inherited;
        version.leftovers.push(std::mem::replace(&mut version.stack, updated.stack.clone()));
        version.outputs.clone_from(&updated.outputs);
        version.green = version.green.map(|_| Green::On);
        version.promoted_at = Some(terms.at);
        let who = version.execution.execution_id.clone();
        self.note(terms.at, of, format!("{WENT_LIVE} in {}", updated.stack.name), who);
        Ok(())
    }

    /// Forgets the versions whose stack has become this one's, live before or kept. Tells what they still leave over.
    fn forget_overwritten(&mut self, of: &VersionRef, stack: &str) -> Vec<StackRef> {
        let Some(service) = self.service_mut(&of.service) else {
            return Vec::new();
        };
        service.updating = None;
        let overwritten = |id: &VersionId, version: &Version| *id != of.version && version.stack.name == stack;
        let gone: Vec<Version> =
            service.versions.extract_if(.., |id, version| overwritten(id, version)).map(|(_, gone)| gone).collect();
        let Service { previous, versions, .. } = service;
        previous.retain(|kept| versions.contains_key(kept));
        gone.into_iter().flat_map(|gone| gone.leftovers).collect()
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

    /// Every stack that was left over by an update. Names of stacks are never used again, so a name is enough to tell one.
    #[must_use]
    pub fn leftovers(&self) -> Vec<StackRef> {
        self.all_versions().flat_map(|(_, version)| version.leftovers.clone()).collect()
    }

    /// Forgets a stack that was left over and is gone.
    ///
    /// # Errors
    /// Never; it answers as every transition does.
    pub fn forget_leftover(&mut self, stack: &str) -> Result<(), Refusal> {
        let is_left = |version: &Version| version.leftovers.iter().any(|left| left.name == stack);
        for service in self.services.values_mut().filter(|service| service.versions.values().any(is_left)) {
            for version in Arc::make_mut(service).versions.values_mut() {
                version.leftovers.retain(|left| left.name != stack);
            }
        }
        Ok(())
    }
}
