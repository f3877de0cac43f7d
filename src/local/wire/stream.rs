//! What happens, as server-sent events: `GET /events`.
//!
//! Each message is one event in EventBridge's form, with its detail type as the message's type. A listener that was
//! away sends the id of the last message that it saw (`Last-Event-ID`) and gets what it missed first.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use tokio::sync::{broadcast, watch};

use crate::local::Local;
use crate::local::bus::Told;

struct Listening {
    missed: VecDeque<Told>,
    events: broadcast::Receiver<Told>,
    stopping: watch::Receiver<()>,
}

/// The stream of events, until the listener goes or the server stops.
pub(super) async fn events(
    Shared(local): Shared<Arc<Local>>,
    headers: HeaderMap,
    stopping: watch::Receiver<()>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let (missed, events) = local.bus.listen(last);
    let listening = Listening { missed: missed.into(), events, stopping };
    Sse::new(stream::unfold(listening, next)).keep_alive(KeepAlive::default())
}

async fn next(mut listening: Listening) -> Option<(Result<Event, Infallible>, Listening)> {
    if let Some(told) = listening.missed.pop_front() {
        return Some((Ok(message(&told)), listening));
    }
    let told = tokio::select! {
        // The sender is dropped when the server stops.
        _ = listening.stopping.changed() => return None,
        told = listening.events.recv() => told,
    };
    match told {
        Ok(told) => Some((Ok(message(&told)), listening)),
        // A listener this slow is cut off: when it comes back with its last id, it gets what is still remembered.
        Err(_) => None,
    }
}

fn message(told: &Told) -> Event {
    let kind = told.event["detail-type"].as_str().unwrap_or_default();
    Event::default().id(&told.id).event(kind).data(told.event.to_string())
}
