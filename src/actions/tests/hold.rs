//! How long one job is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::actions::Hold;
use crate::clock::Clock;

/// A clock in seconds, on which sleeping takes no time.
#[derive(Default)]
struct Seconds(AtomicU64);

#[async_trait]
impl Clock for Seconds {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(duration.as_secs(), Ordering::Relaxed);
    }
}

fn hold(seconds: u64) -> (Hold, Arc<Seconds>, CancellationToken) {
    let (clock, stopping) = (Arc::new(Seconds::default()), CancellationToken::new());
    clock.0.store(1_000, Ordering::Relaxed);
    let hold = Hold::new(clock.clone(), Duration::from_secs(seconds), stopping.clone());
    (hold, clock, stopping)
}

const SEVEN: Duration = Duration::from_secs(7);

#[tokio::test]
async fn there_is_time_for_another_look_until_the_hold_is_over() {
    let (hold, clock, _) = hold(20);
    assert!(hold.pause(SEVEN).await);
    assert!(hold.pause(SEVEN).await);
    assert_eq!(hold.left(), Duration::from_secs(6));
    assert!(!hold.pause(SEVEN).await, "the last pause is cut to what is left");
    assert_eq!(clock.elapsed(), Duration::from_secs(1_020));
    assert!(!hold.pause(SEVEN).await);
    assert_eq!(clock.elapsed(), Duration::from_secs(1_020), "nothing is left to wait for");
}

#[tokio::test]
async fn a_worker_that_stops_holds_nothing() {
    let (hold, clock, stopping) = hold(20);
    stopping.cancel();
    assert_eq!(hold.left(), Duration::ZERO);
    assert!(!hold.pause(SEVEN).await);
    assert_eq!(clock.elapsed(), Duration::from_secs(1_000));
}

/// A clock on which nothing ever comes to pass.
struct Standing;

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_worker_that_stops_ends_a_pause_at_once() {
    let stopping = CancellationToken::new();
    let hold = Hold::new(Arc::new(Standing), SEVEN, stopping.clone());
    let (again, ()) = tokio::join!(hold.pause(SEVEN), async { stopping.cancel() });
    assert!(!again);
}
