//! A tested version goes live: an intent, then the one write that everybody sees as a whole.

use super::begin_blue::given_up;
use super::retirement::WAS_ABANDONED;
use super::testing::wrong;
use crate::release::names::{ServiceName, VersionRef};
use crate::release::refusal::Refusal;
use crate::release::stage::{Green, Moment, RunOutcome, Stage, State, Version};

/// What to do when a version in the view is no longer live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSkew {
    /// Refuse the promotion.
    Block,
    /// Promote, and record the pairs that were not tested together.
    Report,
}

/// On which terms a version is promoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// What to do about versions in the view that are no longer live.
    pub on_skew: OnSkew,
    /// How many previous versions to keep to switch back to.
    pub keep: usize,
    /// Now.
    pub at: Moment,
}

/// A stack as it is now, to hold against the one that was tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackSeen {
    /// Its id.
    pub id: String,
    /// When it was last changed, as CloudFormation tells it.
    pub changed_at: Option<String>,
}

/// How the history tells that a version went live.
pub(super) const WENT_LIVE: &str = "went live";

impl Stage {
    /// Notes the intent to promote this version, after every check that promotion makes.
    ///
    /// # Errors
    /// When the version is gone, given up, untested, changed since its tests, older than what is live, or tested with
    /// versions that are no longer live (unless that is to be reported only).
    pub fn begin_promotion(&mut self, of: &VersionRef, seen: &StackSeen, terms: Promotion) -> Result<(), Refusal> {
        let version = self.version(of).ok_or_else(|| nothing(of))?;
        match version.state {
            State::Tested | State::Promoting => {}
            State::Live | State::Previous => return Ok(()),
            State::Retiring if version.promoted_at.is_some() => return Ok(()),
            State::Creating | State::Blue => return Err(untested(of, version)),
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
        }
        refuse_what_was_not_tested(of, version, seen)?;
        self.refuse_if_outrun(of, terms)?;
        let version = self.version_mut(of)?;
        if version.state == State::Tested {
            version.state = State::Promoting;
            let who = version.execution.execution_id.clone();
            self.note(terms.at, of, "is being promoted", who);
        }
        Ok(())
    }

    /// Makes this version live and what was live before it previous.
    ///
    /// The checks of [`Stage::begin_promotion`] that another pipeline can have overtaken are made again: only this
    /// write counts. A version that was live and was switched away from is left as it is: a late repeat of its
    /// promotion changes nothing.
    ///
    /// # Errors
    /// As [`Stage::begin_promotion`], and when the promotion was not begun.
    pub fn finish_promotion(&mut self, of: &VersionRef, terms: Promotion) -> Result<(), Refusal> {
        let version = self.version(of).ok_or_else(|| nothing(of))?;
        match version.state {
            State::Promoting => {}
            State::Live | State::Previous => return Ok(()),
            State::Retiring if version.promoted_at.is_some() => return Ok(()),
            State::Creating | State::Blue | State::Tested => return Err(wrong(of, version)),
            State::Abandoned | State::Retiring => return Err(given_up(of, version)),
        }
        match version.green {
            None | Some(Green::On) => {}
            Some(Green::Off | Green::TurningOn | Green::TurningOff) => {
                return Err(wrong(of, version));
            }
        }
        self.refuse_if_outrun(of, terms)?;
        self.make_live(of, terms.keep);
        self.end_reservations(of);
        self.lower_barrier(of, terms.at)?;
        let version = self.version_mut(of)?;
        version.promoted_at = Some(terms.at);
        let who = version.execution.execution_id.clone();
        self.note(terms.at, of, WENT_LIVE, who);
        Ok(())
    }

    /// What this pipeline execution made last of the service, if that went live and has been forgotten since, as far as
    /// the history goes back: its promotion may come once more.
    #[must_use]
    pub fn was_live(&self, service: &ServiceName, execution_id: &str) -> Option<&VersionRef> {
        let mut its =
            self.recent.iter().rev().filter(|event| event.of.service == *service && event.who == execution_id);
        its.find(|event| event.what.starts_with(WENT_LIVE) || event.what.starts_with(WAS_ABANDONED))
            .filter(|event| event.what.starts_with(WENT_LIVE))
            .map(|event| &event.of)
    }

    pub(super) fn refuse_if_outrun(&self, of: &VersionRef, terms: Promotion) -> Result<(), Refusal> {
        let ordinal = self.version(of).map_or(0, |version| version.ordinal);
        if let Some(live) = self.live(&of.service).filter(|live| live.ordinal > ordinal) {
            return Err(Refusal::OlderThanLive { of: of.clone(), live: live.id.clone() });
        }
        if let Some(reserved) = self.reservation(&of.service, terms.at).filter(|reserved| reserved.by != *of) {
            return Err(Refusal::Reserved { of: of.clone(), by: reserved.by.clone(), until: reserved.until });
        }
        let skew = self.skew_of(of);
        if terms.on_skew == OnSkew::Block && !skew.is_empty() {
            return Err(Refusal::Skewed { of: of.clone(), skew });
        }
        Ok(())
    }

    pub(super) fn make_live(&mut self, of: &VersionRef, keep: usize) {
        let Some(service) = self.service_mut(&of.service) else {
            return;
        };
        if let Some(before) = service.live.replace(of.version.clone()) {
            if let Some(version) = service.versions.get_mut(&before) {
                version.state = State::Previous;
            }
            service.previous.insert(0, before);
        }
        service.previous.truncate(keep);
        service.losses = 0;
        if let Some(version) = service.versions.get_mut(&of.version) {
            version.state = State::Live;
        }
    }
}

/// What goes live is what passed: the same stack, unchanged, of the same template.
fn refuse_what_was_not_tested(of: &VersionRef, version: &Version, seen: &StackSeen) -> Result<(), Refusal> {
    let tested = version.tested.as_ref().ok_or_else(|| untested(of, version))?;
    let same = tested.stack_id == seen.id
        && tested.stack_changed_at == seen.changed_at
        && tested.template_digest == version.template_digest;
    if same { Ok(()) } else { Err(Refusal::ChangedSinceTested { of: of.clone() }) }
}

fn untested(of: &VersionRef, version: &Version) -> Refusal {
    Refusal::Untested {
        of: of.clone(),
        failed: version.run.as_ref().is_some_and(|run| run.outcome == RunOutcome::Failed),
    }
}

fn nothing(of: &VersionRef) -> Refusal {
    Refusal::NothingDeployed { service: of.service.clone() }
}
