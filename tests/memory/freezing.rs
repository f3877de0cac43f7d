//! A clock whose worker can be frozen, as by SIGSTOP or with its machine: nobody who waits by it wakes up until it thaws.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bluestage::clock::Clock;
use tokio::sync::watch;

/// The clock of one worker.
pub(crate) struct FreezingClock {
    inner: Arc<dyn Clock>,
    frozen: watch::Sender<bool>,
}

impl FreezingClock {
    pub(crate) fn new(inner: Arc<dyn Clock>) -> Self {
        Self { inner, frozen: watch::channel(false).0 }
    }

    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.send_replace(false);
    }
}

#[async_trait]
impl Clock for FreezingClock {
    fn now(&self) -> SystemTime {
        self.inner.now()
    }

    fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration).await;
        let mut frozen = self.frozen.subscribe();
        // The channel lives as long as the clock.
        let _ = frozen.wait_for(|frozen| !frozen).await;
    }
}
