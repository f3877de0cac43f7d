//! Promotion by update, for teams whose stack must keep its name and its data: what is live is brought to what was
//! tested, in its own stack, and the stack that it was tested in is left over.

use super::begin_blue::given_up;
use super::promotion::Promotion;
use super::testing::wrong;
use crate::release::names::VersionRef;
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Outputs, StackRef, Stage, State};

/// The stack with the fixed name, as it is after the update.
#[derive(Clone, Debug)]
pub struct Updated {
    /// The stack.
    pub stack: StackRef,
    /// What it gives out.
    pub outputs: Outputs,
}

impl Stage {
    /// The fixed stack is what was tested: this version is live in it. The version that was live in the same stack is no
    /// more; one that was live in another stack becomes previous.
    ///
    /// # Errors
    /// When the promotion was not begun, its barrier does not hold, somebody still uses what was live, or the version
    /// has been overtaken.
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
        self.refuse_if_outrun(of, terms)?;
        let replaced = self.live(&of.service).filter(|live| live.stack.name == updated.stack.name);
        let replaced = replaced.map(|live| live.id.clone());
        self.make_live(of, terms.keep);
        if let (Some(replaced), Some(service)) = (replaced, self.services.get_mut(&of.service)) {
            service.previous.retain(|kept| *kept != replaced);
            service.versions.remove(&replaced);
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
