//! Counts every attempt at a call, as the SDK makes it: a call that is tried three times is three attempts.

use std::time::SystemTime;

use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::fault::{DENIED, THROTTLED};
use crate::telemetry::{ApiOutcome, Attempted, metrics};

/// So much of an error's text is looked at: its code is at the beginning.
const BEGINNING: usize = 1_024;

/// Counts.
#[derive(Debug)]
pub(super) struct CountAttempts;

/// When the attempt began.
#[derive(Debug)]
struct Began(SystemTime);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for CountAttempts {
    fn name(&self) -> &'static str {
        "CountAttempts"
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(time) = components.time_source() {
            bag.interceptor_state().store_put(Began(time.now()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = bag.load::<Metadata>() else {
            return Ok(()); // Every call has it; a number is not worth failing one.
        };
        let began = bag.load::<Began>().map(|began| began.0);
        let took = components.time_source().zip(began).and_then(|(time, began)| time.now().duration_since(began).ok());
        let went_well = context.output_or_error().is_some_and(|answer| answer.is_ok());
        let outcome = if went_well { ApiOutcome::Ok } else { context.response().map_or(ApiOutcome::Unanswered, of) };
        let (service, operation) = (call.service().to_owned(), call.name().to_owned());
        metrics().attempted(Attempted { service, operation, outcome, took });
        Ok(())
    }
}

/// What an answer that is an error says.
fn of(answer: &HttpResponse) -> ApiOutcome {
    let body = answer.body().bytes().unwrap_or_default();
    // Some services say both of these with the status of a bad request.
    let code = code(&String::from_utf8_lossy(&body[..body.len().min(BEGINNING)]));
    match answer.status().as_u16() {
        400.. if THROTTLED.contains(&code.as_str()) => ApiOutcome::Throttled,
        400.. if DENIED.contains(&code.as_str()) => ApiOutcome::Denied,
        409 | 412 => ApiOutcome::Conflict,
        404 => ApiOutcome::Absent,
        401 | 403 => ApiOutcome::Denied,
        429 => ApiOutcome::Throttled,
        400..=499 => ApiOutcome::Refused,
        500..=599 => ApiOutcome::Broken,
        // The answer says that it went well, and then broke off or could not be read.
        _ => ApiOutcome::Unanswered,
    }
}

/// The code of an error in XML (`<Code>SlowDown</Code>`) or in JSON (`"__type":"namespace#ThrottlingException"`).
fn code(text: &str) -> String {
    let after = |mark: &str| text.split_once(mark).map(|(_, after)| after);
    let xml = after("<Code>").and_then(|after| after.split('<').next());
    let json =
        || after("\"__type\"").and_then(|after| after.split('"').nth(1)).and_then(|kind| kind.rsplit('#').next());
    xml.or_else(json).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn outcome(status: u16, body: &str) -> ApiOutcome {
        of(&HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body)))
    }

    #[test]
    fn an_answer_is_told_by_its_code_where_its_status_says_less() {
        assert_eq!(outcome(503, "<Error><Code>SlowDown</Code></Error>"), ApiOutcome::Throttled);
        assert_eq!(outcome(400, r#"{"__type":"com.amazon#ThrottlingException","message":""}"#), ApiOutcome::Throttled);
        assert_eq!(outcome(400, r#"{"__type": "AccessDeniedException"}"#), ApiOutcome::Denied);
        assert_eq!(outcome(400, "<Error><Code>ValidationError</Code></Error>"), ApiOutcome::Refused);
    }

    #[test]
    fn an_answer_without_a_code_is_told_by_its_status() {
        let expected = [
            (404, ApiOutcome::Absent),
            (409, ApiOutcome::Conflict),
            (412, ApiOutcome::Conflict),
            (403, ApiOutcome::Denied),
            (429, ApiOutcome::Throttled),
            (500, ApiOutcome::Broken),
            (200, ApiOutcome::Unanswered),
        ];
        for (status, of) in expected {
            assert_eq!(outcome(status, ""), of, "{status}");
        }
    }
}
