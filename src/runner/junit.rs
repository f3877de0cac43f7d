//! One JUnit XML report.
//!
//! There is no standard, only dialects (pytest, Jest, Surefire, Go, nextest, Jasmine, node:test). They agree on test cases
//! with a name and perhaps a `failure`, `error` or `skipped` in them. So only these are read: the counts that suites give
//! in their attributes are as often wrong as right. The report is read event by event, never by recursion: whoever writes
//! it must not be able to exhaust our stack.
//!
//! Tests that were run again: Surefire and nextest put a `flakyFailure` into the one case of a test that passed in the
//! end. Go's gotestsum writes a case for each try, so a test that failed and passed stands there twice, and only the
//! command's exit code tells that it counts as passed.

use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::remembered::{Remembered, Slowest, hash};
use super::text::{first_line, readable, start_of};
use crate::ports::{FailedTest, Totals};

/// The most characters of a failure's message and of a test's name: enough for a line in a table.
const MOST_MESSAGE: usize = 300;

/// The run's record is one small object, and nobody reads more names than these.
pub(super) const MOST_FAILED_TESTS: usize = 50;

/// The most characters of a complaint about the report's form.
const MOST_COMPLAINT: usize = 200;

/// The most bytes that are kept of what a failed test tells and prints: several screens.
const MOST_OUTPUT: usize = 8_000;

/// What a report tells.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Its counts.
    pub(super) totals: Totals,
    /// The tests that failed, the first few.
    pub(super) failed: Vec<Failed>,
    /// The tests that took longest, as far as it tells.
    pub(super) slowest: Slowest,
    /// How many of the cases that failed are of tests that passed, too, and how many tests these are.
    pub(super) tries: (u64, u64),
}

/// A test that failed.
#[derive(Debug)]
pub(super) struct Failed {
    /// In a line.
    pub(super) told: FailedTest,
    /// Its whole name, in little room.
    test: u64,
    /// All that it told and printed, cut.
    pub(super) output: String,
    /// A test of this name has passed, too.
    pub(super) passed_too: bool,
}

