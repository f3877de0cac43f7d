//! What happened in one seed: the last steps in words, all of them in a digest, and the counts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use tokio::sync::Notify;

use super::time::Millis;

/// How often what happened.
pub(crate) type Counts = BTreeMap<String, u64>;

#[derive(Default)]
struct Steps {
    last: VecDeque<String>,
    digest: u64,
    counts: Counts,
    broken: Option<String>,
}

/// The trace of one seed.
pub(crate) struct Trace {
    /// How many of the last steps are kept in words.
    kept: usize,
    steps: Mutex<Steps>,
    broke: Notify,
}

/// What is left of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) last: Vec<String>,
    pub(crate) digest: u64,
    pub(crate) counts: Counts,
    pub(crate) broken: Option<String>,
}

impl Trace {
    /// A trace that keeps so many of the last steps in words.
    pub(crate) fn keeping(kept: usize) -> Self {
        Self { kept, steps: Mutex::default(), broke: Notify::new() }
    }

    /// A step, with who made it.
    pub(crate) fn step(&self, at: Millis, who: &str, what: &str) {
        let step = format!("{:>5}.{:03} {who:<10} {what}", at / 1_000, at % 1_000);
        let mut steps = self.steps.lock().unwrap();
        let mixed = step.bytes().fold(steps.digest ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        steps.digest = mixed;
        if steps.broken.is_none() {
            if steps.last.len() == self.kept {
                steps.last.pop_front();
            }
            steps.last.push_back(step);
        }
    }

    /// Counts one of these.
    pub(crate) fn count(&self, what: &str) {
        self.add(what, 1);
    }

    /// Counts so many of these.
    pub(crate) fn add(&self, what: &str, many: u64) {
        let mut steps = self.steps.lock().unwrap();
        match steps.counts.get_mut(what) {
            Some(count) => *count += many,
            None => drop(steps.counts.insert(what.to_owned(), many)),
        }
    }

    /// How many of these there were.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.steps.lock().unwrap().counts.get(what).copied().unwrap_or_default()
    }

    /// A promise is broken; the first one counts.
    pub(crate) fn breaks(&self, promise: String) {
        self.steps.lock().unwrap().broken.get_or_insert(promise);
        self.broke.notify_one();
    }

    /// Waits until a promise is broken.
    pub(crate) async fn is_broken_at_last(&self) {
        self.broke.notified().await;
    }

    pub(crate) fn told(&self) -> Told {
        let steps = self.steps.lock().unwrap();
        Told {
            last: steps.last.iter().cloned().collect(),
            digest: steps.digest,
            counts: steps.counts.clone(),
            broken: steps.broken.clone(),
        }
    }
}
