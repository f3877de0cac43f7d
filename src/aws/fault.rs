//! The one place that decides what a failed call to AWS means: who has to act, and whether to ask again.
//!
//! The codes come from each service's "Common errors" page; the throttling ones are those that the SDK itself backs
//! off for, without `LimitExceededException`, which is CloudFormation's word for a quota and stays when asked again.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::ports::{Fault, Text};

/// A failed call to any AWS service.
pub(super) type Failed<E> = SdkError<E, HttpResponse>;

/// The most characters that a fault quotes: some services echo a whole template in their answer, and a verdict has
/// room for 5,000 characters in all.
const QUOTED: usize = 1_000;

/// CloudFormation throttles with HTTP 400, so the code decides, not the status.
const THROTTLED: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMS.ThrottlingException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Two callers met; the one that asks again gets through.
const MET: [&str; 3] = ["ConcurrentModificationException", "ConditionalRequestConflict", "OperationAborted"];

/// Credentials that were good and are no longer: fresh ones help.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// Not allowed, or not who we say we are. Some services answer these with HTTP 400.
const DENIED: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "KMS.AccessDeniedException",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
];

/// What the failed call means. `doing` fits behind "could not".
pub(super) fn fault<E>(doing: impl Into<String>, error: &Failed<E>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let doing = doing.into();
    let detail = detail(error);
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            from_answer(answer.err().code().unwrap_or_default(), status)(doing, detail)
        }
        // The SDK refused to send it: a region is missing, or a member has a form that cannot be sent.
        SdkError::ConstructionFailure(_) => rejected(doing, detail),
        // Timeouts, connections that failed, and answers that are no answers, such as a proxy's error page.
        _ => unavailable(doing, detail),
    }
}

fn from_answer(code: &str, status: u16) -> fn(String, String) -> Fault {
    if THROTTLED.contains(&code) || MET.contains(&code) || status == 429 {
        unavailable
    } else if DENIED.contains(&code) || EXPIRED.contains(&code) || matches!(status, 401 | 403) {
        denied
    } else if status >= 500 {
        unavailable
    } else {
        rejected
    }
}

/// Whether fresh credentials would help.
pub(super) fn is_expired<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    error.code().is_some_and(|code| EXPIRED.contains(&code))
}

/// The HTTP status of the answer, if there was one that could be read.
pub(super) fn status<E>(error: &Failed<E>) -> Option<u16> {
    match error {
        SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
        _ => None,
    }
}

/// Whether the service answered with this code and these words: CloudFormation has one code, `ValidationError`, for
/// whatever has no type of its own, and only the words tell them apart.
pub(super) fn says<E: ProvideErrorMetadata>(error: &Failed<E>, code: &str, words: &str) -> bool {
    error.code() == Some(code) && error.message().is_some_and(|said| said.contains(words))
}

fn denied(doing: String, detail: String) -> Fault {
    Fault::Denied { doing, detail }
}

/// A fault that asking again may mend.
pub(super) fn unavailable(doing: String, detail: String) -> Fault {
    Fault::Unavailable { doing, detail }
}

/// A fault that stays however often one asks.
pub(super) fn rejected(doing: String, detail: String) -> Fault {
    Fault::Rejected { doing, detail }
}

/// Code and message of the answer, or the chain of reasons why there was none; never a debug dump, which would hold
/// the whole request.
pub(super) fn detail<E>(error: &Failed<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let text = match (error.code(), error.message(), status(error)) {
        (Some(code), Some(message), _) => format!("{code}: {message}"),
        (Some(code), None, _) => code.to_owned(),
        (None, Some(message), _) => message.to_owned(),
        (None, None, Some(status)) => format!("the service answered with HTTP status {status}"),
        (None, None, None) => chain(error),
    };
    Text::<QUOTED>::cut(text).as_str().to_owned()
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_s3::operation::get_object::GetObjectError;
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn answered(status: u16, code: &str, message: &str) -> Failed<GetObjectError> {
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        let raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        SdkError::service_error(GetObjectError::generic(meta), raw)
    }

    fn kind(error: &Failed<GetObjectError>) -> &'static str {
        match fault("read it", error) {
            Fault::Denied { .. } => "denied",
            Fault::Unavailable { .. } => "unavailable",
            Fault::Rejected { .. } => "rejected",
            Fault::Outdated { .. } => "outdated",
        }
    }

    #[test]
    fn throttling_is_worth_asking_again_whatever_its_status() {
        for (status, code) in [
            (400, "Throttling"),
            (400, "ThrottlingException"),
            (400, "TooManyRequestsException"),
            (400, "RequestLimitExceeded"),
            (503, "SlowDown"),
            (429, "Whatever"),
            (500, "InternalError"),
            (502, ""),
            (400, "ConcurrentModificationException"),
        ] {
            assert_eq!(kind(&answered(status, code, "x")), "unavailable", "{code}");
        }
    }

    #[test]
    fn who_may_not_is_denied_also_with_status_400() {
        for (status, code) in [
            (403, "AccessDenied"),
            (400, "AccessDeniedException"),
            (403, "UnauthorizedOperation"),
            (403, "Whatever"),
            (400, "ExpiredToken"),
            (400, "ExpiredTokenException"),
            (403, "InvalidClientTokenId"),
            (403, "SignatureDoesNotMatch"),
        ] {
            assert_eq!(kind(&answered(status, code, "x")), "denied", "{code}");
        }
        assert!(is_expired(&answered(400, "ExpiredToken", "x")));
        assert!(!is_expired(&answered(403, "AccessDenied", "x")));
    }

    #[test]
    fn everything_else_stays_however_often_one_asks() {
        for (status, code) in [
            (400, "ValidationError"),
            (404, "NoSuchKey"),
            (400, "LimitExceededException"),
            (400, "InsufficientCapabilitiesException"),
        ] {
            assert_eq!(kind(&answered(status, code, "x")), "rejected", "{code}");
        }
        let unsent: Failed<GetObjectError> = SdkError::construction_failure("no region");
        assert_eq!(kind(&unsent), "rejected");
    }

    #[test]
    fn no_answer_is_worth_asking_again() {
        let refused = ConnectorError::io("connection refused".into());
        let unreadable = HttpResponse::new(200.try_into().unwrap(), SdkBody::from("<html>"));
        let errors: [Failed<GetObjectError>; 3] = [
            SdkError::timeout_error("30 seconds"),
            SdkError::dispatch_failure(refused),
            SdkError::response_error("not XML", unreadable),
        ];
        for error in errors {
            assert_eq!(kind(&error), "unavailable", "{error}");
        }
    }

    #[test]
    fn the_detail_is_code_and_message_and_short() {
        let told = fault("read the stage document", &answered(403, "AccessDenied", "no"));
        assert_eq!(told.to_string(), "could not read the stage document: access denied: AccessDenied: no");
        let long = fault("x", &answered(400, "ValidationError", &"y".repeat(60_000)));
        assert!(long.to_string().chars().count() < QUOTED + 50);
        let silent = ConnectorError::io("connection refused".into());
        let silent: Failed<GetObjectError> = SdkError::dispatch_failure(silent);
        let told = fault("read it", &silent).to_string();
        assert!(told.ends_with("connection refused"), "{told}");
    }
}
