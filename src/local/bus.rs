//! Events go out: to whoever listens on the stream, and to the emulator's event bus.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Local;
use super::cloud::CloudError;
use super::engine::Event;

/// How many events are remembered for a listener that comes back.
const REMEMBERED: usize = 1000;
/// How many events may wait for a slow listener; then it misses some, and is told so.
const WAITING: usize = 4096;
/// EventBridge takes ten events in one call.
const BATCH: usize = 10;
/// The source that events name where a bus refuses the one that is set.
const OWN_SOURCE: &str = "local.codepipeline";

/// One event with its place in the stream.
#[derive(Clone)]
pub(super) struct Told {
    /// Which start of the program, and which event since then.
    pub(super) id: String,
    /// The event as EventBridge delivers it.
    pub(super) event: Arc<Value>,
}

/// All who listen.
pub(super) struct Bus {
    /// Names this start of the program, so that ids of an earlier one are not mistaken for its own.
    start: String,
    recent: Mutex<(u64, VecDeque<Told>)>,
    sender: broadcast::Sender<Told>,
}

impl Bus {
    pub(super) fn new(start: String) -> Self {
        Self { start, recent: Mutex::default(), sender: broadcast::channel(WAITING).0 }
    }

    /// Tells everybody.
    pub(super) fn tell(&self, event: Value) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, remembered) = &mut *recent;
        *count += 1;
        let told = Told { id: format!("{}-{count}", self.start), event: Arc::new(event) };
        if remembered.len() == REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(told.clone());
        // Nobody may be listening.
        let _ = self.sender.send(told);
    }

    /// What was told after `last`, and everything from now on. Whoever names an event that is not remembered gets all
    /// that is.
    pub(super) fn listen(&self, last: Option<&str>) -> (Vec<Told>, broadcast::Receiver<Told>) {
        // The lock is held over both, so that no event falls between them.
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = last.map(|last| {
            let known = recent.1.iter().position(|told| told.id == last);
            recent.1.iter().skip(known.map_or(0, |index| index + 1)).cloned().collect()
        });
        (missed.unwrap_or_default(), self.sender.subscribe())
    }
}

impl Local {
    /// An event as EventBridge delivers it.
    pub(super) fn envelope(&self, event: Event, at: SystemTime) -> Value {
        let settings = self.settings();
        let time = jiff::Timestamp::try_from(at).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        json!({
            "version": "0",
            "id": self.outside.dice.uuid(),
            "detail-type": event.detail_type,
            "source": settings.event_source,
            "account": settings.account_id,
            "time": time.unwrap_or_default(),
            "region": settings.region,
            "resources": [settings.pipeline_arn(&event.pipeline)],
            "detail": event.detail,
        })
    }
}

/// Feeds the emulator's event bus, until it is dropped. A bus that does not answer holds nothing up: the events are
/// gone, as they may be on AWS, and the log says so.
pub(super) async fn feed(local: &Arc<Local>) {
    let (_, mut events) = local.bus.listen(None);
    let mut own_source = false;
    loop {
        let Some(batch) = next(&mut events).await else {
            return;
        };
        let put = local.outside.cloud.put_events(&renamed(&batch, own_source)).await;
        let put = match put {
            Err(CloudError::SourceRefused(why)) if !own_source => {
                tracing::info!(why, "the event bus refuses the events' source; from now on it is {OWN_SOURCE}");
                own_source = true;
                local.outside.cloud.put_events(&renamed(&batch, own_source)).await
            }
            other => other,
        };
        if let Err(error) = put {
            tracing::debug!(%error, lost = batch.len(), "the event bus did not take events");
        }
    }
}

/// The next events, as many as there are and go into one call; `None` when there will be none.
async fn next(events: &mut broadcast::Receiver<Told>) -> Option<Vec<Arc<Value>>> {
    let mut batch = Vec::new();
    while batch.is_empty() {
        match events.recv().await {
            Ok(told) => batch.push(told.event),
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the event bus is too slow; it misses events"),
            Err(RecvError::Closed) => return None,
        }
    }
    while batch.len() < BATCH
        && let Ok(told) = events.try_recv()
    {
        batch.push(told.event);
    }
    Some(batch)
}

fn renamed(batch: &[Arc<Value>], own_source: bool) -> Vec<Value> {
    let rename = |event: &Arc<Value>| {
        let mut event = (**event).clone();
        if own_source {
            event["source"] = json!(OWN_SOURCE);
        }
        event
    };
    batch.iter().map(rename).collect()
}
