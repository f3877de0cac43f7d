//! Many seeds, on as many threads as there are processors, and what they come to.

#![expect(clippy::print_stdout, reason = "the totals are told to whoever asks for them with --nocapture")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::trace::{Counts, Told};
use super::world::play;

/// After so many seeds that break a promise no further one is begun: there is enough to look at.
const ENOUGH: usize = 3;

/// What was played so far.
#[derive(Default)]
struct Played {
    seeds: u64,
    totals: Counts,
    failed: BTreeMap<u64, Told>,
}

/// Plays so many seeds from the first on; each must keep every promise, and each must have been in trouble.
pub(crate) fn hold((first, many): (u64, u64), kept: usize) {
    let next = AtomicU64::new(first);
    let played = Mutex::new(Played::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while played.lock().unwrap().failed.len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - first >= many {
                        return;
                    }
                    let told = play(seed, kept);
                    played.lock().unwrap().add(seed, told);
                }
            });
        }
    });
    let played = played.into_inner().unwrap();
    played.tell();
    assert!(played.failed.is_empty(), "seeds that break a promise: {:?}", played.failed.keys());
}

impl Played {
    fn add(&mut self, seed: u64, mut told: Told) {
        self.seeds += 1;
        let count = |starts: &str| -> u64 {
            let such = told.counts.iter().filter(|(what, _)| what.starts_with(starts));
            such.map(|(_, many)| many).sum()
        };
        let (crashes, faults) = (count("crashes"), count("fault"));
        if told.broken.is_none() && (crashes == 0 || faults < 3) {
            told.broken = Some(format!("the seed is too easy: {crashes} crashes, {faults} faults"));
        }
        for (what, many) in &told.counts {
            *self.totals.entry(what.clone()).or_default() += many;
        }
        if told.broken.is_some() {
            self.failed.insert(seed, told);
        }
    }

    fn tell(&self) {
        println!("{:>10} seeds", self.seeds);
        for (what, many) in &self.totals {
            println!("{many:>10} {what}");
        }
        for (seed, told) in &self.failed {
            println!("\nseed {seed} breaks a promise: {}", told.broken.as_deref().unwrap_or_default());
            println!("the last steps, each with the simulated seconds and who made it:");
            for step in &told.last {
                println!("  {step}");
            }
            println!("replay it with: SEED_START={seed} SEEDS=1 make simulate");
        }
    }
}
