//! The simulation: several workers over a world in memory in which everything breaks, drawn from a seed.
//!
//! `plan` is what a seed stands for; `world` plays it; `hosts` runs the workers, `pipelines` the releases; `weather`
//! breaks the workers' calls; `promises`, `verdicts` and `ending` say what must hold all the same. The same seed gives the
//! same trace (`time` tells why). What ships is what runs: [`bluestage::worker::Worker`] and everything below it.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "../memory/mod.rs"]
mod memory;

mod ending;
mod hosts;
mod many;
mod pipelines;
mod plan;
mod promises;
mod reach;
mod time;
mod trace;
mod verdicts;
mod weather;
mod world;

/// Each promise holds whatever breaks.
#[test]
fn many_seeds_keep_every_promise() {
    many::hold(1..=60);
}

/// The same seed gives the same trace.
#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in [1, 2, 3, 5, 8, 13] {
        assert_eq!(world::play(seed), world::play(seed), "seed {seed}");
    }
}
