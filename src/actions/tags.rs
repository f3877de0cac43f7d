//! The tags by which a stack tells whose it is, to people and to the sweep.

use std::collections::BTreeMap;

use super::Turn;
use crate::ports::TaggedStack;
use crate::release::{StageName, VersionRef};

/// Every tag of ours begins so; the template's author may set none that does.
pub(super) const PREFIX: &str = "bluestage:";

/// The stage.
const STAGE: &str = "bluestage:stage";

/// The service.
const SERVICE: &str = "bluestage:service";

/// The version.
const VERSION: &str = "bluestage:version";

/// The pipeline execution.
const EXECUTION: &str = "bluestage:execution";

/// Where the stage documents are: two bluestages of one account share everything else.
const STATE: &str = "bluestage:state";

/// What a stack that we make carries.
pub(super) fn of(turn: &Turn<'_>, stage: &StageName, of: &VersionRef) -> BTreeMap<String, String> {
    let tags = [
        (STAGE, stage.to_string()),
        (SERVICE, of.service.to_string()),
        (VERSION, of.version.to_string()),
        (EXECUTION, turn.job.pipeline.execution.execution_id.clone()),
        (STATE, turn.ports.stages.place()),
    ];
    tags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Where the documents are of the bluestage that made the stack, if it says so.
pub(super) fn state(stack: &TaggedStack) -> Option<&str> {
    stack.tags.get(STATE).map(String::as_str)
}

/// The stage and the version that the stack says it belongs to, if it says both.
pub(super) fn told(stack: &TaggedStack) -> Option<(StageName, VersionRef)> {
    let tag = |name: &str| stack.tags.get(name);
    let of = VersionRef { service: tag(SERVICE)?.parse().ok()?, version: tag(VERSION)?.clone().try_into().ok()? };
    Some((tag(STAGE)?.parse().ok()?, of))
}
