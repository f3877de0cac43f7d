//! Time that belongs to one seed: whoever waits, waits for an instant of his own.
//!
//! No two wake in the same millisecond. So whatever one of them does until it waits again, on its own thread or through
//! the file system, is done before the next one moves, and the same seed gives the same trace.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bluestage::clock::Clock;
use tokio::time::Instant;

/// The time of day at which every seed begins: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600_000;

/// Milliseconds since the seed began.
pub(crate) type Millis = u64;

/// One second.
pub(crate) const SECOND: Millis = 1_000;

/// One minute.
pub(crate) const MINUTE: Millis = 60 * SECOND;

/// The time of one seed.
pub(crate) struct Time {
    began: Instant,
    taken: Mutex<BTreeSet<Millis>>,
}

impl Time {
    #[expect(clippy::disallowed_methods, reason = "this is a clock, and the runtime's is paused")]
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), taken: Mutex::default() })
    }

    /// How long the seed has run.
    pub(crate) fn now(&self) -> Millis {
        millis(self.began.elapsed())
    }

    /// Waits so long, or a little longer when somebody else wakes just then.
    pub(crate) async fn pass(&self, wait: Millis) {
        let now = self.now();
        let at = {
            let mut taken = self.taken.lock().unwrap();
            let to_come = taken.split_off(&(now + 1));
            *taken = to_come;
            let mut at = now + wait.max(1);
            while !taken.insert(at) {
                at += 1;
            }
            at
        };
        tokio::time::sleep_until(self.began + Duration::from_millis(at)).await;
    }

    /// Waits until then.
    pub(crate) async fn until(&self, then: Millis) {
        let now = self.now();
        if then > now {
            self.pass(then - now).await;
        }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

/// Whether a process moves.
#[derive(Default)]
pub(crate) struct Fate(Mutex<Lot>);

#[derive(Clone, Copy, Default)]
struct Lot {
    dead: bool,
    frozen_until: Millis,
}

impl Fate {
    /// From now on nothing that it waits for comes.
    pub(crate) fn dies(&self) {
        self.0.lock().unwrap().dead = true;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    /// It stands still until then.
    pub(crate) fn freezes(&self, until: Millis) {
        self.0.lock().unwrap().frozen_until = until;
    }

    /// Returns as soon as the process moves; never, when it is dead.
    pub(crate) async fn moves(&self, time: &Time) {
        loop {
            let Lot { dead, frozen_until } = *self.0.lock().unwrap();
            if dead {
                std::future::pending::<()>().await;
            }
            if frozen_until <= time.now() {
                return;
            }
            time.until(frozen_until).await;
        }
    }
}

/// The clock of one process: its own beginning, its own time of day, and nothing while it stands still.
pub(crate) struct ProcessClock {
    pub(crate) time: Arc<Time>,
    pub(crate) fate: Arc<Fate>,
    /// How far its time of day is off, in milliseconds.
    pub(crate) off: Arc<AtomicI64>,
    /// When it was started.
    pub(crate) since: Millis,
}

#[async_trait]
impl Clock for ProcessClock {
    fn now(&self) -> SystemTime {
        let now = BEGINNING + self.off.load(Ordering::Relaxed) + i64::try_from(self.time.now()).unwrap_or(i64::MAX);
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now).unwrap_or_default())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.time.now() - self.since)
    }

    async fn sleep(&self, duration: Duration) {
        self.time.pass(millis(duration)).await;
        self.fate.moves(&self.time).await;
    }
}
