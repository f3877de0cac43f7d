//! What each port promises, for whatever implements AWS behind an [`SdkConfig`].

pub(crate) mod artifacts;
pub(crate) mod files;
pub(crate) mod jobs;
pub(crate) mod journal;
pub(crate) mod run_records;
pub(crate) mod stacks;
pub(crate) mod stages;
pub(crate) mod test_roles;

use aws_config::SdkConfig;
use bluestage::aws::Aws;

/// The bucket that each contract makes for itself.
const BUCKET: &str = "team-state";

/// A client as a user of S3 would make it.
fn s3(sdk: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(sdk).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// The adapters, with a fresh bucket to keep their state in.
async fn adapters(sdk: &SdkConfig) -> Aws {
    let made = s3(sdk).create_bucket().bucket(BUCKET).send().await;
    made.expect("the bucket is made");
    Aws::new(sdk, "s3://team-state/blue".parse().unwrap())
}
