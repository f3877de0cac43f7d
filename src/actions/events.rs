//! Events: of all versions of a service, only one may have `GreenDeployment` on.
//!
//! [`hand_to`] makes it so, from whatever is: every other version is turned off first, one after the other, then the one
//! is turned on. It may be called again and goes on where it stopped, so promotion, its undoing, a switch back and the
//! sweep all use it.

use std::time::Duration;

use super::retire::{FIRST_LOOK, LONGEST_LOOK};
use super::stop::Stop;
use super::template::GREEN_DEPLOYMENT;
use super::{Hold, seconds, update};
use crate::ports::{Changing, ParameterChange, Ports, StackState};
use crate::release::{Green, Refusal, StackRef, Stage, StageName, VersionRef};

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

/// The versions of this service that get events, or may, besides `of`.
fn others(stage: &Stage, of: &VersionRef) -> Vec<VersionRef> {
    let versions = stage.all_versions();
    let others = versions.filter(|(other, version)| {
        other.service == of.service && other != of && version.green.is_some_and(|green| green != Green::Off)
    });
    others.map(|(other, _)| other).collect()
}

/// Whether everything is as [`hand_to`] makes it.
pub(super) fn is_handed_to(stage: &Stage, of: &VersionRef) -> bool {
    let green = stage.version(of).and_then(|version| version.green);
    others(stage, of).is_empty() && green.is_none_or(|green| green == Green::On)
}

impl Switchboard<'_> {
    /// Lets this version get the events, and no other.
    pub(super) async fn hand_to(&self, of: &VersionRef) -> Result<HandOver, Stop> {
        let stage = update::read(self.ports, self.stage).await?;
        for other in others(&stage, of) {
            if !self.turn(&other, false).await? {
                return Ok(HandOver::Going);
            }
        }
        let off = self.ports.clock.elapsed();
        if stage.version(of).is_some_and(|version| version.green.is_some()) && !self.turn(of, true).await? {
            return Ok(HandOver::Going);
        }
        Ok(HandOver::Done(self.ports.clock.elapsed().saturating_sub(off)))
    }

    /// Sets the version's parameter: the intent, the stack, the result. Tells whether it is set.
    async fn turn(&self, of: &VersionRef, on: bool) -> Result<bool, Stop> {
        let (stage, ()) = self.update(|stage| stage.turn_green(of, on)).await?;
        let Some(version) = stage.version(of) else {
            return Ok(true);
        };
        let settled = if on { Green::On } else { Green::Off };
        if version.green.is_none_or(|green| green == settled) {
            return Ok(true);
        }
        let Some(changed_at) = self.change(&version.stack, (of, on, stage.seq)).await? else {
            return Ok(false);
        };
        let at = seconds(self.ports.clock.now());
        let turned = |stage: &mut Stage| stage.turned_green(of, on, changed_at.as_deref(), at);
        self.update(turned).await?;
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
        // An update that goes on already may be ours, or not: when it is over, asking again tells.
        if !self.is_at_rest(stack).await? {
            return Ok(None);
        }
        if self.ports.stacks.set_parameter(stack, &change).await? == Changing::Nothing {
            return Ok(Some(self.changed_at(stack).await?));
        }
        if !self.is_at_rest(stack).await? {
            return Ok(None);
        }
        match self.ports.stacks.read(stack).await? {
            StackState::Ready(ready) => Ok(Some(ready.changed_at)),
            StackState::Absent | StackState::InProgress { .. } => Ok(None),
            StackState::Failed { because, .. } => Err(Stop::StackFailed {
                stack: stack.name.clone(),
                because,
            }),
        }
    }

    /// Waits until nothing is being done to the stack; tells whether that was so within the hold.
    async fn is_at_rest(&self, stack: &StackRef) -> Result<bool, Stop> {
        let mut pause = FIRST_LOOK;
        while let StackState::InProgress { .. } = self.ports.stacks.read(stack).await? {
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
