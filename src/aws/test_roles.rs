//! The roles of the tests, by STS.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::types::Tag;
use secrecy::SecretString;

use super::fault::{self, fault};
use crate::ports::{Credentials, Fault, RoleCredentials, RoleSession, TestRoles};

/// The shortest session that STS makes (`AssumeRole` API reference, `DurationSeconds`).
const SHORTEST: Duration = Duration::from_mins(15);

/// The longest session that every role allows; and, whatever the role allows, the longest for a caller that has its own
/// credentials from a role, as a worker on EC2, ECS or EKS (IAM user guide, "role chaining").
const LONGEST: Duration = Duration::from_hours(1);

/// The longest name of a session (`AssumeRole` API reference, `RoleSessionName`).
const MOST_NAME: usize = 64;

/// STS as the worker reaches it.
pub(super) struct StsTestRoles {
    pub(super) client: Client,
    pub(super) region: Option<String>,
}

#[async_trait]
impl TestRoles for StsTestRoles {
    async fn assume(&self, session: &RoleSession) -> Result<RoleCredentials, Fault> {
        let doing = || format!("get credentials of the role {}", session.role_arn);
        let rejected = |detail: &str| fault::rejected(doing(), detail.to_owned());
        let tags = session.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(|error| rejected(&error.to_string()))?;
        let seconds = session.wanted.clamp(SHORTEST, LONGEST).as_secs();
        let request = self.client.assume_role().role_arn(&session.role_arn).set_tags(Some(tags));
        // Without a mark where it was cut: IAM takes no other characters than those of run names.
        let request = request.role_session_name(session.name.chars().take(MOST_NAME).collect::<String>());
        let answer = request.duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX)).send().await;
        let answer = answer.map_err(|error| fault(doing(), &error))?;
        let found = answer.credentials.ok_or_else(|| rejected("the answer holds no credentials"))?;
        Ok(RoleCredentials {
            credentials: Credentials {
                access_key_id: SecretString::from(found.access_key_id),
                secret_access_key: SecretString::from(found.secret_access_key),
                session_token: Some(SecretString::from(found.session_token)),
            },
            region: self.region.clone(),
        })
    }
}
