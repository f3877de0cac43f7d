//! Where a verb finds what it works on: the state, and the account of the stacks.

use clap::Args;

use crate::aws::StateLocation;

/// The flags of the verbs that touch stacks.
#[derive(Args, Clone, Debug)]
pub(super) struct Place {
    /// Where the stage documents and the records of test runs are kept
    #[arg(long, env = "BLUESTAGE_STATE", value_name = "s3://BUCKET/PREFIX")]
    pub(super) state: StateLocation,
    /// The role by which stacks are made, if they are in another account; without it, these credentials
    #[arg(long, env = "BLUESTAGE_STACKS_ROLE", value_name = "ARN")]
    pub(super) stacks_role: Option<String>,
}

/// A verb that touches no stacks.
impl From<StateLocation> for Place {
    fn from(state: StateLocation) -> Self {
        Self { state, stacks_role: None }
    }
}
