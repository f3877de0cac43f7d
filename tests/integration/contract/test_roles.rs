//! Roles of tests: credentials of the role alone, for a session that says what it is for.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::client::Waiters;
use aws_sdk_cloudformation::types::Capability;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use bluestage::ports::RoleSession;
use secrecy::ExposeSecret;

use super::adapters;

/// A role that everybody in the account may play: a `MiniStack` that evaluates IAM knows no others.
const ROLE: &str = r#"{"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {
    "RoleName": "orders-tests",
    "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}]}}}}}"#;

/// How long the role may take.
const PATIENCE: Duration = Duration::from_secs(30);

async fn make_role(sdk: &SdkConfig) {
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let made = client.create_stack().stack_name("orders-roles").template_body(ROLE);
    made.capabilities(Capability::CapabilityNamedIam).send().await.unwrap();
    let there = client.wait_until_stack_create_complete().stack_name("orders-roles");
    there.wait(PATIENCE).await.unwrap();
}

pub(crate) async fn a_role_gives_credentials_of_a_session_with_its_name(sdk: &SdkConfig) {
    make_role(sdk).await;
    let roles = adapters(sdk).await.test_roles;
    let session = RoleSession {
        role_arn: "arn:aws:iam::000000000000:role/orders-tests".to_owned(),
        // Longer than a session's name may be.
        name: format!("bluestage-{}", "r".repeat(80)),
        tags: vec![("bluestage:run".to_owned(), "run-a1-1".to_owned())],
        // Longer than a session may last.
        wanted: Duration::from_hours(23),
    };
    let found = roles.assume(&session).await.unwrap();
    assert_eq!(found.region.as_deref(), Some("us-east-1"));
    assert!(!format!("{found:?}").contains(found.credentials.secret_access_key.expose_secret()));
    let of = |secret: &secrecy::SecretString| secret.expose_secret().to_owned();
    let token = found.credentials.session_token.as_ref().map(of);
    let (id, key) = (of(&found.credentials.access_key_id), of(&found.credentials.secret_access_key));
    let credentials = SharedCredentialsProvider::new(Credentials::new(id, key, token, None, "role"));
    let played = sdk.to_builder().credentials_provider(credentials).build();
    let caller = aws_sdk_sts::Client::new(&played).get_caller_identity().send().await.unwrap();
    let arn = caller.arn.unwrap();
    let name: String = session.name.chars().take(64).collect();
    assert!(arn.contains(&format!("assumed-role/orders-tests/{name}")), "{arn}");
}
