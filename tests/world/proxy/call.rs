//! Which service is asked for which operation.

use std::fmt;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use super::super::STATE_BUCKET;

/// The services that bluestage talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    CodePipeline,
    CloudFormation,
    S3,
}

/// One operation of one service, such as `S3 PUT-IF stages`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    pub service: Service,
    pub operation: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.service, self.operation)
    }
}

/// The service that a request is for, by its head alone.
pub(super) fn service(head: &Parts) -> Service {
    if head.headers.contains_key("x-amz-target") {
        Service::CodePipeline
    } else if text(&head.headers, "content-type").starts_with("application/x-www-form-urlencoded") {
        Service::CloudFormation
    } else {
        Service::S3
    }
}

/// What is asked for; `body` is that of the services that are not S3.
pub(super) fn call(service: Service, head: &Parts, body: &Bytes) -> Call {
    let operation = match service {
        Service::CodePipeline => text(&head.headers, "x-amz-target").rsplit('.').next().unwrap_or_default().to_owned(),
        Service::CloudFormation => action(body),
        Service::S3 => s3_operation(head),
    };
    Call { service, operation }
}

/// Whether the request writes only under a condition.
pub(super) fn is_conditional(head: &Parts) -> bool {
    head.method == Method::PUT && (head.headers.contains_key("if-match") || head.headers.contains_key("if-none-match"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn action(body: &Bytes) -> String {
    let form = String::from_utf8_lossy(body);
    let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
    action.unwrap_or("unknown").to_owned()
}

/// The verb, and what kind of object it is about.
fn s3_operation(head: &Parts) -> String {
    let query = head.uri.query().unwrap_or_default();
    let (bucket, key) = head.uri.path().trim_start_matches('/').split_once('/').unwrap_or((head.uri.path(), ""));
    if key.is_empty() {
        let prefix = query.split('&').find_map(|field| field.strip_prefix("prefix="));
        let prefix = prefix.unwrap_or_default().replace("%2F", "/");
        return format!("LIST {}", kind(bucket, &prefix));
    }
    let condition = if is_conditional(head) { "-IF" } else { "" };
    format!("{}{condition} {}", head.method, kind(bucket, key))
}

/// In the state bucket, the folder below the state's prefix; elsewhere the bucket.
fn kind(bucket: &str, key: &str) -> String {
    let bucket = bucket.trim_matches('/');
    let folder = key.split('/').nth(1).filter(|_| bucket == STATE_BUCKET);
    folder.unwrap_or(bucket).to_owned()
}
