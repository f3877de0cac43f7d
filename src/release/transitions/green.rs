//! `GreenDeployment`: the template's parameter on which its author hangs what only one version may have, such as event
//! subscriptions.
//!
//! At most one version of a service has it on, or on its way on or off, at any instant. So the old version is turned off
//! before the new one is turned on, and nobody gets an event twice; the gap between the two is measured and told.

use crate::release::names::VersionRef;
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Moment, Stage};

impl Stage {
    /// Notes that this version's parameter is about to be set to `on`.
    ///
    /// # Errors
    /// When it is to be turned on while another version of the service has it, or may still have it, on.
    pub fn turn_green(&mut self, of: &VersionRef, on: bool) -> Result<(), Refusal> {
        if on {
            self.refuse_second_subscriber(of)?;
        }
        let version = self.version_mut(of)?;
        version.green = match (version.green, on) {
            (None, _) => None,
            (Some(Green::On), true) => Some(Green::On),
            (Some(Green::Off), false) => Some(Green::Off),
            (Some(_), true) => Some(Green::TurningOn),
            (Some(_), false) => Some(Green::TurningOff),
        };
        Ok(())
    }

    /// The parameter is set, by us, and so the stack was last changed at `changed_at`: apart from this parameter it is
    /// still the stack that was tested.
    ///
    /// # Errors
    /// When the version is gone.
    pub fn turned_green(
        &mut self,
        of: &VersionRef,
        on: bool,
        changed_at: Option<&str>,
        at: Moment,
    ) -> Result<(), Refusal> {
        let version = self.version_mut(of)?;
        let before = version.clone();
        let settled = if on { Green::On } else { Green::Off };
        version.green = version.green.map(|_| settled);
        version.stack.changed_at = changed_at.map(str::to_owned);
        if let Some(tested) = &mut version.tested {
            tested.stack_changed_at = changed_at.map(str::to_owned);
        }
        if *version != before {
            let who = version.execution.execution_id.clone();
            let what = if on {
                "gets the events"
            } else {
                "gets no events any more"
            };
            self.note(at, of, what, who);
        }
        Ok(())
    }

    fn refuse_second_subscriber(&self, of: &VersionRef) -> Result<(), Refusal> {
        let others = self
            .all_versions()
            .filter(|(other, _)| other.service == of.service && other != of);
        for (other, version) in others {
            match version.green {
                None | Some(Green::Off) => {}
                Some(Green::TurningOn | Green::On | Green::TurningOff) => {
                    return Err(Refusal::SecondSubscriber {
                        of: of.clone(),
                        other,
                    });
                }
            }
        }
        Ok(())
    }
}
