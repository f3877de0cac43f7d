//! Events: of all versions of a service, only one may have `GreenDeployment` on.
//!
//! [`hand_to`] makes it so, from whatever is: every other version is turned off first, one after the other, then the one
//! is turned on. It may be called again and goes on where it stopped, so promotion, its undoing, a switch back and the
//! sweep all use it.

use std::time::Duration;

use super::removal::{FIRST_LOOK, LONGEST_LOOK};
use super::stop::Stop;
use super::template::GREEN_DEPLOYMENT;
use super::{Hold, seconds, update};
use crate::ports::{Changing, MadeFrom, ParameterChange, Ports, StackState};
use crate::release::{Refusal, StackRef, Stage, StageName, Turned, Updating, Version, VersionRef};

/// How far the hand-over has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandOver {
    /// The version gets the events. For so long nobody got any, as far as this call saw it.
    Done(Duration),
    /// A stack is still being changed.
    Going,
}

/// The stage and what is needed to change its stacks.
pub(super) struct Switchboard<'a> {
    pub(super) ports: &'a Ports,
    pub(super) stage: &'a StageName,
    pub(super) hold: &'a Hold,
}

/// Whether everything is as [`Switchboard::hand_to`] makes it.
pub(super) fn is_handed_to(stage: &Stage, of: &VersionRef) -> bool {
    stage.next_turn(of).is_none() && stage.update_begun(&of.service).is_none()
}

