//! The roles that the tests of a pipeline play.

use std::time::Duration;

use async_trait::async_trait;

use super::fault::Fault;
use super::jobs::Credentials;

/// Whose session of a role it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSession {
    /// The role's ARN.
    pub role_arn: String,
    /// The session's name, as it stands in the account's logs.
    pub name: String,
    /// What the session is for; policies can ask for it.
    pub tags: Vec<(String, String)>,
    /// For how long it is wanted; a session may end earlier.
    pub wanted: Duration,
}

/// Credentials of a role for a while. They cannot be printed.
#[derive(Clone, Debug)]
pub struct RoleCredentials {
    /// The credentials.
    pub credentials: Credentials,
    /// The region that the worker works in.
    pub region: Option<String>,
}

/// Hands out credentials of the roles that tests play.
#[async_trait]
pub trait TestRoles: Send + Sync {
    /// Credentials of this role alone.
    async fn assume(&self, session: &RoleSession) -> Result<RoleCredentials, Fault>;
}
