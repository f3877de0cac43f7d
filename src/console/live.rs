//! An open page follows what happens: whenever it would look different, it is told how, as a server-sent event.
//!
//! The page is made again on every tick and sent if it is another one. That needs no list of what may change a page, and
//! nothing can be missed: progress of a job, a write of a worker to the stage document, a second that has passed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use serde_json::json;

use super::site::Site;

/// How often a page is made again: quick enough to feel immediate, and a page takes about a millisecond.
const TICK: Duration = Duration::from_millis(400);

struct Following<S: Site> {
    site: Arc<S>,
    page: S::Page,
    /// What was sent last.
    sent: String,
}

/// The page's content now, and again whenever it is another one, until the browser goes or the server stops.
pub(super) fn stream<S: Site>(site: Arc<S>, page: S::Page) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let following = Following { site, page, sent: String::new() };
    Sse::new(stream::unfold(following, next)).keep_alive(KeepAlive::default())
}

async fn next<S: Site>(mut following: Following<S>) -> Option<(Result<Event, Infallible>, Following<S>)> {
    loop {
        if following.site.stop().is_cancelled() {
            return None;
        }
        let (_, content) = following.site.content(&following.page).await;
        // As JSON it is one line, whatever people have written into messages.
        let now = json!({"title": content.title, "main": content.main.into_string()}).to_string();
        if now != following.sent {
            following.sent.clone_from(&now);
            return Some((Ok(Event::default().data(now)), following));
        }
        tokio::select! {
            () = following.site.stop().cancelled() => return None,
            () = following.site.clock().sleep(TICK) => {}
        }
    }
}
