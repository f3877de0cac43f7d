//! The one door through which time comes in.
//!
//! Nothing else in bluestage asks what time it is or sleeps (`clippy.toml` refuses it): a clock is an argument, so
//! that a test can hand in one of its own. The rules in `release/` do not even see a clock; they are told the time.

use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

/// Tells the time and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time of day. For records and for messages; never to decide who holds what, because two machines disagree.
    fn now(&self) -> SystemTime;

    /// How long this clock has run. It never goes back, so it decides what has taken too long.
    fn elapsed(&self) -> Duration;

    /// Waits for `duration`.
    async fn sleep(&self, duration: Duration);
}

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock that starts to run now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module owns the time")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this module owns the time")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this module owns the time")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
