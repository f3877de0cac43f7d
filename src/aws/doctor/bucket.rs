//! The state bucket and its settings, each asked for by itself: these credentials may see one and not the other.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ExpirationStatus, LifecycleRule, PublicAccessBlockConfiguration, ServerSideEncryption,
};

use super::super::fault::{self, Failed, fault};
use super::Examination;
use crate::doctor::{Bucket, Encryption, Home, Lifecycle};
use crate::ports::Fault;

/// In which S3 tells where a bucket is, also to those who ask the wrong region or may not see it.
const REGION_HEADER: &str = "x-amz-bucket-region";

/// A client with the bucket that it looks at.
struct Looking<'a> {
    s3: &'a Client,
    bucket: &'a str,
    region: &'a str,
}

pub(super) async fn look(examination: &Examination<'_>, s3: &Client, region: &str) -> Bucket {
    let looking = Looking { s3, bucket: examination.state.bucket(), region };
    let (home, versioned, encryption, open_ways, policy, lifecycle) = tokio::join!(
        examination.within(looking.home()),
        examination.within(looking.versioned()),
        examination.within(looking.encryption()),
        examination.within(looking.open_ways()),
        examination.within(looking.policy()),
        examination.within(looking.lifecycle()),
    );
    Bucket { home, versioned, encryption, open_ways, policy, lifecycle }
}

impl Looking<'_> {
    async fn home(&self) -> Result<Home, Fault> {
        match self.s3.head_bucket().bucket(self.bucket).send().await {
            Ok(answer) => Ok(self.home_in(answer.bucket_region())),
            Err(error) if fault::status(&error) == Some(404) => Ok(Home::Missing),
            Err(error) => {
                let told = error.raw_response().and_then(|answer| answer.headers().get(REGION_HEADER));
                match self.home_in(told) {
                    elsewhere @ Home::Elsewhere(_) => Ok(elsewhere),
                    Home::Here | Home::Missing => Err(fault(format!("find the bucket {}", self.bucket), &error)),
                }
            }
        }
    }

    fn home_in(&self, told: Option<&str>) -> Home {
        match told {
            Some(there) if there != self.region => Home::Elsewhere(there.to_owned()),
            Some(_) | None => Home::Here,
        }
    }

    async fn versioned(&self) -> Result<bool, Fault> {
        let answer = self.s3.get_bucket_versioning().bucket(self.bucket).send().await;
        let answer = answer.map_err(|error| fault("read whether the bucket keeps versions", &error))?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }

    async fn encryption(&self) -> Result<Option<Encryption>, Fault> {
        let answer = self.s3.get_bucket_encryption().bucket(self.bucket).send().await;
        let missing = "ServerSideEncryptionConfigurationNotFoundError";
        let Some(answer) = or_none(answer, missing, "read how the bucket encrypts")? else {
            return Ok(None);
        };
        let rules = answer.server_side_encryption_configuration.map_or_else(Vec::new, |rules| rules.rules);
        let by_default = rules.into_iter().find_map(|rule| rule.apply_server_side_encryption_by_default);
        Ok(by_default.map(|with| Encryption {
            key: with.kms_master_key_id.filter(|_| with.sse_algorithm != ServerSideEncryption::Aes256),
            algorithm: with.sse_algorithm.as_str().to_owned(),
        }))
    }

    async fn open_ways(&self) -> Result<Vec<&'static str>, Fault> {
        let answer = self.s3.get_public_access_block().bucket(self.bucket).send().await;
        let missing = "NoSuchPublicAccessBlockConfiguration";
        let answer = or_none(answer, missing, "read whether the bucket blocks public access")?;
        let blocked = answer.and_then(|answer| answer.public_access_block_configuration);
        let blocked = blocked.unwrap_or_else(|| PublicAccessBlockConfiguration::builder().build());
        let ways = [
            ("BlockPublicAcls", blocked.block_public_acls),
            ("IgnorePublicAcls", blocked.ignore_public_acls),
            ("BlockPublicPolicy", blocked.block_public_policy),
            ("RestrictPublicBuckets", blocked.restrict_public_buckets),
        ];
        Ok(ways.into_iter().filter_map(|(name, blocked)| (blocked != Some(true)).then_some(name)).collect())
    }

    async fn policy(&self) -> Result<Option<String>, Fault> {
        let answer = self.s3.get_bucket_policy().bucket(self.bucket).send().await;
        let answer = or_none(answer, "NoSuchBucketPolicy", "read the bucket's policy")?;
        Ok(answer.and_then(|answer| answer.policy))
    }

    async fn lifecycle(&self) -> Result<Lifecycle, Fault> {
        let answer = self.s3.get_bucket_lifecycle_configuration().bucket(self.bucket).send().await;
        let answer = or_none(answer, "NoSuchLifecycleConfiguration", "read the bucket's lifecycle rules")?;
        let rules = answer.and_then(|answer| answer.rules).unwrap_or_default();
        let on = |rule: &&LifecycleRule| rule.status == ExpirationStatus::Enabled;
        let any = |such: fn(&LifecycleRule) -> bool| rules.iter().filter(on).any(such);
        Ok(Lifecycle {
            ends_uploads: any(|rule| rule.abort_incomplete_multipart_upload.is_some()),
            expires_versions: any(|rule| rule.noncurrent_version_expiration.is_some()),
        })
    }
}

/// The answer, or none where the service says with this code that nothing was ever set.
fn or_none<T, E>(answer: Result<T, Failed<E>>, nothing_set: &str, doing: &str) -> Result<Option<T>, Fault>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.code() == Some(nothing_set) => Ok(None),
        Err(error) => Err(fault(doing, &error)),
    }
}
