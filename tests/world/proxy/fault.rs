//! What can go wrong with a call, and what the service says then.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use hyper::http::StatusCode;

use super::call::Service;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It takes that much longer.
    Delay(Duration),
    /// The connection is reset, and nothing was done.
    Drop,
    /// It is done, and the connection is reset instead of an answer.
    LoseAnswer,
    /// It is refused, and nothing was done.
    Refuse(Trouble),
    /// It is done, and the answer is a refusal all the same.
    RefuseAfterwards(Trouble),
}

/// What a service says when it does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// HTTP status 500.
    Broken,
    /// HTTP status 503.
    Away,
    /// Too many requests: 503 `SlowDown` of S3, 400 `Throttling` of the others.
    Throttled,
    /// 409 `ConditionalRequestConflict` of S3, which only conditional writes hear.
    Conflict,
    /// The signature's time is not the service's, whose clock is ten minutes ahead: HTTP status 403 or 400.
    ClockSkewed,
    /// The credentials have expired.
    Expired,
    /// A policy does not allow it.
    Denied,
}

impl Fault {
    /// Its kind, for the tally.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Delay(_) => "delayed",
            Self::Drop => "reset before",
            Self::LoseAnswer => "reset after (answer lost)",
            Self::Refuse(Trouble::Throttled) => "throttled before",
            Self::RefuseAfterwards(Trouble::Throttled) => "throttled after",
            Self::Refuse(Trouble::Conflict) => "409 before",
            Self::RefuseAfterwards(Trouble::Conflict) => "409 after",
            Self::Refuse(_) => "refused before",
            Self::RefuseAfterwards(_) => "refused after",
        }
    }
}

/// How far the service's clock is ahead where it refuses a signature for that.
const AHEAD: Duration = Duration::from_mins(10);

/// The date that the service tells with its answer, if it is not today's.
pub(super) fn date(trouble: Trouble) -> Option<String> {
    (trouble == Trouble::ClockSkewed).then(|| date_in(AHEAD))
}

/// The date of a clock that is so far ahead.
pub(super) fn date_in(ahead: Duration) -> String {
    DateTime::from(SystemTime::now() + ahead).fmt(DateTimeFormat::HttpDate).expect("a date")
}

/// Status, media type and body of the service's answer, in its own form.
pub(super) fn answer(service: Service, trouble: Trouble) -> (StatusCode, &'static str, String) {
    let (status, code, message) = words(service, trouble);
    let status = StatusCode::from_u16(status).expect("a status");
    match service {
        Service::CodePipeline => {
            let body = format!(r#"{{"__type":"{code}","message":"{message}"}}"#);
            (status, "application/x-amz-json-1.1", body)
        }
        Service::CloudFormation => {
            let whose = if status.is_server_error() { "Receiver" } else { "Sender" };
            let body = format!(
                "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>{whose}</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>proxy</RequestId></ErrorResponse>"
            );
            (status, "text/xml", body)
        }
        Service::S3 => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
                 <RequestId>proxy</RequestId></Error>"
            );
            (status, "application/xml", body)
        }
    }
}

/// Status, code and message, as each service words them.
fn words(service: Service, trouble: Trouble) -> (u16, &'static str, &'static str) {
    match (trouble, service) {
        (Trouble::Broken, Service::S3) => (500, "InternalError", "We encountered an internal error. Please try again."),
        (Trouble::Broken, _) => (500, "InternalFailure", "The request processing has failed for an unknown reason."),
        (Trouble::Away, _) => (503, "ServiceUnavailable", "Service is unable to handle request."),
        (Trouble::Throttled, Service::S3) => (503, "SlowDown", "Please reduce your request rate."),
        (Trouble::Throttled, Service::CloudFormation) => (400, "Throttling", "Rate exceeded"),
        (Trouble::Throttled, Service::CodePipeline) => (400, "ThrottlingException", "Rate exceeded"),
        (Trouble::Conflict, _) => (
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
        (Trouble::ClockSkewed, Service::S3) => {
            (403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        }
        (Trouble::ClockSkewed, Service::CloudFormation) => {
            (403, "SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than 20200101T001000Z")
        }
        (Trouble::ClockSkewed, Service::CodePipeline) => (
            400,
            "InvalidSignatureException",
            "Signature not yet current: 20200101T001000Z is still later than 20200101T000000Z",
        ),
        (Trouble::Denied, Service::S3) => (403, "AccessDenied", "Access Denied"),
        (Trouble::Denied, Service::CloudFormation) => {
            (403, "AccessDenied", "User is not authorized to perform this action")
        }
        (Trouble::Denied, Service::CodePipeline) => {
            (400, "AccessDeniedException", "User is not authorized to perform this action")
        }
        (Trouble::Expired, Service::S3) => (400, "ExpiredToken", "The provided token has expired."),
        (Trouble::Expired, _) => {
            (403, "ExpiredTokenException", "The security token included in the request is expired")
        }
    }
}
