//! What is fuzzed of the runner: reports that others wrote. Built for `cargo fuzz` and for the test that replays what it
//! found, and never into the program.

#![expect(missing_docs, reason = "the name of each function says which input it reads")]

use super::junit;

/// The longest name of a test, and the longest message, that goes into a table.
const MOST_CHARACTERS: usize = 300;

pub fn junit(bytes: &[u8]) {
    match junit::read(&String::from_utf8_lossy(bytes)) {
        Ok(report) => {
            assert_eq!(report.failed.len() as u64, report.totals.failed.min(junit::MOST_FAILED_TESTS as u64));
            assert!(report.totals.failed + report.totals.skipped <= report.totals.tests);
            for test in &report.failed {
                fits_into_a_line(&test.told.name);
                fits_into_a_line(&test.told.message);
                assert!(!test.told.message.is_empty());
            }
        }
        Err(why) => {
            fits_into_a_line(&why);
            assert!(!why.is_empty());
        }
    }
}

fn fits_into_a_line(text: &str) {
    assert!(text.chars().count() <= MOST_CHARACTERS, "{text:?} is too long");
    assert!(!text.contains(|c: char| c.is_control() && c != '\t'), "{text:?} has control characters");
}