/// Reads a report, or says why it is none: a half sentence for "report a.xml cannot be read: …".
pub(super) fn read(xml: &str) -> Result<Report, String> {
    let mut events = Reader::from_str(xml);
    let mut reading = Reading::default();
    loop {
        let event = events.read_event().map_err(|e| at(&events, &e))?;
        match event {
            Event::Start(tag) => reading.open(&tag).map_err(|e| at(&events, &e))?,
            Event::Empty(tag) => {
                reading.open(&tag).map_err(|e| at(&events, &e))?;
                reading.close();
            }
            Event::End(_) => reading.close(),
            Event::Text(text) => reading.text(&text.xml10_content()),
            Event::CData(text) => reading.text(&text.xml10_content()),
            Event::GeneralRef(reference) => reading.text(&resolved(&reference)),
            Event::Eof => return reading.finish(),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// What the reader complains about, in one line: it quotes the report, which may hold anything.
fn at(events: &Reader<&[u8]>, error: &dyn std::fmt::Display) -> String {
    let quoted = readable(error.to_string().as_bytes());
    format!("{} (at byte {})", start_of(first_line(&quoted), MOST_COMPLAINT), events.error_position())
}

fn resolved(reference: &BytesRef<'_>) -> String {
    let written = format!("&{};", &**reference);
    unescape(&written).map_or_else(|_| written.clone(), |text| text.into_owned())
}

#[derive(Debug, Default)]
struct Reading {
    report: Report,
    seen_root: bool,
    /// How many elements are open.
    depth: usize,
    case: Option<Case>,
    passed: Remembered,
    failed: Remembered,
}

/// A test case that is being read.
#[derive(Debug)]
struct Case {
    /// How many elements were open around it.
    depth: usize,
    name: String,
    seconds: Option<f64>,
    failure: Option<FailureText>,
    skipped: bool,
    flaky: bool,
    /// What the test printed, while one of those elements is open.
    printed: String,
    prints: bool,
}

#[derive(Debug)]
struct FailureText {
    message: String,
    kind: String,
    /// Collected while its element is open.
    body: String,
    open: bool,
}

impl Reading {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), quick_xml::Error> {
        let name = tag.local_name();
        let name = name.into_inner();
        if self.depth == 0 {
            self.seen_root |= matches!(name, "testsuites" | "testsuite" | "testrun");
        }
        self.depth += 1;
        let Some(case) = &mut self.case else {
            if name == "testcase" {
                self.case = Some(Case::opened(tag, self.depth)?);
            }
            return Ok(());
        };
        if self.depth != case.depth + 1 {
            return Ok(());
        }
        match name {
            // The first counts: a test that fails and then fails to clean up has one cause.
            "failure" | "error" if case.failure.is_none() => {
                case.failure = Some(FailureText::opened(tag)?);
            }
            "skipped" => case.skipped = true,
            "flakyFailure" | "flakyError" => case.flaky = true,
            "system-out" | "system-err" => case.prints = true,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(case) = &mut self.case {
            if self.depth == case.depth + 1 {
                case.close_texts();
            }
            if self.depth == case.depth {
                self.count();
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) {
        let Some(case) = &mut self.case else {
            return;
        };
        match &mut case.failure {
            Some(failure) if failure.open => collect(&mut failure.body, text),
            _ if case.prints => collect(&mut case.printed, text),
            _ => {}
        }
    }

    fn count(&mut self) {
        let Some(mut case) = self.case.take() else {
            return;
        };
        self.report.totals.tests += 1;
        if let Some(seconds) = case.seconds {
            self.report.slowest.note(seconds, || case.short_name());
        }
        if let Some(failure) = case.failure.take() {
            self.report.totals.failed += 1;
            self.failed.note(&case.name);
            if self.report.failed.len() < MOST_FAILED_TESTS {
                self.report.failed.push(case.failed(&failure));
            }
        } else if case.skipped {
            self.report.totals.skipped += 1;
        } else {
            self.report.totals.flaky += u64::from(case.flaky);
            self.passed.note(&case.name);
        }
    }

    fn finish(mut self) -> Result<Report, String> {
        if !self.seen_root {
            return Err("it is not JUnit XML: there is no <testsuites> or <testsuite>".into());
        }
        if self.depth > 0 {
            return Err("it ends in the middle".into());
        }
        self.report.tries = self.failed.also_in(&self.passed);
        for failed in &mut self.report.failed {
            failed.passed_too = self.passed.holds(failed.test);
        }
        Ok(self.report)
    }
}

impl Failed {
    /// One of which nothing more is known.
    pub(super) fn told(told: FailedTest) -> Self {
        Self { test: hash(&told.name), told, output: String::new(), passed_too: false }
    }
}

impl Case {
    fn opened(tag: &BytesStart<'_>, depth: usize) -> Result<Self, quick_xml::Error> {
        let name = attribute(tag, "name")?;
        let class = match attribute(tag, "classname")? {
            class if class.is_empty() => attribute(tag, "file")?,
            class => class,
        };
        // Jest's names already begin with what it gives as the class; node:test gives the same class to all.
        let tells_nothing = class.is_empty() || class == "test" || name.starts_with(&class);
        let full = if tells_nothing { name } else { format!("{class}::{name}") };
        Ok(Self {
            depth,
            name: full,
            seconds: seconds(&attribute(tag, "time")?),
            failure: None,
            skipped: false,
            flaky: false,
            printed: String::new(),
            prints: false,
        })
    }

    fn short_name(&self) -> String {
        start_of(first_line(&readable(self.name.as_bytes())), MOST_MESSAGE)
    }

    fn close_texts(&mut self) {
        self.prints = false;
        if let Some(failure) = &mut self.failure {
            failure.open = false;
        }
    }

    fn failed(&self, failure: &FailureText) -> Failed {
        let told = FailedTest { name: self.short_name(), message: failure.told() };
        let printed = match self.printed.trim() {
            "" => String::new(),
            printed => format!("It printed:\n{printed}"),
        };
        let output = [failure.whole(), printed].join("\n\n");
        let output = readable(output.trim_end().as_bytes());
        Failed { told, test: hash(&self.name), output, passed_too: false }
    }
}

/// Surefire writes thousands with a comma.
fn seconds(told: &str) -> Option<f64> {
    let seconds: f64 = told.replace(',', "").parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
}

/// Text comes in pieces, split at every `&lt;`.
fn collect(into: &mut String, text: &str) {
    let room = MOST_OUTPUT.saturating_sub(into.len());
    into.push_str(&text[..text.floor_char_boundary(room)]);
}

impl FailureText {
    fn opened(tag: &BytesStart<'_>) -> Result<Self, quick_xml::Error> {
        Ok(Self { message: attribute(tag, "message")?, kind: attribute(tag, "type")?, body: String::new(), open: true })
    }

    /// Message and body; most frameworks repeat the message in the body.
    fn whole(&self) -> String {
        let (message, body) = (self.message.trim(), self.body.trim_matches(['\n', '\r']).trim_end());
        match body.contains(message) {
            true => body.to_owned(),
            false => format!("{}\n{body}", &message[..message.floor_char_boundary(MOST_OUTPUT)]),
        }
    }

    /// The first line that says something: of the message, else of the body, else the type.
    fn told(&self) -> String {
        let message = readable(self.message.as_bytes());
        let body = readable(self.body.as_bytes());
        let kind = readable(self.kind.as_bytes());
        let line = [&message, &body, &kind]
            .into_iter()
            .map(|text| first_line(text))
            .find(|line| !line.is_empty())
            .unwrap_or("it failed without a message");
        start_of(line, MOST_MESSAGE)
    }
}

/// The value of an attribute, empty when it is absent. Attributes that we do not need are never looked at: Surefire's
/// `time="1,234.5"` is nobody's failure.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<String, quick_xml::Error> {
    let Some(found) = tag.try_get_attribute(name)? else {
        return Ok(String::new());
    };
    // Normalizing would turn line ends into blanks, and we want the first line.
    let raw = found.value;
    Ok(unescape(&raw).map_or_else(|_| raw.to_string(), |text| text.into_owned()))
}
