//! The line over which every call to a port in memory goes: it counts them, and breaks where a test wants it to.
//!
//! A call can break before its effect or after it, when the answer is lost. It can also be the last thing that a worker
//! does: then it never returns, and [`Line::crashed`] tells the test to drop whatever was waiting for it.

use std::sync::Mutex;

use bluestage::ports::Fault;
use tokio::sync::Notify;

/// How a call breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// The service does not answer, and nothing was done.
    Unavailable,
    /// It was done, and the answer is lost.
    LostAnswer,
    /// We are not allowed to.
    Denied,
    /// The service says no.
    Rejected,
    /// The worker dies before the call does anything.
    DiesBefore,
    /// The worker dies after the call has had its effect.
    DiesAfter,
}

/// A break that is planned.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// What the call's name starts with.
    call: &'static str,
    how: Break,
    /// Such calls that still go well.
    skip: usize,
    /// Such calls that break after those.
    times: usize,
}

#[derive(Debug, Default)]
struct Calls {
    trail: Vec<String>,
    planned: Vec<Planned>,
    broken: usize,
}

/// The line.
#[derive(Debug, Default)]
pub(crate) struct Line {
    calls: Mutex<Calls>,
    crash: Notify,
}

impl Line {
    /// The next call whose name starts with `call` breaks.
    pub(crate) fn breaks(&self, call: &'static str, how: Break) {
        self.breaks_later(call, how, 0, 1);
    }

    /// Of the calls whose names start with `call`, `skip` go well, and then `times` break.
    pub(crate) fn breaks_later(&self, call: &'static str, how: Break, skip: usize, times: usize) {
        let planned = Planned { call, how, skip, times };
        self.calls.lock().unwrap().planned.push(planned);
    }

    /// From now on no call breaks.
    pub(crate) fn is_mended(&self) {
        self.calls.lock().unwrap().planned.clear();
    }

    /// How many calls have broken.
    pub(crate) fn broken(&self) -> usize {
        self.calls.lock().unwrap().broken
    }

    /// Every call so far, in order.
    pub(crate) fn trail(&self) -> Vec<String> {
        self.calls.lock().unwrap().trail.clone()
    }

    /// Those of them whose names start with one of these.
    pub(crate) fn trail_of(&self, starts: &[&str]) -> Vec<String> {
        let wanted = |call: &String| starts.iter().any(|start| call.starts_with(start));
        self.trail().into_iter().filter(wanted).collect()
    }

    /// Resolves when a worker dies.
    pub(crate) async fn crashed(&self) {
        self.crash.notified().await;
    }

    /// Makes a call: `effect` is what it does when it goes well.
    pub(crate) async fn call<T, E: From<Fault>>(
        &self,
        name: String,
        effect: impl FnOnce() -> Result<T, E> + Send,
    ) -> Result<T, E> {
        // Whoever else wants to do something may do it now, as on a real network.
        tokio::task::yield_now().await;
        let how = self.note(&name);
        let detail = || "as the test wants it".to_owned();
        let doing = name.replace('.', " ");
        match how {
            None => effect(),
            Some(Break::Unavailable) => Err(Fault::Unavailable { doing, detail: detail() }.into()),
            Some(Break::LostAnswer) => {
                effect()?;
                let detail = "the answer was lost".to_owned();
                Err(Fault::Unavailable { doing, detail }.into())
            }
            Some(Break::Denied) => Err(Fault::Denied { doing, detail: detail() }.into()),
            Some(Break::Rejected) => Err(Fault::Rejected { doing, detail: detail() }.into()),
            Some(Break::DiesBefore) => self.die().await,
            Some(Break::DiesAfter) => {
                let _ = effect();
                self.die().await
            }
        }
    }

    async fn die<T>(&self) -> T {
        self.crash.notify_one();
        std::future::pending().await
    }

    /// Notes the call, and tells how it breaks, if it does.
    fn note(&self, name: &str) -> Option<Break> {
        let mut calls = self.calls.lock().unwrap();
        calls.trail.push(name.to_owned());
        let planned = calls.planned.iter_mut().find(|planned| name.starts_with(planned.call) && planned.times > 0)?;
        if planned.skip > 0 {
            planned.skip -= 1;
            return None;
        }
        planned.times -= 1;
        let how = planned.how;
        calls.broken += 1;
        Some(how)
    }
}
