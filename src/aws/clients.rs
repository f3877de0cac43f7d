//! How we talk to AWS: region, credentials and endpoints as every AWS tool reads them, and our own patience.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3 as s3;
use aws_sdk_s3::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::service_config::ServiceConfigKey;
use secrecy::SecretString;

use super::attempts::CountAttempts;
use super::fault;
use crate::ports::{Credentials, Fault};

/// A healthy endpoint answers a connection in milliseconds; the SDK's standard retry then tries another address.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any call of ours takes on a bad day, shorter than a job's lease: a frozen service must not hold a job.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// One attempt, with everything that is part of it: an answer may also begin in time and then trickle.
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(40);

/// All three attempts and the pauses between them.
const CALL_PATIENCE: Duration = Duration::from_mins(2);

/// The SDK counts the sending of the body as waiting for the answer, so a gigabyte needs its time: 15 minutes are
/// about 1.2 MB/s.
const UPLOAD_PATIENCE: Duration = Duration::from_mins(15);

/// An upload that is tried again: whoever has not sent it in two whole attempts does not get through.
const UPLOADS_PATIENCE: Duration = Duration::from_mins(31);

/// Reads the environment and the profile as every AWS tool does: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`,
/// `AWS_ENDPOINT_URL_CODEPIPELINE` and the credential chain.
pub async fn configuration() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard())
        .timeout_config(patience(READ_PATIENCE, ATTEMPT_PATIENCE, CALL_PATIENCE))
        .load()
        .await
}

/// The same configuration, with the credentials of a role that is played with those of `sdk`. They are renewed by
/// themselves.
pub async fn playing(sdk: &SdkConfig, role: &str) -> SdkConfig {
    let role = AssumeRoleProvider::builder(role).session_name("bluestage").configure(sdk).build().await;
    sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(role)).build()
}

/// Nothing that we ask waits without a limit. Content that is streamed is not part of the attempt: the SDK itself breaks
/// it off when nothing has come for 20 seconds.
fn patience(read: Duration, attempt: Duration, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_PATIENCE)
        .read_timeout(read)
        .operation_attempt_timeout(attempt)
        .operation_timeout(call)
        .build()
}

/// A client of this service, whose attempts are counted.
macro_rules! clients {
    ($($name:ident: $sdk:ident;)+) => {
        $(
            pub(super) fn $name(sdk: &SdkConfig) -> $sdk::Client {
                $sdk::Client::from_conf($sdk::config::Builder::from(sdk).interceptor(CountAttempts).build())
            }
        )+
    };
}

clients! {
    codepipeline: aws_sdk_codepipeline;
    cloudformation: aws_sdk_cloudformation;
    codebuild: aws_sdk_codebuild;
    sts: aws_sdk_sts;
}

/// The makings of an S3 client, whose attempts are counted, too. A custom endpoint is addressed by path, because a name such as
/// `bucket.localhost` resolves hardly anywhere.
pub(super) fn s3_config(sdk: &SdkConfig) -> s3::config::Builder {
    s3::config::Builder::from(sdk).force_path_style(s3_endpoint(sdk).is_some()).interceptor(CountAttempts)
}

/// What an upload of a file overrides.
pub(super) fn upload_config() -> s3::config::Builder {
    s3::config::Builder::new().timeout_config(patience(UPLOAD_PATIENCE, UPLOAD_PATIENCE, UPLOADS_PATIENCE))
}

/// The endpoint of S3, if it is not AWS's own.
#[must_use]
pub fn s3_endpoint(sdk: &SdkConfig) -> Option<String> {
    endpoint(sdk, "S3")
}

/// The endpoint of a service, if it is not AWS's own: one for it alone goes before one for all services.
#[must_use]
pub fn endpoint(sdk: &SdkConfig, service_id: &str) -> Option<String> {
    let for_it_alone = || {
        let key = ServiceConfigKey::builder()
            .service_id(service_id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        sdk.service_config()?.load_config(key)
    };
    for_it_alone().or_else(|| sdk.endpoint_url().map(str::to_owned))
}

/// The credentials that the chain finds now.
///
/// # Errors
/// When it finds none.
pub async fn credentials(sdk: &SdkConfig) -> Result<Credentials, Fault> {
    let doing = "find AWS credentials";
    let advice = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
    let Some(provider) = sdk.credentials_provider() else {
        return Err(fault::rejected(doing.to_owned(), advice.to_owned()));
    };
    let found = provider.provide_credentials().await;
    let found = found.map_err(|error| fault::rejected(doing.to_owned(), format!("{error}; {advice}")))?;
    Ok(Credentials {
        access_key_id: SecretString::from(found.access_key_id()),
        secret_access_key: SecretString::from(found.secret_access_key()),
        session_token: found.session_token().map(SecretString::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_types::service_config::LoadServiceConfig;

    #[derive(Debug)]
    struct OnlyS3;

    impl LoadServiceConfig for OnlyS3 {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            (key.service_id() == "S3").then(|| "http://localhost:9000".to_owned())
        }
    }

    /// Every client is made from this configuration, and an upload overrides it whole.
    #[tokio::test]
    async fn no_call_waits_without_a_limit() {
        let everything = configuration().await;
        let calls = everything.timeout_config().expect("time limits").clone();
        let uploads = patience(UPLOAD_PATIENCE, UPLOAD_PATIENCE, UPLOADS_PATIENCE);
        for limits in [calls, uploads] {
            assert!(limits.connect_timeout().is_some() && limits.read_timeout().is_some(), "{limits:?}");
            assert!(limits.operation_attempt_timeout() >= limits.read_timeout(), "{limits:?}");
            assert!(limits.operation_timeout() > limits.operation_attempt_timeout(), "{limits:?}");
        }
        assert_eq!(everything.retry_config().map(RetryConfig::max_attempts), Some(3));
    }

    #[test]
    fn an_endpoint_for_all_or_for_s3_alone_is_addressed_by_path() {
        let plain = SdkConfig::builder().build();
        let all = SdkConfig::builder().endpoint_url("http://localhost:9000");
        let s3_alone = SdkConfig::builder().service_config(OnlyS3);
        assert!(s3_endpoint(&plain).is_none());
        assert!(s3_endpoint(&all.build()).is_some());
        assert!(s3_endpoint(&s3_alone.build()).is_some());
    }
}
