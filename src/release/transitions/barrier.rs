//! The barrier: before a promotion changes the stack of what is live, no new view may reach it, and those that do are
//! waited for.
//!
//! Without it there would never be a moment at which nobody uses a busy service. New blues wait, those that are on their
//! way end, and then the change is made; so nobody starves.

use crate::release::names::{ServiceName, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Barrier, Moment, Stage, State};

impl Stage {
    /// Keeps new views away from the live version of the service whose promotion `of` has begun, until it is lowered, or
    /// void at `until`.
    ///
    /// # Errors
    /// When the promotion has not begun, or another version's barrier holds.
    pub fn raise_barrier(&mut self, of: &VersionRef, until: Moment, at: Moment) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        if version.state != State::Promoting {
            return Err(super::testing::wrong(of, version));
        }
        let who = version.execution.execution_id.clone();
        self.refuse_if_barred_by_another(of, at)?;
        if self.barrier(&of.service, at).is_some() {
            return Ok(());
        }
        if let Some(service) = self.service_mut(&of.service) {
            service.barrier = Some(Barrier { by: of.clone(), until });
        }
        self.note(at, of, "raised the barrier", who);
        Ok(())
    }

    /// Whether the barrier of another version than this one holds: then that one hands the events over, and nobody else.
    #[must_use]
    pub fn is_barred_by_another(&self, of: &VersionRef, at: Moment) -> bool {
        self.barrier(&of.service, at).is_some_and(|barrier| barrier.by != *of)
    }

    /// # Errors
    /// When it is so.
    pub fn refuse_if_barred_by_another(&self, of: &VersionRef, at: Moment) -> Result<(), Refusal> {
        match self.barrier(&of.service, at).filter(|barrier| barrier.by != *of) {
            None => Ok(()),
            Some(barrier) => Err(Refusal::Barred {
                service: of.service.clone(),
                dependency: of.service.clone(),
                by: barrier.by.clone(),
                until: barrier.until,
            }),
        }
    }

    /// Lets new views reach the live version again. Nothing happens when this version's barrier is not up.
    ///
    /// # Errors
    /// Never; it answers as every transition does.
    pub fn lower_barrier(&mut self, of: &VersionRef, at: Moment) -> Result<(), Refusal> {
        let who = self.version(of).map(|version| version.execution.execution_id.clone()).unwrap_or_default();
        let Some(service) = self.service_mut(&of.service) else {
            return Ok(());
        };
        if service.barrier.as_ref().is_some_and(|barrier| barrier.by == *of) {
            service.barrier = None;
            self.note(at, of, "lowered the barrier", who);
        }
        Ok(())
    }

    /// The barrier before this service's live version, if it holds.
    #[must_use]
    pub fn barrier(&self, service: &ServiceName, at: Moment) -> Option<&Barrier> {
        let barrier = self.services.get(service)?.barrier.as_ref()?;
        let is_promoting = self.version(&barrier.by).is_some_and(|version| version.state == State::Promoting);
        (is_promoting && at < barrier.until).then_some(barrier)
    }

    /// The blues that reach the live version of `of`'s service, or one in its stack with a fixed name, whether that is
    /// live or was before: a promotion of `of` that changes these stacks waits for them.
    #[must_use]
    pub fn holders(&self, of: &VersionRef) -> Vec<VersionRef> {
        let Some(live) = self.live(&of.service) else {
            return Vec::new();
        };
        let changes = |reached: &VersionRef| {
            let in_a_fixed_stack =
                || self.version(reached).is_some_and(|version| version.stack.name != reached.stack_name(&self.name));
            reached.service == of.service && (reached.version == live.id || in_a_fixed_stack())
        };
        let blues = self.all_versions().filter(|(blue, version)| version.state.is_on_its_way() && blue != of);
        blues.map(|(blue, _)| blue).filter(|blue| self.closure_of(blue).iter().any(changes)).collect()
    }
}
