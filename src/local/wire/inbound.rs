//! What comes in beside the API: webhooks' messages, and events of S3.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::local::Local;
use crate::local::engine::{self, WebhookDefinition};

type Answered = (StatusCode, String);

fn answered(status: StatusCode, message: &str) -> Answered {
    (status, json!({"message": message}).to_string())
}

/// An event in EventBridge's form. One that tells of an object in S3 starts the pipelines that have it as their source,
/// as an EventBridge rule does on AWS.
pub(super) async fn event(Shared(local): Shared<Arc<Local>>, body: Bytes) -> Answered {
    let Ok(event) = serde_json::from_slice::<Value>(&body) else {
        return answered(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    let detail = &event["detail"];
    let place = match (event["source"].as_str(), event["detail-type"].as_str()) {
        (Some("aws.s3"), Some("Object Created")) => (&detail["bucket"]["name"], &detail["object"]["key"]),
        // By way of CloudTrail, the older form.
        (Some("aws.s3"), Some("AWS API Call via CloudTrail")) => {
            (&detail["requestParameters"]["bucketName"], &detail["requestParameters"]["key"])
        }
        _ => return answered(StatusCode::BAD_REQUEST, "only events of S3 that tell of an object start a pipeline"),
    };
    let (Some(bucket), Some(key)) = (place.0.as_str(), place.1.as_str()) else {
        return answered(StatusCode::BAD_REQUEST, "the event names no bucket and key");
    };
    let started = local.change(|state, turn| engine::object_changed(state, (bucket, key), turn));
    (StatusCode::OK, json!({"started": started}).to_string())
}

/// A message for a webhook.
pub(super) async fn webhook(
    Shared(local): Shared<Arc<Local>>,
    (Path(path), ConnectInfo(peer)): (Path<String>, ConnectInfo<SocketAddr>),
    headers: HeaderMap,
    body: Bytes,
) -> Answered {
    let definition = local.look(|state| {
        let mut webhooks = state.webhooks.values();
        webhooks.find(|webhook| webhook.path == path).map(|webhook| webhook.definition.clone())
    });
    let Some(definition) = definition else {
        return answered(StatusCode::NOT_FOUND, "there is no such webhook");
    };
    if !may_call(&definition, peer.ip(), (&headers, &body)) {
        return answered(StatusCode::FORBIDDEN, "the caller did not show that it may call");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&body) else {
        return answered(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    let fits = local.change(|state, turn| engine::receive(state, &definition.name, &message, turn));
    let told = if fits { "the pipeline starts" } else { "the message does not fit the filters" };
    answered(StatusCode::OK, told)
}

fn may_call(webhook: &WebhookDefinition, peer: IpAddr, (headers, body): (&HeaderMap, &[u8])) -> bool {
    let given = &webhook.authentication_configuration;
    match (webhook.authentication.as_str(), &given.secret_token, &given.allowed_ip_range) {
        ("GITHUB_HMAC", Some(secret), _) => signed(secret, headers, body),
        ("IP", _, Some(range)) => in_range(peer, range),
        ("UNAUTHENTICATED", _, _) => true,
        _ => false,
    }
}

/// Whether the message bears GitHub's signature with this secret.
fn signed(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let signature = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    let Some(claimed) = signature.and_then(|value| value.strip_prefix("sha256=")).and_then(bytes) else {
        return false;
    };
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).is_ok_and(|mac| {
        // Compares in constant time.
        mac.chain_update(body).verify_slice(&claimed).is_ok()
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let pairs = digits?;
    pairs.chunks(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect()
}

/// Whether an address is in a range such as `10.0.0.0/8`; a bare address is a range of one.
fn in_range(address: IpAddr, range: &str) -> bool {
    let (base, length) = range.split_once('/').unwrap_or((range, "128"));
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    let common = |a: u128, b: u128, bits: u32| (a ^ b).leading_zeros() >= length.min(bits) + (128 - bits);
    match (address.to_canonical(), base.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => common(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => common(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_addresses_holds_what_begins_like_it() {
        let address = |text: &str| text.parse().unwrap();
        assert!(in_range(address("10.1.2.3"), "10.0.0.0/8"));
        assert!(!in_range(address("11.1.2.3"), "10.0.0.0/8"));
        assert!(in_range(address("::ffff:10.1.2.3"), "10.1.2.3"));
        assert!(!in_range(address("10.1.2.4"), "10.1.2.3"));
        assert!(in_range(address("fd00::1"), "fd00::/8") && !in_range(address("fe00::1"), "fd00::/8"));
    }

    #[test]
    fn githubs_own_example_of_a_signature_is_accepted() {
        // From GitHub's page "Validating webhook deliveries".
        let mut headers = HeaderMap::new();
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        headers.insert("x-hub-signature-256", signature.parse().unwrap());
        assert!(signed("It's a Secret to Everybody", &headers, b"Hello, World!"));
        assert!(!signed("It's a Secret to Everybody", &headers, b"Hello, World?"));
    }
}
