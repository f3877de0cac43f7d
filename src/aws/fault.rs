//! The one place that decides what a failed call to AWS means: who has to act, and whether to ask again.
//!
//! Inside one call the SDK asks again by itself, three times in all, with jitter, within the call's time and its own
//! budget of retries (`clients`). What is still [`Fault::Unavailable`] after that is asked again by the story, until its
//! deadline.
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
pub(super) const THROTTLED: [&str; 15] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "KMS.ThrottlingException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Two callers met; the one that asks again gets through.
const MET: [&str; 3] = ["ConcurrentModificationException", "ConditionalRequestConflict", "OperationAborted"];

/// Credentials that were good and are no longer: fresh ones help, which the next job or the credential chain brings.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

/// What S3 says when the time in a signature is more than 15 minutes away from its own.
const TOO_SKEWED: &str = "RequestTimeTooSkewed";

/// What the other services say then, with codes that they also have for a wrong secret (Signature Version 4 user guide,
/// "Troubleshoot signed requests for AWS APIs", "Credential expiration errors").
const SKEWED: [&str; 2] = ["Signature expired", "Signature not yet current"];

/// The SDK measures by each answer's `Date` how far the clocks are apart, signs by the service's, and asks again. Who
/// sees this has a clock that jumps, or something between that takes the date away.
const SET_THE_CLOCK: &str = "the clock of the worker's machine is not the service's: let it be set by NTP";

/// Not allowed, or not who we say we are. Some services answer these with HTTP 400.
pub(super) const DENIED: [&str; 15] = [
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
        SdkError::ServiceError(_) if is_clock_skew(error) => {
            unavailable(doing, format!("{}; {SET_THE_CLOCK}", detail.trim_end_matches('.')))
        }
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
    if [&THROTTLED[..], &MET, &EXPIRED].concat().contains(&code) || matches!(status, 408 | 429) {
        unavailable
    } else if DENIED.contains(&code) || matches!(status, 401 | 403) {
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

/// Whether the service refused a signature for its time, and not for who signed it.
fn is_clock_skew<E: ProvideErrorMetadata>(error: &Failed<E>) -> bool {
    let said = error.message().unwrap_or_default();
    error.code() == Some(TOO_SKEWED) || SKEWED.iter().any(|words| said.starts_with(words))
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

    /// Status, code and message of an answer, and what it means.
    const ANSWERS: [(u16, &str, &str, &str); 37] = [
        // Asked again, it may go well: throttling whatever its status, what broke, those who met, and credentials and
        // clocks that will be right again.
        (400, "Throttling", "Rate exceeded", "unavailable"),
        (400, "ThrottlingException", "Rate exceeded", "unavailable"),
        (400, "TooManyRequestsException", "x", "unavailable"),
        (400, "RequestLimitExceeded", "x", "unavailable"),
        (400, "RequestTimeout", "your socket connection was not read from", "unavailable"),
        (408, "RequestTimeoutException", "x", "unavailable"),
        (503, "SlowDown", "Please reduce your request rate.", "unavailable"),
        (429, "Whatever", "x", "unavailable"),
        (500, "InternalError", "x", "unavailable"),
        (500, "InternalFailure", "x", "unavailable"),
        (502, "", "x", "unavailable"),
        (503, "ServiceUnavailable", "x", "unavailable"),
        (504, "", "x", "unavailable"),
        (400, "ConcurrentModificationException", "x", "unavailable"),
        (409, "ConditionalRequestConflict", "x", "unavailable"),
        (409, "OperationAborted", "x", "unavailable"),
        (400, "ExpiredToken", "The provided token has expired.", "unavailable"),
        (403, "ExpiredTokenException", "x", "unavailable"),
        (400, "RequestExpired", "x", "unavailable"),
        (403, "RequestTimeTooSkewed", "The difference is too large.", "unavailable"),
        (403, "SignatureDoesNotMatch", "Signature expired: 20200101T000000Z is now earlier than …", "unavailable"),
        (400, "InvalidSignatureException", "Signature not yet current: … is still later than …", "unavailable"),
        // Who may not, also with status 400.
        (403, "AccessDenied", "x", "denied"),
        (400, "AccessDeniedException", "x", "denied"),
        (403, "UnauthorizedOperation", "x", "denied"),
        (403, "Whatever", "x", "denied"),
        (403, "InvalidClientTokenId", "x", "denied"),
        (403, "SignatureDoesNotMatch", "The request signature we calculated does not match", "denied"),
        (400, "InvalidSignatureException", "The request signature we calculated does not match", "denied"),
        // Everything else stays however often one asks. The last three are answered by `jobs`, where they are no faults.
        (400, "ValidationError", "x", "rejected"),
        (404, "NoSuchKey", "x", "rejected"),
        (400, "LimitExceededException", "x", "rejected"),
        (400, "InsufficientCapabilitiesException", "x", "rejected"),
        (412, "PreconditionFailed", "x", "rejected"),
        (400, "InvalidNonceException", "x", "rejected"),
        (400, "JobNotFoundException", "x", "rejected"),
        (400, "InvalidJobStateException", "x", "rejected"),
    ];

    #[test]
    fn every_answer_has_its_meaning() {
        for (status, code, message, meaning) in ANSWERS {
            assert_eq!(kind(&answered(status, code, message)), meaning, "{status} {code} {message}");
        }
        let unsent: Failed<GetObjectError> = SdkError::construction_failure("no region");
        assert_eq!(kind(&unsent), "rejected");
    }

    #[test]
    fn only_expired_credentials_are_worth_renewing() {
        assert!(is_expired(&answered(400, "ExpiredToken", "x")));
        assert!(!is_expired(&answered(403, "AccessDenied", "x")));
    }

    #[test]
    fn a_clock_that_is_off_is_told_as_such() {
        let skewed = answered(403, "RequestTimeTooSkewed", "The difference is too large.");
        let told = fault("read it", &skewed).to_string();
        let expected = format!("could not read it: RequestTimeTooSkewed: The difference is too large; {SET_THE_CLOCK}");
        assert_eq!(told, expected);
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
