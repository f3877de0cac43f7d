//! Durations on the command line: seconds, also parts of one.

use std::time::Duration;

/// Reads a number of seconds that is no less than one.
pub(super) fn at_least_a_second(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|time| if time < Duration::from_secs(1) { Err("at least 1".to_owned()) } else { Ok(time) })
}

/// Reads a number of seconds, such as `20` or `0.2`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
