//! The role that the tests play, where their author names one in `TestRoleArn`.

use secrecy::SecretString;

use super::Turn;
use super::properties::RunIsolatedTests;
use super::stop::Stop;
use super::tests_environment::{Subject, Variables};
use crate::ports::{Credentials, Fault, RoleCredentials, RoleSession};

/// Credentials of the tests' role alone, as variables; none without a role.
pub(super) async fn variables(
    turn: &Turn<'_>,
    properties: &RunIsolatedTests,
    subject: &Subject<'_>,
) -> Result<Variables, Stop> {
    let Some(role_arn) = &properties.role_arn else {
        return Ok(Variables::default());
    };
    let session = RoleSession {
        role_arn: role_arn.clone(),
        name: format!("bluestage-{}", subject.run),
        tags: tags(subject),
        wanted: turn.time_left(),
    };
    let found = turn.ports.test_roles.assume(&session).await;
    let RoleCredentials { credentials, region } = found.map_err(|fault| match fault {
        Fault::Denied { detail, .. } => Stop::RoleDenied { role_arn: role_arn.clone(), detail },
        other => Stop::Fault(other),
    })?;
    Ok(Variables { plain: regions(region), secret: keys(credentials) })
}

/// The same names as the tags of the stack.
fn tags(subject: &Subject<'_>) -> Vec<(String, String)> {
    let tags = [
        ("stage", subject.stage.name.to_string()),
        ("service", subject.of.service.to_string()),
        ("version", subject.of.version.to_string()),
        ("run", subject.run.to_string()),
    ];
    tags.into_iter().map(|(name, value)| (format!("bluestage:{name}"), value)).collect()
}

/// Half of the tools read the one, half the other.
fn regions(region: Option<String>) -> Vec<(String, String)> {
    let both = |region: String| ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| (name.to_owned(), region.clone()));
    region.into_iter().flat_map(both).collect()
}

fn keys(credentials: Credentials) -> Vec<(String, SecretString)> {
    let Credentials { access_key_id, secret_access_key, session_token } = credentials;
    let keys = [
        ("AWS_ACCESS_KEY_ID", Some(access_key_id)),
        ("AWS_SECRET_ACCESS_KEY", Some(secret_access_key)),
        ("AWS_SESSION_TOKEN", session_token),
    ];
    keys.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key?))).collect()
}
