//! Small encodings that many outputs share.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::local::engine::Artifact;

/// A timestamp in the protocol's form: epoch seconds with a fraction.
pub(super) fn time(at: SystemTime) -> Value {
    let millis = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // An epoch in milliseconds has 13 digits; an f64 holds 15.
    #[expect(clippy::cast_precision_loss, reason = "13 digits fit")]
    let seconds = millis as f64 / 1000.0;
    json!(seconds)
}

/// Drops the members that are null: the protocol leaves absent members out. Building outputs with `json!` and
/// `Option`s stays readable that way.
pub(in crate::local) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(name, member)| (name, without_nulls(member)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Artifacts as the history shows them.
pub(super) fn artifact_details(artifacts: &[Artifact]) -> Value {
    let detail = |artifact: &Artifact| {
        json!({
            "name": artifact.name,
            "s3location": {"bucket": artifact.object.bucket, "key": artifact.object.key},
        })
    };
    artifacts.iter().map(detail).collect()
}
