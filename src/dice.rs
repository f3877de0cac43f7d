//! The one door through which chance comes in: jitter and fresh ids.
//!
//! Seeded dice throw the same numbers again, which is what makes a simulated run replayable. Nothing here is secret.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A source of random numbers that can be shared.
#[derive(Debug)]
pub struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    /// Dice that nobody can foretell.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module owns chance")]
    pub fn fresh() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// Dice that always throw the same sequence for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// `duration` give or take a quarter, so that a fleet does not move in step.
    #[must_use]
    pub fn jittered(&self, duration: Duration) -> Duration {
        duration.mul_f64(0.75 + self.with(fastrand::Rng::f64) / 2.0)
    }

    /// A fresh id of `length` characters, each `a-z` or `0-9`.
    #[must_use]
    pub fn id(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        self.with(|rng| (0..length).map(|_| char::from(ALPHABET[rng.usize(..ALPHABET.len())])).collect())
    }

    /// A fresh random UUID (version 4), as CodePipeline's execution ids are.
    #[must_use]
    pub fn uuid(&self) -> String {
        let bits = self.with(|rng| rng.u128(..));
        let bits = bits & !(0xf << 76) | 4 << 76; // version 4
        let bits = bits & !(0b11 << 62) | 0b10 << 62; // variant 1
        let hex = format!("{bits:032x}");
        let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        format!("{a}-{b}-{c}-{d}-{e}")
    }

    fn with<T>(&self, throw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        // A panic while the dice were held leaves a number generator, which cannot be in a bad state.
        throw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_ids() {
        assert_eq!(Dice::seeded(7).uuid(), Dice::seeded(7).uuid());
        assert_ne!(Dice::seeded(7).uuid(), Dice::seeded(8).uuid());
    }

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        let uuid = Dice::seeded(1).uuid();
        let groups: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let dice = Dice::seeded(3);
        for _ in 0..1_000 {
            let waited = dice.jittered(Duration::from_secs(8));
            assert!((6..=10).contains(&waited.as_secs()), "{waited:?}");
        }
    }
}
