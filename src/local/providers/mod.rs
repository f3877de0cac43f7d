//! The work behind the actions that no worker polls for.
//!
//! Each provider may be begun a second time after a restart, and so looks first at what is there.

mod build;
mod directory;
mod files;
mod function;
mod parameters;
mod source;
mod stack;

use std::time::Duration;

pub(super) use directory::Directory;

use super::Local;
use super::cloud::CloudError;
use super::definition::Provider;
use super::engine::{self, Errand, Failed, Finished};
use super::objects::{ObjectKey, ObjectsError};

/// How often a stack or a build is asked how it stands. The emulator is on this machine.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// Does an errand. `None` if its doer reports by itself, or nobody wants it any more.
pub(super) async fn run(local: &Local, errand: &Errand) -> Result<Option<Finished>, Failed> {
    if !local.look(|state| engine::is_wanted(state, &errand.action)) {
        return Ok(None);
    }
    match errand.provider {
        Provider::S3 => source::copy(local, errand).await.map(Some),
        Provider::LocalDirectory => directory::pack(local, errand).await.map(Some),
        Provider::CloudFormation => stack::run(local, errand).await,
        Provider::CodeBuild => build::run(local, errand).await,
        Provider::Lambda => function::invoke(local, errand).await.map(|()| None),
        // It waits for a person.
        Provider::Approval => Ok(None),
    }
}

/// Waits a little; whether the errand is still wanted then.
async fn wait(local: &Local, errand: &Errand) -> bool {
    local.clock().sleep(ASK_AGAIN).await;
    local.look(|state| engine::is_wanted(state, &errand.action))
}

fn configured<'a>(errand: &'a Errand, name: &str) -> Option<&'a str> {
    errand.configuration.get(name).map(String::as_str)
}

fn misconfigured(message: impl Into<String>) -> Failed {
    ("ConfigurationError".to_owned(), message.into())
}

/// What a service of the emulator refused, in its own words.
fn refused(error: &CloudError) -> Failed {
    ("JobFailed".to_owned(), error.to_string())
}

fn unreadable(what: &str, place: &ObjectKey, error: &ObjectsError) -> Failed {
    let code = match error {
        ObjectsError::NotFound => "ConfigurationError",
        ObjectsError::Other(_) => "SystemUnavailable",
    };
    let message =
        format!("The object with key '{}' in bucket '{}' could not be {what}: {error}", place.key, place.bucket);
    (code.to_owned(), message)
}
