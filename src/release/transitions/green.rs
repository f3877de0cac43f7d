//! `GreenDeployment`: the template's parameter on which its author hangs what only one version may have, such as event
//! subscriptions.
//!
//! At most one version of a service has it on, or on its way on or off, at any instant. So the old version is turned off
//! before the new one is turned on, and nobody gets an event twice; the gap between the two is measured and told.

use super::begin_blue::given_up;
use super::testing::wrong;
use crate::release::names::{ServiceName, VersionRef};
use crate::release::reach::Pin;
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Moment, Stage, State, Version};

/// A change of the parameter that was made.
#[derive(Clone, Copy, Debug)]
pub struct Turned<'a> {
    /// What it was set to.
    pub on: bool,
    /// When the stack had last been changed, as the stage told when the change was noted: others may have turned it off
    /// and on since, and a note of ours that comes late must not be taken for one of theirs.
    pub changed_before: Option<&'a str>,
    /// When the stack was last changed now, as CloudFormation tells it.
    pub changed_at: Option<&'a str>,
    /// Now.
    pub at: Moment,
}

impl Stage {
    /// Notes that this version's parameter is about to be set to `on`.
    ///
    /// # Errors
    /// When it is to be turned on while another version of the service has it, or may still have it, on, or though it is
    /// neither live nor about to be; when what is live is to be turned off while a blue reaches it; and while the opposite
    /// is being done, see [`Stage::next_turn`].
    pub fn turn_green(&mut self, of: &VersionRef, on: bool) -> Result<(), Refusal> {
        if on {
            self.refuse_second_subscriber(of)?;
            self.refuse_events_for_what_was_given_up(of)?;
        } else {
            self.refuse_to_disturb(of)?;
        }
        let version = self.version_mut(of)?;
        version.green = match (version.green, on) {
            (None, _) => None,
            (Some(Green::On), true) => Some(Green::On),
            (Some(Green::Off), false) => Some(Green::Off),
            (Some(Green::Off | Green::TurningOn), true) => Some(Green::TurningOn),
            (Some(Green::On | Green::TurningOff), false) => Some(Green::TurningOff),
            // Who noted the opposite may be about to change the stack: that is seen through first.
            (Some(Green::TurningOff), true) | (Some(Green::TurningOn), false) => return Err(wrong(of, version)),
        };
        Ok(())
    }

    /// The parameter is set, by us, and so the stack was changed: apart from this parameter it is
    /// still the stack that was tested.
    ///
    /// # Errors
    /// When the version is gone, or when this is not what is being done to it: a worker that comes late with what it did
    /// must not undo what others have noted since.
    pub fn turned_green(&mut self, of: &VersionRef, turned: &Turned<'_>) -> Result<(), Refusal> {
        let Turned { on, changed_at, at, .. } = *turned;
        let version = self.version_mut(of)?;
        let is_ours = version.stack.changed_at.as_deref() == turned.changed_before;
        match (version.green, on) {
            (Some(Green::TurningOn), true) if is_ours => version.green = Some(Green::On),
            (Some(Green::TurningOff), false) if is_ours => version.green = Some(Green::Off),
            (None, _) | (Some(Green::On), true) | (Some(Green::Off), false) => return Ok(()),
            (Some(_), _) => return Err(wrong(of, version)),
        }
        version.stack.changed_at = changed_at.map(str::to_owned);
        if let Some(tested) = &mut version.tested {
            tested.stack_changed_at = changed_at.map(str::to_owned);
        }
        let who = version.execution.execution_id.clone();
        let what = if on { "gets the events" } else { "gets no events any more" };
        self.note(at, of, what, who);
        Ok(())
    }

