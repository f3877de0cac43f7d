//! The line over which every call to a port in memory goes: it counts them, and breaks where a test wants it to.
//!
//! A call can break before its effect or after it, when the answer is lost. It can also be the last thing that a worker
//! does: then it never returns, and [`Line::crashed`] tells the test to drop whatever was waiting for it.
//!
//! Either a test plans each break ([`Line::breaks`]), or a [`Weather`] decides about every call.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
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

/// Decides about every call that goes over a line.
#[async_trait]
pub(crate) trait Weather: Send + Sync {
    /// Waits until the call has its turn, and tells how it breaks, if it does.
    async fn before(&self, call: &str) -> Option<Break>;

    /// The call was made, and has had its effect unless it broke before.
    fn made(&self, call: &str, how: Option<Break>);

    /// Waits until the answer may come back.
    async fn after(&self);

    /// Whether a conditional write is answered with a conflict, whatever became of it.
    fn conflict(&self) -> Option<Landed>;
}

/// What became of a write that is answered with a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landed {
    /// It is stored: the answer to a request that the SDK repeated.
    Yes,
    /// It is not: somebody else's write is being settled.
    No,
}

/// The line.
#[derive(Default)]
pub(crate) struct Line {
    calls: Mutex<Calls>,
    crash: Notify,
    weather: Option<Arc<dyn Weather>>,
}

impl Line {
    /// A line whose every call this weather decides about.
    pub(crate) fn under(weather: Arc<dyn Weather>) -> Self {
        Self { weather: Some(weather), ..Self::default() }
    }

    /// Whether there is weather.
    pub(crate) fn is_outside(&self) -> bool {
        self.weather.is_some()
    }

    /// Whether the conditional write that is being made is answered with a conflict by chance.
    pub(crate) fn conflict(&self) -> Option<Landed> {
        self.weather.as_ref()?.conflict()
    }

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
        let how = match &self.weather {
            Some(weather) => weather.before(&name).await,
            None => {
                // Whoever else wants to do something may do it now, as on a real network.
                tokio::task::yield_now().await;
                self.note(&name)
            }
        };
        let result = attempt(&name, how, effect);
        if let Some(weather) = &self.weather {
            weather.made(&name, how);
            weather.after().await;
        }
        match result {
            Some(result) => result,
            None => self.die().await,
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

/// What comes of the call; nothing when whoever made it dies.
fn attempt<T, E: From<Fault>>(
    name: &str,
    how: Option<Break>,
    effect: impl FnOnce() -> Result<T, E>,
) -> Option<Result<T, E>> {
    let detail = || "as the test wants it".to_owned();
    let doing = || name.replace('.', " ");
    Some(match how {
        None => effect(),
        Some(Break::Unavailable) => Err(Fault::Unavailable { doing: doing(), detail: detail() }.into()),
        Some(Break::LostAnswer) => effect().and_then(|_| {
            let detail = "the answer was lost".to_owned();
            Err(Fault::Unavailable { doing: doing(), detail }.into())
        }),
        Some(Break::Denied) => Err(Fault::Denied { doing: doing(), detail: detail() }.into()),
        Some(Break::Rejected) => Err(Fault::Rejected { doing: doing(), detail: detail() }.into()),
        Some(Break::DiesBefore) => return None,
        Some(Break::DiesAfter) => {
            let _ = effect();
            return None;
        }
    })
}
