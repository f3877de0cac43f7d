//! How many tests have passed so far, where what a command prints tells: TAP, nextest, pytest and Rust's own tests.
//!
//! It only tells people how far a run is. Whether it passed is for exit code and reports.

use super::text::readable;

/// A longer line is not one of a test framework's.
const MOST_LINE: usize = 2_000;

/// The shortest line that tells something, `ok 1`.
const SHORTEST_LINE: usize = 4;

/// What colours begin with.
const ESCAPE: u8 = 0x1b;

/// Counts what lines tell, as they come.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Counts,
    /// How many tests there are, where that was told before them.
    expected: u64,
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// What comes now was told before: some frameworks repeat what failed.
    over: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// What a line tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Ended(Counts),
    Expected(u64),
    Over,
}

const PASSED: Told = Told::Ended(Counts { passed: 1, failed: 0, skipped: 0 });
const FAILED: Told = Told::Ended(Counts { passed: 0, failed: 1, skipped: 0 });
const SKIPPED: Told = Told::Ended(Counts { passed: 0, failed: 0, skipped: 1 });

impl Tally {
    /// Takes the next piece of what is printed.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = piece.ends_with(b"\n");
            if is_whole && self.line.is_empty() {
                self.take(&piece[..piece.len().min(MOST_LINE)]);
                continue;
            }
            let room = MOST_LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..room.min(piece.len())]);
            if is_whole {
                let line = std::mem::take(&mut self.line);
                self.take(&line);
            }
        }
    }

    /// Takes a line. Who floods the log must not keep the worker busy with it: only what has colours is made readable.
    fn take(&mut self, line: &[u8]) {
        if self.over || line.len() < SHORTEST_LINE {
            return;
        }
        match std::str::from_utf8(line) {
            Ok(text) if !line.contains(&ESCAPE) => self.count(text.trim_end()),
            _ => self.count(readable(line).trim_end()),
        }
    }

    /// In half a sentence; none when nothing was told.
    pub(super) fn told(&self) -> Option<String> {
        let Counts { passed, failed, skipped } = self.counts;
        if self.counts == Counts::default() {
            return None;
        }
        let mut told = match self.expected >= passed + failed + skipped {
            true => format!("{passed} of {} passed", self.expected),
            false => format!("{passed} passed"),
        };
        for (count, word) in [(failed, "failed"), (skipped, "skipped")] {
            if count > 0 {
                told.push_str(&format!(", {count} {word}"));
            }
        }
        Some(told)
    }

    fn count(&mut self, line: &str) {
        match tap(line).or_else(|| nextest(line)).or_else(|| pytest(line)).or_else(|| libtest(line)) {
            None => {}
            Some(Told::Over) => self.over = true,
            Some(Told::Expected(more)) => self.expected = self.expected.saturating_add(more),
            Some(Told::Ended(counts)) => {
                self.counts.passed += counts.passed;
                self.counts.failed += counts.failed;
                self.counts.skipped += counts.skipped;
            }
        }
    }
}

/// Only what is not indented: what is, belongs to a test that tells of itself later.
fn tap(line: &str) -> Option<Told> {
    if let Some(plan) = line.strip_prefix("1..") {
        let number = plan.split_whitespace().next()?.parse().ok()?;
        return Some(Told::Expected(number));
    }
    let (good, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let is_numbered = rest.split_whitespace().next().is_some_and(|word| word.parse::<u64>().is_ok());
    let directive = rest.to_ascii_uppercase();
    match (is_numbered || rest.starts_with("- "), good) {
        (false, _) => None,
        (true, _) if directive.contains("# SKIP") || directive.contains("# TODO") => Some(SKIPPED),
        (true, true) => Some(PASSED),
        (true, false) => Some(FAILED),
    }
}

fn nextest(line: &str) -> Option<Told> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("Starting ") {
        return counted(rest, "test").map(Told::Expected);
    }
    let (word, _) = line.split_once(" [")?;
    match word.trim_end() {
        "PASS" | "LEAK" => Some(PASSED),
        "FAIL" | "TIMEOUT" | "ABORT" => Some(FAILED),
        "SKIP" => Some(SKIPPED),
        "Summary" => Some(Told::Over),
        word if word.starts_with("SIG") => Some(FAILED),
        // Not the tries before: only the one that passes is the last for certain.
        word if word.starts_with("TRY ") && word.ends_with(" PASS") => Some(PASSED),
        _ => None,
    }
}

