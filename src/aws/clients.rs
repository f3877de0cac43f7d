//! How we talk to AWS: region, credentials and endpoints as every AWS tool reads them, and our own patience.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3 as s3;
use aws_types::service_config::ServiceConfigKey;

/// A healthy endpoint answers a connection in milliseconds; the SDK's standard retry then tries another address.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Longer than any call of ours takes on a bad day, shorter than a job's lease: a frozen service must not hold a job.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// The SDK counts the sending of the body as waiting for the answer, so a gigabyte needs its time: 15 minutes are
/// about 1.2 MB/s.
const UPLOAD_PATIENCE: Duration = Duration::from_mins(15);

/// Reads the environment and the profile as every AWS tool does: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`,
/// `AWS_ENDPOINT_URL_CODEPIPELINE` and the credential chain.
pub async fn configuration() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_PATIENCE)
                .read_timeout(READ_PATIENCE)
                .build(),
        )
        .load()
        .await
}

/// The makings of an S3 client. A custom endpoint is addressed by path, because a name such as
/// `bucket.localhost` resolves hardly anywhere.
pub(super) fn s3_config(sdk: &SdkConfig) -> s3::config::Builder {
    s3::config::Builder::from(sdk).force_path_style(has_own_s3_endpoint(sdk))
}

/// What an upload of a file overrides.
pub(super) fn upload_config() -> s3::config::Builder {
    let patience = TimeoutConfig::builder()
        .connect_timeout(CONNECT_PATIENCE)
        .read_timeout(UPLOAD_PATIENCE)
        .build();
    s3::config::Builder::new().timeout_config(patience)
}

fn has_own_s3_endpoint(sdk: &SdkConfig) -> bool {
    let for_s3_alone = || {
        let key = ServiceConfigKey::builder()
            .service_id("S3")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        sdk.service_config()?.load_config(key)
    };
    sdk.endpoint_url().is_some() || for_s3_alone().is_some()
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

    #[test]
    fn an_endpoint_for_all_or_for_s3_alone_is_addressed_by_path() {
        let plain = SdkConfig::builder().build();
        let all = SdkConfig::builder().endpoint_url("http://localhost:9000");
        let s3_alone = SdkConfig::builder().service_config(OnlyS3);
        assert!(!has_own_s3_endpoint(&plain));
        assert!(has_own_s3_endpoint(&all.build()));
        assert!(has_own_s3_endpoint(&s3_alone.build()));
    }
}
