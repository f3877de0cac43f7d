//! Waits of this process until nothing is being done to a stack any more.
//!
//! Few waits ask for their stack by itself. Many share a listing of the stacks at which CloudFormation is at work: what it shows
//! goes on, so waiting a little longer does no harm, however old the listing is. What it does not show is asked for by itself,
//! so nothing else is ever concluded from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use super::fault::Fault;
use super::stacks::StackState;
use super::{FEW_STACKS, Ports};
use crate::release::StackRef;

/// So long all waits go by the same listing: as long as the shortest pause between two looks, so that a listing takes no more
/// calls than one stack would that has just begun.
const FRESH: Duration = Duration::from_secs(2);

/// Every stack of an account at which CloudFormation is at work: its id, and CloudFormation's word for what is being done.
pub type StacksAtWork = BTreeMap<String, String>;

/// The waits of this process.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: AtomicUsize,
    last: Mutex<Option<Listing>>,
}

/// When a listing began, and what it told. A fault is kept as long: whoever asks at once would only meet it again.
type Listing = (Duration, Result<Arc<StacksAtWork>, Fault>);

/// Somebody waits, as long as it lives.
pub(crate) struct Wait<'a>(&'a Waits);

impl Waits {
    pub(super) fn begin(&self) -> Wait<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Wait(self)
    }
}

impl Wait<'_> {
    /// How the stack stands, unless something was being done to it a moment ago: then that.
    pub(crate) async fn look(&self, ports: &Ports, stack: &StackRef) -> Result<StackState, Fault> {
        if self.0.waiting.load(Ordering::Relaxed) > FEW_STACKS
            && let Some(id) = &stack.id
            && let Some(doing) = self.at_work(ports).await?.get(id)
        {
            return Ok(StackState::InProgress { id: id.clone(), doing: doing.clone() });
        }
        ports.stacks.read(stack).await
    }

    async fn at_work(&self, ports: &Ports) -> Result<Arc<StacksAtWork>, Fault> {
        let mut last = self.0.last.lock().await;
        let now = ports.clock.elapsed();
        match &*last {
            Some((began, told)) if now.saturating_sub(*began) < FRESH => told.clone(),
            Some(_) | None => {
                let told = ports.stacks.all_at_work().await.map(Arc::new);
                *last = Some((now, told.clone()));
                told
            }
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
