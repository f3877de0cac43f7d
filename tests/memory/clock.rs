//! The runtime's own clock, which tests pause: it then jumps to the next thing that anybody waits for.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bluestage::clock::Clock;
use tokio::time::Instant;

/// The time of day at which every test begins: 2026-01-01T00:00:00Z.
const BEGINNING: Duration = Duration::from_secs(1_767_225_600);

/// A clock that shows 2026 at the beginning and runs with the runtime's.
#[derive(Debug)]
pub(crate) struct PausedClock(Instant);

impl PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is a clock, and the runtime's is paused")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + BEGINNING + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is a clock, and the runtime's is paused")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
