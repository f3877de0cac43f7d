//! The page about a run: what a person needs first, in a browser, without a script.
//!
//! `templates/run.html` is the page. Everything that goes into it was written by others, and is escaped there.

use askama::Template;
use serde_json::{Map, Value};

use super::junit::Failed;
use super::reports::Findings;
use super::text::{readable, start_of};
use crate::ports::{RunEnd, Totals};

/// Failed tests whose output is open at once: so much a person reads.
const OPEN: usize = 5;

/// Services that are drawn; nobody looks through a larger picture.
const MOST_DRAWN: usize = 12;

/// The width of a box in the picture, in characters.
const MOST_NAME: usize = 24;

/// From the middle of one box to the next, in units of the picture.
const ROW: usize = 60;

/// Everything that the page tells.
#[derive(Template)]
#[template(path = "run.html")]
pub(super) struct Page<'a> {
    passed: bool,
    subject: String,
    stage: &'a str,
    run: &'a str,
    why: Option<String>,
    totals: Option<Totals>,
    passed_tests: u64,
    took: String,
    started_at: &'a str,
    ended_at: &'a str,
    failed: &'a [Failed],
    more_failed: u64,
    open: usize,
    picture: Picture,
    slowest: Vec<Slow<'a>>,
    log: &'a str,
    lines: String,
    certificate: String,
}

/// Blue, and what it was tested with.
struct Picture {
    blue: Drawn,
    others: Vec<Drawn>,
    /// How many are not drawn.
    more: usize,
    height: usize,
}

/// A box of the picture.
struct Drawn {
    service: String,
    version: String,
    middle: usize,
}

/// A test that took long.
struct Slow<'a> {
    name: &'a str,
    seconds: String,
    /// Of the longest.
    percent: f64,
}

impl<'a> Slow<'a> {
    fn of(name: &'a str, seconds: f64, longest: f64) -> Self {
        Self { name, seconds: format!("{seconds:.2}"), percent: (seconds / longest * 100.0).round() }
    }
}

impl<'a> Page<'a> {
    /// The page of a run with this certificate.
    pub(super) fn new(
        (certificate, end): (&'a Map<String, Value>, &RunEnd),
        findings: &'a Findings,
        log: &'a str,
    ) -> Self {
        let text = |name: &str| certificate.get(name).and_then(Value::as_str).unwrap_or_default();
        let (service, version) = (text("service"), certificate.get("blue").map(version_of).unwrap_or_default());
        let passed = end.passed();
        let failed_in_all = end.totals.map_or(0, |totals| totals.failed);
        Self {
            passed,
            subject: format!("{service} {version}").trim().to_owned(),
            stage: text("stage"),
            run: text("run"),
            why: (!passed).then(|| as_sentence(&end.why_it_failed())),
            totals: end.totals,
            passed_tests: end.totals.map_or(0, passed_of),
            took: took(end.ended_at.saturating_sub(end.started_at)),
            started_at: text("startedAt"),
            ended_at: text("endedAt"),
            more_failed: failed_in_all.saturating_sub(findings.failed.len() as u64),
            failed: &findings.failed,
            open: OPEN,
            picture: Picture::of((service, version), certificate.get("view").and_then(Value::as_object)),
            slowest: slowest(&findings.slowest.0),
            lines: last_lines(log),
            log,
            certificate: readable(serde_json::to_string_pretty(certificate).unwrap_or_default().as_bytes()),
        }
    }

    /// As HTML.
    pub(super) fn html(&self) -> String {
        self.render().unwrap_or_else(|error| format!("<!doctype html><p>The page could not be made: {error}"))
    }
}

impl Picture {
    fn of((service, version): (&str, &str), view: Option<&Map<String, Value>>) -> Self {
        let all: Vec<(&String, &Value)> = view.into_iter().flatten().collect();
        let height = all.len().clamp(1, MOST_DRAWN) * ROW;
        let others = all.iter().take(MOST_DRAWN).enumerate();
        Self {
            blue: Drawn::of(service, version, height / 2),
            others: others.map(|(row, (name, told))| Drawn::of(name, version_of(told), row * ROW + ROW / 2)).collect(),
            more: all.len().saturating_sub(MOST_DRAWN),
            height,
        }
    }
}

impl Drawn {
    fn of(service: &str, version: &str, middle: usize) -> Self {
        Self { service: start_of(service, MOST_NAME), version: start_of(version, MOST_NAME), middle }
    }
}

fn version_of(told: &Value) -> &str {
    told["version"].as_str().or(told.as_str()).unwrap_or_default()
}

fn slowest(tests: &[(String, f64)]) -> Vec<Slow<'_>> {
    let longest = tests.iter().map(|test| test.1).fold(f64::MIN_POSITIVE, f64::max);
    tests.iter().map(|(name, seconds)| Slow::of(name, *seconds, longest)).collect()
}

fn passed_of(totals: Totals) -> u64 {
    totals.tests.saturating_sub(totals.failed).saturating_sub(totals.skipped)
}

fn as_sentence(half: &str) -> String {
    let mut letters = half.trim_end_matches('.').chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn took(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn last_lines(log: &str) -> String {
    match log.lines().count() {
        1 => "The last line".to_owned(),
        lines => format!("The last {lines} lines"),
    }
}
