//! Sees every answer of a service go by: where it came from, with which status, and what time it was there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

use crate::doctor::{Reached, Unknown};
use crate::ports::Clock;

/// Hangs in the client of one service, and keeps the first answer.
#[derive(Clone)]
pub(super) struct Witness {
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    asked_at: Option<SystemTime>,
    address: String,
    answer: Option<Answer>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    status: u16,
    ahead: Option<i64>,
}

impl Witness {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, seen: Arc::default() }
    }

    /// How the service was reached; `silent` says why nothing came, if nothing did.
    pub(super) fn reached(&self, silent: impl FnOnce() -> Unknown) -> Reached {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.answer {
            Some(Answer { status, ahead }) => Reached::Answered { address: seen.address.clone(), status, ahead },
            None => Reached::Silent(silent()),
        }
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "Witness"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.asked_at = Some(self.clock.now());
        seen.address = address(context.request().uri());
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.answer.is_none() {
            let came_at = self.clock.now();
            let date = context.response().headers().get("date");
            seen.answer = Some(Answer {
                status: context.response().status().as_u16(),
                ahead: date.and_then(|date| ahead(date, seen.asked_at.unwrap_or(came_at), came_at)),
            });
        }
        Ok(())
    }
}

/// Scheme and host; the rest may hold names.
fn address(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// By how many seconds `date` is ahead of a clock that showed these two times around it. Within them, and within the second
/// that a date leaves out, they agree.
fn ahead(date: &str, asked_at: SystemTime, came_at: SystemTime) -> Option<i64> {
    let there = DateTime::from_str(date, DateTimeFormat::HttpDate).ok()?.secs();
    let (first, last) = (DateTime::from(asked_at).secs() - 1, DateTime::from(came_at).secs() + 1);
    Some(if there > last { there - last } else { (there - first).min(0) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_what_lies_outside_the_time_of_the_question_counts() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_435_200);
        let seconds = |count| Duration::from_secs(count);
        let told = |date: &str| ahead(date, noon, noon + seconds(4));
        assert_eq!(told("Mon, 23 Nov 2026 12:00:02 GMT"), Some(0));
        assert_eq!(told("Mon, 23 Nov 2026 12:10:05 GMT"), Some(600));
        assert_eq!(told("Mon, 23 Nov 2026 11:49:59 GMT"), Some(-600));
        assert_eq!(told("yesterday"), None);
    }

    #[test]
    fn an_address_is_told_without_what_is_asked() {
        assert_eq!(
            address("https://s3.eu-central-1.amazonaws.com/bucket/key?x"),
            "https://s3.eu-central-1.amazonaws.com"
        );
        assert_eq!(address("http://127.0.0.1:4566/"), "http://127.0.0.1:4566");
    }
}
