//! A template on its way to CloudFormation: in the request while it is small, by address when it is not.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use sha2::{Digest, Sha256};

use crate::aws::fault::{fault, rejected};
use crate::aws::state_bucket::StateBucket;
use crate::ports::Fault;

/// The most bytes of a template in a request (CloudFormation user guide, "Quotas"); by address it may have 1 MB.
const MOST_INLINE: usize = 51_200;

/// How a template is handed over. One of the two is set.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) body: Option<String>,
    pub(super) url: Option<String>,
}

/// Readies `template` for a request. A large one is kept in the state bucket under its digest, so that storing it
/// again changes nothing.
pub(super) async fn ready(state: &StateBucket, template: &str) -> Result<Template, Fault> {
    if template.len() <= MOST_INLINE {
        return Ok(Template { body: Some(template.to_owned()), url: None });
    }
    let name = format!("templates/{}", digest(template));
    let request = state.put(&name).body(template.as_bytes().to_vec().into());
    let doing = "store the template";
    let stored = request.send().await;
    stored.map_err(|error| state.fault(doing, &error))?;
    Ok(Template { body: None, url: Some(address(state, &name).await?) })
}

/// Where CloudFormation, acting as us or as the action's role, finds the object. The SDK knows every partition's
/// domain, FIPS, dual stack and custom endpoints, so the address is taken from a request that it signs, without the
/// signature, which would end up in CloudFormation's records.
async fn address(state: &StateBucket, name: &str) -> Result<String, Fault> {
    let doing = "tell where the template is stored";
    let brief = PresigningConfig::expires_in(Duration::from_mins(1))
        .map_err(|bad| rejected(doing.to_owned(), bad.to_string()))?;
    let request = state.s3.get_object().bucket(state.location.bucket()).key(state.location.key(name));
    let signed = request.presigned(brief).await;
    let signed = signed.map_err(|error| fault(doing, &error))?;
    let plain = signed.uri().split_once('?').map(|(plain, _)| plain);
    Ok(plain.unwrap_or(signed.uri()).to_owned())
}

fn digest(template: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(template) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};

    async fn address_with(config: Builder) -> String {
        let config = config
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("AKIA", "hush", None, None, "test"));
        let state = StateBucket {
            s3: aws_sdk_s3::Client::from_conf(config.build()),
            location: "s3://team-state/blue".parse().unwrap(),
        };
        address(&state, "templates/abc").await.unwrap()
    }

    #[tokio::test]
    async fn an_address_is_the_one_that_the_service_understands() {
        let region = |name| Builder::new().region(Region::new(name));
        assert_eq!(
            address_with(region("eu-west-1")).await,
            "https://team-state.s3.eu-west-1.amazonaws.com/blue/templates/abc"
        );
        assert_eq!(
            address_with(region("cn-north-1")).await,
            "https://team-state.s3.cn-north-1.amazonaws.com.cn/blue/templates/abc"
        );
        let own = region("us-east-1").endpoint_url("http://localhost:4566");
        assert_eq!(
            address_with(own.force_path_style(true)).await,
            "http://localhost:4566/team-state/blue/templates/abc"
        );
    }

    #[test]
    fn a_digest_is_sha_256_in_hex() {
        assert_eq!(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
