//! The effects: copies sources, looks for new ones, and lets time pass.

use std::sync::Arc;
use std::time::Duration;

use super::state::{SourceCopy, State};
use super::{SourceArtifact, SourceFailure, StartRequest, Turn, expire, fail_source, finish_source, start};
use crate::local::Local;
use crate::local::definition::{ActionDeclaration, is_s3_source};
use crate::local::objects::{ObjectKey, Objects, ObjectsError};

/// How often actions are checked for a time-out. Time-outs are hours; a second is exact enough, also for tests.
const TIMEOUT_CHECK: Duration = Duration::from_secs(1);

/// The revision of a source object that does not exist.
const ABSENT: &str = "";

/// Runs until it is dropped.
pub(crate) async fn drive(local: &Arc<Local>) {
    tokio::join!(copy_sources(local), watch_sources(local), watch_time(local));
}

async fn copy_sources(local: &Arc<Local>) {
    loop {
        let copies = local.change(|state, _| std::mem::take(&mut state.sources));
        let idle = copies.is_empty();
        for copy in copies {
            let local = Arc::clone(local);
            tokio::spawn(async move { copy_source(&local, copy).await });
        }
        if idle {
            local.changed().await;
        }
    }
}

async fn copy_source(local: &Local, source: SourceCopy) {
    let copied = copy(local.objects(), &source).await;
    local.change(|state, turn| match copied {
        Ok(artifact) => finish_source(state, &source.action, artifact, turn),
        Err(failure) => fail_source(state, &source.action, failure, turn),
    });
}

async fn copy(objects: &dyn Objects, source: &SourceCopy) -> Result<SourceArtifact, SourceFailure> {
    let (from, to) = (&source.from, &source.to);
    let failed = |what: &str, place: &ObjectKey, error: &ObjectsError| {
        let code = match error {
            ObjectsError::NotFound => "ConfigurationError",
            ObjectsError::Other(_) => "SystemUnavailable",
        };
        let message =
            format!("The object with key '{}' in bucket '{}' could not be {what}: {error}", place.key, place.bucket);
        (code.to_owned(), message)
    };
    let object = objects.read(from, source.version.as_deref()).await.map_err(|e| failed("read", from, &e))?;
    let written = objects.write(to, object.bytes, source.kms_key.as_deref()).await;
    written.map_err(|e| failed("written to the artifact store", to, &e))?;
    Ok(SourceArtifact { from: from.clone(), revision: object.revision })
}

/// A source action that is watched for changes.
struct Watched {
    pipeline: String,
    action: String,
    object: ObjectKey,
}

async fn watch_sources(local: &Arc<Local>) {
    loop {
        for source in local.change(|state, _| watched(state)) {
            let revision = match local.objects().head(&source.object).await {
                Ok(revision) => Some(revision),
                Err(ObjectsError::NotFound) => None,
                // The store does not answer: nothing is known, so nothing has changed.
                Err(ObjectsError::Other(_)) => continue,
            };
            let id = revision.as_ref().map_or(ABSENT, |revision| revision.id());
            local.change(|state, turn| notice(state, &source, id, turn));
        }
        local.clock().sleep(local.settings().source_poll).await;
    }
}

fn watched(state: &mut State) -> Vec<Watched> {
    let declarations = state.pipelines.values().map(|pipeline| pipeline.declaration());
    let mut found = Vec::new();
    for declaration in declarations {
        for (_, action) in declaration.actions().filter(|(_, action)| is_watched(action)) {
            let configured = |name: &str| action.configuration.get(name).cloned().unwrap_or_default();
            found.push(Watched {
                pipeline: declaration.name.clone(),
                action: action.name.clone(),
                object: ObjectKey { bucket: configured("S3Bucket"), key: configured("S3ObjectKey") },
            });
        }
    }
    found
}

/// Polling is the default of the S3 source (action reference, "PollForSourceChanges").
fn is_watched(action: &ActionDeclaration) -> bool {
    let off = action.configuration.get("PollForSourceChanges").is_some_and(|value| value == "false");
    is_s3_source(&action.action_type_id) && !off
}

/// Starts an execution if the revision is a new one. The first revision ever seen is only remembered: what was there
/// before the pipeline is for its owner to start.
fn notice(state: &mut State, source: &Watched, revision: &str, turn: &Turn<'_>) {
    let Some(pipeline) = state.pipelines.get_mut(&source.pipeline) else {
        return;
    };
    // An execution that is reading its sources right now is about to learn the revision by itself.
    if pipeline.executions.iter().any(|execution| execution.is_active() && execution.at == 0) {
        return;
    }
    let before = pipeline.seen.insert(source.action.clone(), revision.to_owned());
    if revision == ABSENT || before.is_none_or(|before| before == revision) {
        return;
    }
    let mut request = StartRequest::by("PollForSourceChanges", &source.pipeline);
    request.trigger.trigger_detail.clone_from(&source.action);
    if let Err(refused) = start(state, request, turn) {
        tracing::warn!(pipeline = source.pipeline, %refused, "a source changed, but the pipeline did not start");
    }
}

async fn watch_time(local: &Arc<Local>) {
    loop {
        local.clock().sleep(TIMEOUT_CHECK).await;
        local.change(expire);
    }
}
