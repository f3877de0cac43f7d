//! Durations on the command line: seconds, also parts of one.

use std::time::Duration;

/// Reads a number of seconds, such as `20` or `0.2`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
