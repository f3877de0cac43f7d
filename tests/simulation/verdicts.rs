//! Whether a failure was deserved.

use bluestage::ports::{ActionKind, Cause, Failure, Job};

use super::plan::{Mischief, Quality};
use super::time::{MINUTE, Millis};
use super::weather::Sky;

/// No action is given up sooner than this for want of time: its time limit is 55 minutes, and the machines disagree
/// about the time of day by ten minutes each way at most.
const SURELY_IN_TIME: Millis = 30 * MINUTE;

/// How often a run may be lost before its action fails.
const MOST_ATTEMPTS: u64 = 5;

/// A good version fails only for what others released meanwhile, never for what broke.
pub(crate) fn judge(sky: &Sky, (quality, took): (Quality, Millis), job: &Job, failure: &Failure) {
    let message = failure.message.as_str();
    sky.trace.count(&format!("verdict failed {:?}, {}", failure.cause, job.action));
    let is_deserved = match failure.cause {
        Cause::DeployFailed => quality == Quality::BrokenStack && job.action == ActionKind::DeployBlue,
        Cause::TestsFailed => quality == Quality::FailingTests && job.action != ActionKind::DeployBlue,
        // Something newer is live, or what it was tested with is not any more; or it was given up before this attempt.
        Cause::OutOfDate => true,
        Cause::Unavailable => {
            let is_late = took >= SURELY_IN_TIME;
            let is_lost = message.contains("died or was stopped in each of") && disturbances(sky) >= MOST_ATTEMPTS;
            is_late || is_lost
        }
        // A retry that came after the grace finds nothing any more.
        Cause::Misconfigured => message.contains("has no version of") && !job.id.0.ends_with("-0") && is_later(job),
        Cause::Denied | Cause::Bug | Cause::ArtifactGone => false,
    };
    if !is_deserved {
        sky.trace.breaks(format!("a {quality:?} version failed for {:?} ({}): {message}", failure.cause, job.id));
    }
}

/// Whether the action builds upon one before it.
fn is_later(job: &Job) -> bool {
    job.action != ActionKind::DeployBlue
}

fn disturbances(sky: &Sky) -> u64 {
    let mishaps = sky.plan.mishaps.iter().filter(|mishap| !matches!(mishap.what, Mischief::Jump(_)));
    sky.trace.counted("crashes") + mishaps.count() as u64
}