fn pytest(line: &str) -> Option<Told> {
    // On a terminal the second half of the line replaces the first.
    if let Some(rest) = line.strip_prefix("collecting ... ").unwrap_or(line).strip_prefix("collected ") {
        let selected = rest.rsplit(" / ").find_map(|part| part.strip_suffix(" selected"));
        let number = selected.and_then(|number| number.parse().ok()).or_else(|| counted(rest, "item"));
        return number.map(Told::Expected);
    }
    let (tests, percent) = line.rsplit_once('[')?;
    percent.strip_suffix("%]")?.trim().parse::<u8>().ok()?;
    let tests = tests.trim_end();
    let last = tests.rsplit(' ').next()?;
    if tests.contains("::") {
        return verbose(tests);
    }
    let letters = last.chars().all(|letter| ".FEsxX".contains(letter));
    let count = |wanted: &str| last.chars().filter(|letter| wanted.contains(*letter)).count() as u64;
    letters.then(|| Told::Ended(Counts { passed: count(".X"), failed: count("FE"), skipped: count("sx") }))
}

fn verbose(tests: &str) -> Option<Told> {
    // A skipped one may say why in brackets.
    let words = tests.rsplit(' ').map(|word| match word {
        "PASSED" | "XPASS" => Some(PASSED),
        "FAILED" | "ERROR" => Some(FAILED),
        "SKIPPED" | "XFAIL" => Some(SKIPPED),
        _ => None,
    });
    words.flatten().next()
}

fn libtest(line: &str) -> Option<Told> {
    if let Some(rest) = line.strip_prefix("running ") {
        return counted(rest, "test").map(Told::Expected);
    }
    let (_, how) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match how {
        "ok" => Some(PASSED),
        "FAILED" => Some(FAILED),
        how if how.starts_with("ignored") => Some(SKIPPED),
        _ => None,
    }
}

/// The number before this word.
fn counted(text: &str, word: &str) -> Option<u64> {
    let (number, rest) = text.split_once(' ')?;
    rest.starts_with(word).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn tells(printed: &str, expected: &str) {
        let mut tally = Tally::default();
        // In pieces, as a pipe brings them.
        for piece in printed.as_bytes().chunks(7) {
            tally.add(piece);
        }
        assert_eq!(tally.told().as_deref().unwrap_or_default(), expected, "{printed}");
    }

    #[test]
    fn tap_tells() {
        let printed = "TAP version 13\n1..4\nok 1 - adds\n    ok 1 - inner\nnot ok 2 - breaks\nok 3 - later # SKIP\n";
        tells(printed, "1 of 4 passed, 1 failed, 1 skipped");
        tells("ok 1\nok - two\nnot ok 3 - known # TODO\n", "2 passed, 1 skipped");
        tells("ok  \texample.com/orders\t0.01s\nok then\n", "");
    }

    #[test]
    fn nextest_tells() {
        let printed = "    Starting 4 tests across 2 binaries (1 test skipped)\n        PASS [   0.004s] (1/4) orders places\n  \
            TRY 1 FAIL [   0.002s] orders cancels\n  TRY 2 PASS [   0.002s] orders cancels\n     SIGABRT [   0.002s] orders aborts\n";
        tells(printed, "2 of 4 passed, 1 failed");
        let coloured = "\u{1b}[32;1m        PASS\u{1b}[0m [   0.004s] \u{1b}[35morders\u{1b}[0m places\n";
        tells(coloured, "1 passed");
        tells(
            "FAIL [ 0.1s] a b\n     Summary [   0.006s] 1 test run: 0 passed, 1 failed\nFAIL [ 0.1s] a b\n",
            "0 passed, 1 failed",
        );
    }

    #[test]
    fn pytest_tells() {
        tells("collected 6 items\n\ntest_a.py ..Fs                 [ 66%]\n", "2 of 6 passed, 1 failed, 1 skipped");
        tells("..F. [100%]\n", "3 passed, 1 failed");
        let verbose = "collecting ... collected 9 items / 6 deselected / 3 selected\ntest_a.py::test_ok PASSED   [ 33%]\n\
            test_a.py::test_b[x y] FAILED [ 66%]\ntest_a.py::test_c SKIPPED (not here) [100%]\nFAILED test_a.py::test_b - no\n";
        tells(verbose, "1 of 3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn rusts_own_tests_tell() {
        let printed =
            "running 2 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\nrunning 1 test\ntest d ... ignored, slow\n";
        tells(printed, "1 of 3 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn what_is_no_tests_output_tells_nothing() {
        tells("Downloading [ 50%]\nPASS\ncollected works\nrunning late\n1..\nStarting server\ntest ... ok then\n", "");
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let mut tally = Tally::default();
        for _ in 0..1_000 {
            tally.add(&[b'x'; 1_000]);
        }
        assert!(tally.line.len() <= MOST_LINE);
    }
}