    /// What is to be done next so that this version, and no other of its service, has the parameter on: a version, and
    /// whether it is to be turned on. Nothing when all is done.
    ///
    /// What was begun is finished first, even if it is taken back at once: who noted it may be about to change the stack,
    /// and only a change that is really made stops him.
    #[must_use]
    pub fn next_turn(&self, to: &VersionRef) -> Option<(VersionRef, bool)> {
        let has_it = || {
            let mut others = self.versions_of(&to.service).filter(|(of, _)| of != to);
            others.find(|(_, version)| version.green == Some(Green::On))
        };
        let wants_it = || self.version(to).is_some_and(|version| version.green == Some(Green::Off));
        self.turn_begun(&to.service)
            .or_else(|| has_it().map(|(of, _)| (of, false)))
            .or_else(|| wants_it().then(|| (to.clone(), true)))
    }

    /// What is to be done next so that no version of the service has the parameter on, but for one in the stack of this
    /// name, which is about to be updated with it on. Nothing when all is done.
    #[must_use]
    pub fn next_silencing(&self, service: &ServiceName, but_for: &str) -> Option<(VersionRef, bool)> {
        self.turn_begun(service).or_else(|| self.subscriber_elsewhere(service, but_for).map(|of| (of, false)))
    }

    /// A version of the service that has the parameter on, or may still have it on, in another stack than this one; or the
    /// version to which another stack is being updated with it on.
    pub(super) fn subscriber_elsewhere(&self, service: &ServiceName, but_for: &str) -> Option<VersionRef> {
        let elsewhere = |version: &Version| version.stack.name != but_for;
        let may_have_it = |version: &Version| !matches!(version.green, None | Some(Green::Off));
        let found =
            self.versions_of(service).find(|(_, version)| elsewhere(version) && may_have_it(version)).map(|(of, _)| of);
        let updating = || self.update_begun(service).filter(|begun| begun.stack != but_for);
        found.or_else(|| updating().map(|begun| VersionRef { service: service.clone(), version: begun.by.clone() }))
    }

    /// A change of the parameter that was begun in this service, to be finished before anything else.
    fn turn_begun(&self, service: &ServiceName) -> Option<(VersionRef, bool)> {
        self.versions_of(service).find_map(|(of, version)| match version.green? {
            Green::TurningOn => Some((of, true)),
            Green::TurningOff => Some((of, false)),
            Green::On | Green::Off => None,
        })
    }

    /// A promotion may have been given up while a worker was at it.
    fn refuse_events_for_what_was_given_up(&self, of: &VersionRef) -> Result<(), Refusal> {
        match self.version(of) {
            Some(version) if version.green.is_some() => match version.state {
                State::Promoting | State::Live => Ok(()),
                State::Abandoned | State::Retiring => Err(given_up(of, version)),
                State::Creating | State::Blue | State::Tested | State::Previous => Err(wrong(of, version)),
            },
            Some(_) | None => Ok(()),
        }
    }

    /// The barrier may have fallen since the blues behind it were counted; the write that counts looks again.
    fn refuse_to_disturb(&self, of: &VersionRef) -> Result<(), Refusal> {
        let Some(service) = self.services.get(&of.service).filter(|service| service.live.as_ref() == Some(&of.version))
        else {
            return Ok(());
        };
        let promoting = service.barrier.as_ref().map_or(of, |barrier| &barrier.by);
        let holders = self.holders(promoting);
        if holders.is_empty() {
            return Ok(());
        }
        Err(Refusal::Pinned { of: of.clone(), by: holders.into_iter().map(Pin::InViewOf).collect() })
    }

    fn refuse_second_subscriber(&self, of: &VersionRef) -> Result<(), Refusal> {
        let own = self.version(of).map(|version| version.stack.name.as_str());
        if let Some(begun) = self.update_begun(&of.service).filter(|begun| own != Some(begun.stack.as_str())) {
            let other = VersionRef { version: begun.by.clone(), ..of.clone() };
            return Err(Refusal::SecondSubscriber { of: of.clone(), other });
        }
        let others = self.versions_of(&of.service).filter(|(other, _)| other != of);
        for (other, version) in others {
            match version.green {
                None | Some(Green::Off) => {}
                Some(Green::TurningOn | Green::On | Green::TurningOff) => {
                    return Err(Refusal::SecondSubscriber { of: of.clone(), other });
                }
            }
        }
        Ok(())
    }
}
