//! How a stage changes: each transition a pure method on [`Stage`], named by an imperative verb.
//!
//! ```text
//!  begin_blue     blue_ready     run_passed    begin_promotion   finish_promotion
//!  ─────────► Creating ──► Blue ──► Tested ──► Promoting ──────► Live ──► Previous
//!                 └─────────┴────────┴────────────┴─ abandon ─► Abandoned     │
//!                                                                   └─ retire ┴► Retiring ── forget ──►
//! ```
//!
//! A transition is told the time and never asks for it, makes no ids of its own, and may be applied to its own result:
//! the second time changes nothing.

mod barrier;
mod begin_blue;
mod green;
mod promotion;
mod reservation;
mod retirement;
mod switch_back;
mod testing;
mod updating;

pub use begin_blue::{BlueReady, BlueRequest};
pub use green::Turned;
pub use promotion::{OnSkew, Promotion, StackSeen};
pub use switch_back::SwitchBack;
pub use updating::Updated;

use super::names::VersionRef;
use super::refusal::Refusal;
use super::stage::{Event, Moment, Stage, Version};

/// Events kept in the document. Enough to explain a day of a busy stage, small enough to stay far below the size at
/// which a conditional write gets slow; older ones are in the bucket's earlier versions.
pub(super) const RECENT_EVENTS: usize = 200;

impl Stage {
    /// This version for changing it, or the refusal that this pipeline execution made none.
    fn version_mut(&mut self, of: &VersionRef) -> Result<&mut Version, Refusal> {
        self.service_mut(&of.service)
            .and_then(|service| service.versions.get_mut(&of.version))
            .ok_or_else(|| Refusal::NothingDeployed { service: of.service.clone() })
    }

    /// Records what happened, forgetting the oldest event when there are too many.
    fn note(&mut self, at: Moment, of: &VersionRef, what: impl Into<String>, who: impl Into<String>) {
        self.recent.push(Event { at, of: of.clone(), what: what.into(), who: who.into() });
        let surplus = self.recent.len().saturating_sub(RECENT_EVENTS);
        self.recent.drain(..surplus);
    }
}
