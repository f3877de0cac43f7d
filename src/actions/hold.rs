//! How long one job may be held before it is answered.
//!
//! Short waits are held inside a job; longer ones go back to CodePipeline with a continuation token, so that the
//! console shows progress and any worker can go on. A worker that is told to stop ends every hold at once.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// The time that one job may be held.
pub struct Hold {
    clock: Arc<dyn Clock>,
    ends: Duration,
    stopping: CancellationToken,
}

impl Hold {
    /// A hold of `longest` from now, or until `stopping` is cancelled.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, longest: Duration, stopping: CancellationToken) -> Self {
        let ends = clock.elapsed() + longest;
        Self { clock, ends, stopping }
    }

    /// How much of it is left; nothing once the worker is stopping.
    #[must_use]
    pub fn left(&self) -> Duration {
        if self.stopping.is_cancelled() {
            return Duration::ZERO;
        }
        self.ends.saturating_sub(self.clock.elapsed())
    }

    /// Waits until the worker has been stopping for this long.
    pub(super) async fn is_over_for(&self, patience: Duration) {
        self.stopping.cancelled().await;
        self.clock.sleep(patience).await;
    }

    /// Waits `pause`, or what is left if that is less. Tells whether there is time for another look.
    pub async fn pause(&self, pause: Duration) -> bool {
        let pause = pause.min(self.left());
        if pause.is_zero() {
            return false;
        }
        tokio::select! {
            biased;
            () = self.clock.sleep(pause) => {}
            () = self.stopping.cancelled() => {}
        }
        !self.left().is_zero()
    }
}
