//! Why an action stops short of what it was asked to do.

use crate::ports::{ArtifactFault, FailedResource, Fault, RunEnd};
use crate::release::{Moment, Refusal, RunId, StageName, VersionRef};

use super::properties::PropertyError;

/// Why an action stops. `messages.rs` turns each into a [`crate::ports::Failure`].
#[derive(Debug)]
pub(crate) enum Stop {
    /// A property of the action is missing or wrong.
    Property(PropertyError),
    /// The domain says no.
    Refused(Refusal),
    /// The outside broke.
    Fault(Fault),
    /// An artifact could not be had.
    Artifact(ArtifactFault),
    /// The stack could not be made.
    StackFailed {
        /// Its name.
        stack: String,
        /// The first resource that really failed.
        because: FailedResource,
    },
    /// The tests failed.
    TestsFailed(Box<FailedRun>),
    /// Blues that use what is live did not end in time.
    NotDrained {
        /// Those whose pipeline execution goes on, or may.
        going: Vec<VersionRef>,
        /// Those whose pipeline execution has failed, and that are kept to be retried.
        failed: Vec<VersionRef>,
    },
    /// The worker may not play the role of the tests.
    RoleDenied {
        /// The role.
        role_arn: String,
        /// What STS says.
        detail: String,
    },
    /// Something outside kept changing stacks under the tests.
    RunsInvalid {
        /// Each stack that was changed, with what it was found like.
        changed: Vec<String>,
    },
    /// The action's time is over.
    DeadlinePassed {
        /// What it was waiting for.
        waiting_for: String,
    },
    /// Every run that was started was lost.
    RunsLost {
        /// How many there were.
        attempts: u32,
    },
    /// Too many others wrote the stage document at the same time.
    Contended(StageName),
    /// The continuation token is one of a newer worker.
    NewerToken {
        /// When the action gives up.
        deadline: Moment,
    },
    /// The continuation token is not one that this worker wrote.
    UnreadableToken,
    /// This worker's own disk failed it.
    Workspace(std::io::Error),
}

/// A run that failed.
#[derive(Debug)]
pub(crate) struct FailedRun {
    /// The version that was tested.
    pub(crate) of: VersionRef,
    /// The other versions in its view.
    pub(crate) against: Vec<VersionRef>,
    /// The run.
    pub(crate) run: RunId,
    /// How it ended.
    pub(crate) end: RunEnd,
    /// Where its log and reports are.
    pub(crate) kept_at: String,
}

impl Stop {
    /// Whether the same may go well a little later, so that the action should go on trying until its deadline.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Fault(fault) | Self::Artifact(ArtifactFault::Fault(fault)) => match fault {
                // Workers of two versions run side by side while one replaces the other.
                Fault::Unavailable { .. } | Fault::Outdated { .. } => true,
                Fault::Denied { .. } | Fault::Rejected { .. } => false,
            },
            Self::Contended(_) => true,
            Self::Property(_)
            | Self::Refused(_)
            | Self::Artifact(_)
            | Self::StackFailed { .. }
            | Self::TestsFailed(_)
            | Self::NotDrained { .. }
            | Self::RoleDenied { .. }
            | Self::RunsInvalid { .. }
            | Self::DeadlinePassed { .. }
            | Self::RunsLost { .. }
            | Self::NewerToken { .. }
            | Self::UnreadableToken
            | Self::Workspace(_) => false,
        }
    }
}

impl From<PropertyError> for Stop {
    fn from(error: PropertyError) -> Self {
        Self::Property(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ArtifactFault> for Stop {
    fn from(fault: ArtifactFault) -> Self {
        Self::Artifact(fault)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Workspace(error)
    }
}
