//! Times, lengths of time and statuses in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maud::{Markup, html};

/// Seconds since 1970-01-01T00:00:00Z, as the API and the stage document tell moments.
pub(super) type Seconds = f64;

/// A time of day as the API tells it.
pub(super) fn seconds(time: SystemTime) -> Seconds {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A moment, in UTC.
pub(super) fn moment(at: Seconds) -> Markup {
    #[expect(clippy::cast_possible_truncation, reason = "a time of day in milliseconds is far from the largest i64")]
    let time = jiff::Timestamp::from_millisecond((at * 1000.0) as i64).unwrap_or_default();
    html! {
        time datetime=(time) { (time.strftime("%b %-d, %H:%M:%S")) " " abbr title="Coordinated Universal Time" { "UTC" } }
    }
}

/// How long something took, in the two largest units that tell something.
pub(super) fn length(seconds: Seconds) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0 => "under 1 s".to_owned(),
        1..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// How long from `start` to `end`, or until `now` if it goes on.
pub(super) fn lasted(status: &str, (start, end): (Seconds, Seconds), now: Seconds) -> String {
    let until = if is_going_on(status) { now } else { end };
    length(until - start)
}

/// Whether something with this status of the API may still change by itself.
pub(super) fn is_going_on(status: &str) -> bool {
    matches!(status, "InProgress" | "Stopping")
}

/// How a status looks: a sign and a tone, beside the word, which tells it without either.
pub(super) struct Status {
    word: String,
    sign: &'static str,
    tone: &'static str,
}

impl Status {
    pub(super) const fn none(word: String) -> Self {
        Self { word, sign: "○", tone: "idle" }
    }

    pub(super) const fn busy(word: String) -> Self {
        Self { word, sign: "◐", tone: "busy" }
    }

    pub(super) const fn good(word: String) -> Self {
        Self { word, sign: "✓", tone: "good" }
    }

    pub(super) const fn bad(word: String) -> Self {
        Self { word, sign: "✕", tone: "bad" }
    }

    pub(super) const fn asks(word: String) -> Self {
        Self { word, sign: "?", tone: "asks" }
    }

    pub(super) const fn over(word: String) -> Self {
        Self { word, sign: "–", tone: "over" }
    }

    /// A status of the API.
    pub(super) fn of(status: &str) -> Self {
        let word = spaced(status);
        match status {
            "InProgress" | "Stopping" => Self::busy(word),
            "Succeeded" | "Overridden" => Self::good(word),
            "Failed" | "Errored" => Self::bad(word),
            "Superseded" | "Stopped" | "Abandoned" | "Cancelled" | "Skipped" => Self::over(word),
            _ => Self::none(word),
        }
    }

    /// The sign and the word.
    pub(super) fn shown(&self) -> Markup {
        html! {
            span class={ "status " (self.tone) } { span class="sign" aria-hidden="true" { (self.sign) } " " (self.word) }
        }
    }

    /// The class of what has this status.
    pub(super) fn tone(&self) -> &'static str {
        self.tone
    }

    /// The word.
    pub(super) fn word(&self) -> &str {
        &self.word
    }
}

/// `InProgress` as `In progress`.
pub(super) fn spaced(name: &str) -> String {
    let mut words = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            words.push(' ');
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
    }
    words
}

/// The beginning of an id, enough to tell it from others.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_the_units_that_tell_something() {
        assert_eq!(
            [0.4, 59.9, 61.0, 7_265.0, 90_000.0].map(length),
            ["under 1 s", "59 s", "1 min 1 s", "2 h 1 min", "1 d 1 h"]
        );
        assert_eq!(length(-1.0), "under 1 s");
    }

    #[test]
    fn a_status_reads_as_words_and_shows_a_sign() {
        let shown = Status::of("InProgress").shown().into_string();
        assert!(shown.contains("In progress") && shown.contains("aria-hidden"), "{shown}");
        assert_eq!(Status::of("Failed").word(), "Failed");
    }

    #[test]
    fn what_goes_on_lasts_until_now() {
        assert_eq!(lasted("InProgress", (10.0, 11.0), 15.0), "5 s");
        assert_eq!(lasted("Failed", (10.0, 11.0), 15.0), "1 s");
    }
}
