//! What is remembered of all tests of a report, in little room: whoever writes it may name millions.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Of the tests that took longest, so many are shown.
const MOST_SLOW_TESTS: usize = 10;

/// Of so many tests it is remembered how they ended: more are in no report of a framework that writes each try.
const MOST_REMEMBERED: usize = 100_000;

/// Tests by name, with how often each was there.
#[derive(Debug, Default)]
pub(super) struct Remembered(HashMap<u64, u64>);

impl Remembered {
    /// Notes one case of this test.
    pub(super) fn note(&mut self, name: &str) {
        if self.0.len() < MOST_REMEMBERED {
            *self.0.entry(hash(name)).or_default() += 1;
        }
    }

    /// Whether the test is there.
    pub(super) fn holds(&self, test: u64) -> bool {
        self.0.contains_key(&test)
    }

    /// How many cases are of tests that are there, too, and how many tests these are.
    pub(super) fn also_in(&self, others: &Self) -> (u64, u64) {
        let also = self.0.iter().filter(|(test, _)| others.holds(**test));
        also.fold((0, 0), |(cases, tests), (_, more)| (cases + more, tests + 1))
    }
}

/// A test's name in little room.
pub(super) fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The tests that took longest, with their seconds, the longest first.
#[derive(Debug, Default)]
pub(super) struct Slowest(pub(super) Vec<(String, f64)>);

impl Slowest {
    /// Notes how long a test took.
    pub(super) fn note(&mut self, seconds: f64, name: impl FnOnce() -> String) {
        if self.0.len() < MOST_SLOW_TESTS || self.0.last().is_some_and(|last| last.1 < seconds) {
            self.add(Self(vec![(name(), seconds)]));
        }
    }

    /// Takes the slowest of another report in.
    pub(super) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
        self.0.sort_by(|one, other| other.1.total_cmp(&one.1));
        self.0.truncate(MOST_SLOW_TESTS);
    }
}
