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
mod panics;
mod pipelines;
mod plan;
mod promises;
mod reach;
mod time;
mod trace;
mod verdicts;
mod weather;
mod world;

/// Seeds that `make test` plays.
const SEEDS: u64 = 500;

/// Steps that a seed tells which breaks a promise.
const STEPS: u64 = 40;

/// Each promise holds whatever breaks. `SEED_START` and `SEEDS` say which seeds are played, `STEPS` how much each tells
/// that breaks a promise.
#[test]
fn many_seeds_keep_every_promise() {
    let first = given("SEED_START").unwrap_or(1);
    let steps = usize::try_from(given("STEPS").unwrap_or(STEPS)).unwrap();
    many::hold((first, given("SEEDS").unwrap_or(SEEDS)), steps);
}

#[expect(clippy::disallowed_methods, reason = "which seeds are played is said on the command line")]
fn given(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is \"{value}\", which is not a number")))
}

/// The same seed gives the same trace.
#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in [1, 2, 3, 5, 8, 13] {
        assert_eq!(world::play(seed, 40), world::play(seed, 40), "seed {seed}");
    }
}
