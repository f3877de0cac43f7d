//! The effects: runs errands, looks for changed sources, lets time pass, and tells the event bus.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::engine::{self, ABSENT, Errand, Watched};
use super::providers::{self, Directory};
use super::{Local, bus};
use crate::local::definition::Provider;
use crate::local::objects::{ObjectKey, ObjectsError};

/// How often actions are checked for a time-out. Time-outs are hours; a second is exact enough, also for tests.
const TIMEOUT_CHECK: Duration = Duration::from_secs(1);

/// Runs until it is dropped.
pub(super) async fn drive(local: &Arc<Local>) {
    tokio::join!(run_errands(local), watch_sources(local), watch_time(local), bus::feed(local));
}

async fn run_errands(local: &Arc<Local>) {
    loop {
        let errands = local.change(|state, _| std::mem::take(&mut state.errands));
        let idle = errands.is_empty();
        for errand in errands {
            let local = Arc::clone(local);
            tokio::spawn(async move { run(&local, &errand).await });
        }
        if idle {
            local.errands_wait.notified().await;
        }
    }
}

async fn run(local: &Local, errand: &Errand) {
    let early = errand.due.saturating_sub(local.elapsed());
    if !early.is_zero() {
        local.clock().sleep(early).await;
    }
    match providers::run(local, errand).await {
        Ok(Some(done)) => local.change(|state, turn| engine::finish(state, &errand.action, done, turn)),
        // Its doer reports by itself, or nobody waits for it any more.
        Ok(None) => (),
        Err(failed) => local.change(|state, turn| engine::fail(state, &errand.action, failed, turn)),
    }
}

async fn watch_sources(local: &Arc<Local>) {
    let mut directories = HashMap::new();
    loop {
        for source in local.look(engine::watched) {
            // Where nothing is known, nothing has changed.
            if let Some(revision) = revision(local, &source, &mut directories).await
                && local.look(|state| engine::is_news(state, &source, &revision))
            {
                local.change(|state, turn| engine::notice(state, &source, &revision, turn));
            }
        }
        local.clock().sleep(local.settings().source_poll).await;
    }
}

/// The present revision of a source, if it can be told.
async fn revision(local: &Local, source: &Watched, seen: &mut HashMap<String, Directory>) -> Option<String> {
    let configured = |name: &str| source.action.configuration.get(name).cloned().unwrap_or_default();
    if source.provider == Provider::LocalDirectory {
        let path = configured("Directory");
        return Directory::look(&path, seen).await;
    }
    let object = ObjectKey { bucket: configured("S3Bucket"), key: configured("S3ObjectKey") };
    match local.objects().head(&object).await {
        Ok(revision) => Some(revision.id().to_owned()),
        Err(ObjectsError::NotFound) => Some(ABSENT.to_owned()),
        Err(ObjectsError::Other(_)) => None,
    }
}

async fn watch_time(local: &Arc<Local>) {
    loop {
        local.clock().sleep(TIMEOUT_CHECK).await;
        local.change(engine::expire);
    }
}
