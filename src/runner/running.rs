//! Which runs are on this machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::output::Printed;
use crate::release::RunId;

/// The runs on this machine, each with what is needed to watch and to stop it.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<RunId, Watched>>);

/// A run as others see it.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// Cancelled to end it.
    pub(super) stop: CancellationToken,
    /// What it has printed.
    pub(super) printed: Arc<Printed>,
    /// Closed when it has ended and its record says so.
    ended: watch::Receiver<()>,
}

impl Watched {
    /// Waits until the run is no longer on this machine.
    pub(super) async fn ended(&mut self) {
        // Nothing is ever sent: the channel closes with the run's slot.
        while self.ended.changed().await.is_ok() {}
    }
}

/// Whether a run may be started.
pub(super) enum Claim {
    /// It may.
    Mine(Slot),
    /// It runs already.
    Already,
    /// As many run as may.
    Full,
}

/// The place that a run takes on this machine. It is given back when this is dropped, also by a panic.
pub(super) struct Slot {
    running: Arc<Running>,
    pub(super) run: RunId,
    pub(super) stop: CancellationToken,
    pub(super) printed: Arc<Printed>,
    /// Closes after the run is off the list: whoever waited for its end does not find it there any more.
    _alive: watch::Sender<()>,
}

impl Running {
    /// Takes a place for `run` if fewer than `most` are taken.
    pub(super) fn claim(self: &Arc<Self>, run: &RunId, most: usize) -> Claim {
        let mut runs = self.lock();
        if runs.contains_key(run) {
            return Claim::Already;
        }
        if runs.len() >= most {
            return Claim::Full;
        }
        let (alive, ended) = watch::channel(());
        let watched = Watched { stop: CancellationToken::new(), printed: Arc::default(), ended };
        let slot = Slot {
            running: Arc::clone(self),
            run: run.clone(),
            stop: watched.stop.clone(),
            printed: Arc::clone(&watched.printed),
            _alive: alive,
        };
        runs.insert(run.clone(), watched);
        Claim::Mine(slot)
    }

    /// The run, if it is here.
    pub(super) fn find(&self, run: &RunId) -> Option<Watched> {
        self.lock().get(run).cloned()
    }

    /// The name of every run that is here.
    pub(super) fn names(&self) -> Vec<RunId> {
        self.lock().keys().cloned().collect()
    }

    /// Every run that is here.
    pub(super) fn all(&self) -> Vec<Watched> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Watched>> {
        // No panic can happen while it is held, and a map of handles cannot be half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.running.lock().remove(&self.run);
    }
}
