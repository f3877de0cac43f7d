//! Many seeds, on as many threads as there are processors, and what they come to.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::trace::{Counts, Told};
use super::world::play;

/// Plays these seeds; each must keep every promise.
pub(crate) fn hold(seeds: RangeInclusive<u64>) {
    let next = AtomicU64::new(*seeds.start());
    let totals = Mutex::new(Counts::new());
    let failed = Mutex::new(BTreeMap::<u64, Told>::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() || failed.lock().unwrap().len() >= 3 {
                        return;
                    }
                    let told = play(seed);
                    for (what, many) in &told.counts {
                        *totals.lock().unwrap().entry(what.clone()).or_default() += many;
                    }
                    if told.broken.is_some() {
                        failed.lock().unwrap().insert(seed, told);
                    }
                }
            });
        }
    });
    for (what, many) in totals.into_inner().unwrap() {
        println!("{many:>10} {what}");
    }
    let failed = failed.into_inner().unwrap();
    for (seed, told) in &failed {
        println!("seed {seed} breaks a promise: {}", told.broken.as_deref().unwrap_or_default());
        for step in &told.last {
            println!("  {step}");
        }
        println!("Replay it with: SEED_START={seed} SEEDS=1 make simulate\n");
    }
    assert!(failed.is_empty(), "seeds that break a promise: {:?}", failed.keys());
}