impl Switchboard<'_> {
    /// Lets this version get the events, and no other; unless somebody else has raised the barrier than who asks for it,
    /// and so hands the events over now.
    pub(super) async fn hand_to(&self, of: &VersionRef, who: &VersionRef) -> Result<HandOver, Stop> {
        let mut off_since = self.ports.clock.elapsed();
        loop {
            let stage = update::read(self.ports, self.stage).await?;
            if stage.is_barred_by_another(who, seconds(self.ports.clock.now())) {
                return Ok(HandOver::Going);
            }
            if let Some(begun) = stage.update_begun(&of.service) {
                let is_in_it = stage.version(of).is_some_and(|version| version.stack.name == begun.stack);
                // Where the version is in that very stack, the stack keeps what it has.
                if !is_in_it && !self.silence_stack(begun, stage.seq).await? {
                    return Ok(HandOver::Going);
                }
                self.update(|stage| stage.end_update(&of.service, begun)).await?;
                continue;
            }
            let Some((which, on)) = stage.next_turn(of) else {
                let gap = self.ports.clock.elapsed().saturating_sub(off_since);
                return Ok(HandOver::Done(gap));
            };
            match self.turn(&which, on, who).await {
                Ok(true) => {}
                Ok(false) | Err(Stop::Refused(Refusal::Barred { .. })) => return Ok(HandOver::Going),
                Err(stop) => return Err(stop),
            }
            if !on {
                off_since = self.ports.clock.elapsed();
            }
        }
    }

    /// Lets no version of the service get the events, but for one in the stack of this name. Tells whether that is done.
    pub(super) async fn silence_all_but(&self, of: &VersionRef, but_for: &str) -> Result<bool, Stop> {
        let service = &of.service;
        loop {
            let stage = update::read(self.ports, self.stage).await?;
            if let Some(begun) = stage.update_begun(service).filter(|begun| begun.stack != but_for) {
                if !self.silence_stack(begun, stage.seq).await? {
                    return Ok(false);
                }
                self.update(|stage| stage.end_update(service, begun)).await?;
                continue;
            }
            let Some((which, on)) = stage.next_silencing(service, but_for) else {
                return Ok(true);
            };
            if !self.turn(&which, on, of).await? {
                return Ok(false);
            }
        }
    }

    /// Sees to it that a fixed stack gets no events whose update was begun and not finished. Tells whether that is done.
    async fn silence_stack(&self, begun: &Updating, seq: u64) -> Result<bool, Stop> {
        let stack = &StackRef { name: begun.stack.clone(), id: None, changed_at: None };
        if !self.is_at_rest(stack).await? {
            return Ok(false);
        }
        if self.ports.stacks.read(stack).await? == StackState::Absent {
            return Ok(true);
        }
        let MadeFrom { parameters, .. } = self.ports.stacks.made_from(stack).await?;
        if parameters.get(GREEN_DEPLOYMENT) != Some(&Some(true.to_string())) {
            return Ok(true);
        }
        let change = ParameterChange {
            name: GREEN_DEPLOYMENT.to_owned(),
            value: false.to_string(),
            request_token: format!("bluestage-{}-back-{seq}", begun.by),
        };
        Ok(self.set(stack, &change).await?.is_some())
    }

    /// Sets the version's parameter: the intent, the stack, the result. Tells whether it is set.
    async fn turn(&self, of: &VersionRef, on: bool, who: &VersionRef) -> Result<bool, Stop> {
        let at = seconds(self.ports.clock.now());
        let noted = |stage: &mut Stage| {
            stage.refuse_if_barred_by_another(who, at)?;
            stage.turn_green(of, on)
        };
        let (stage, ()) = self.update(noted).await?;
        let Some(version) = stage.version(of) else {
            return Ok(true);
        };
        if !self.is_at_rest(&version.stack).await? {
            return Ok(false);
        }
        // Whoever stood still until now may come when others have finished this turn and begun the next one.
        let before = |version: &Version| (version.green, version.stack.changed_at.clone());
        let now = update::read(self.ports, self.stage).await?;
        if now.version(of).map(before) != Some(before(version)) {
            return Ok(true); // The caller looks anew.
        }
        let Some(changed_at) = self.change(&version.stack, (of, on, stage.seq)).await? else {
            return Ok(false);
        };
        let turned = Turned {
            on,
            changed_before: version.stack.changed_at.as_deref(),
            changed_at: changed_at.as_deref(),
            at: seconds(self.ports.clock.now()),
        };
        self.update(|stage| stage.turned_green(of, &turned)).await?;
        Ok(true)
    }

    async fn update(&self, transition: impl Fn(&mut Stage) -> Result<(), Refusal>) -> Result<(Stage, ()), Stop> {
        update::update_within(self.hold, (self.ports, self.stage), transition).await
    }

    /// Changes the stack and waits until that is done: when it was changed then, or `None` when it still goes on.
    async fn change(
        &self,
        stack: &StackRef,
        (of, on, seq): (&VersionRef, bool, u64),
    ) -> Result<Option<Option<String>>, Stop> {
        let change = ParameterChange {
            name: GREEN_DEPLOYMENT.to_owned(),
            value: on.to_string(),
            request_token: format!("bluestage-{}-{on}-{seq}", of.version),
        };
        self.set(stack, &change).await
    }

    async fn set(&self, stack: &StackRef, change: &ParameterChange) -> Result<Option<Option<String>>, Stop> {
        // An update that goes on already may be ours, or not: when it is over, asking again tells.
        if !self.is_at_rest(stack).await? {
            return Ok(None);
        }
        if self.ports.stacks.set_parameter(stack, change).await? == Changing::Nothing {
            return Ok(Some(self.changed_at(stack).await?));
        }
        if !self.is_at_rest(stack).await? {
            return Ok(None);
        }
        match self.ports.stacks.read(stack).await? {
            StackState::Ready(ready) => Ok(Some(ready.changed_at)),
            StackState::Absent | StackState::InProgress { .. } => Ok(None),
            StackState::Failed { because, .. } => Err(Stop::StackFailed { stack: stack.name.clone(), because }),
        }
    }

    /// Waits until nothing is being done to the stack; tells whether that was so within the hold.
    async fn is_at_rest(&self, stack: &StackRef) -> Result<bool, Stop> {
        let wait = self.ports.glances.wait();
        let mut pause = FIRST_LOOK;
        while let StackState::InProgress { .. } = wait.look(self.ports, stack).await? {
            if !self.hold.pause(self.ports.dice.jittered(pause)).await {
                return Ok(false);
            }
            pause = (pause * 2).min(LONGEST_LOOK);
        }
        Ok(true)
    }

    async fn changed_at(&self, stack: &StackRef) -> Result<Option<String>, Stop> {
        Ok(match self.ports.stacks.read(stack).await? {
            StackState::Ready(ready) => ready.changed_at,
            StackState::Absent | StackState::InProgress { .. } | StackState::Failed { .. } => None,
        })
    }
}
