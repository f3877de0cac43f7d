//! An action begins and ends.

use std::collections::BTreeMap;

use super::state::{
    ActionExecution, ActionRef, ActionStatus, Artifact, Execution, Job, JobStatus, Jobs, Pipeline, SourceCopy, State,
};
use super::{Turn, variables};
use crate::local::definition::{ActionDeclaration, ActionType, ArtifactStore, is_s3_source};
use crate::local::objects::{ObjectKey, Revision};

/// What starting an action needs besides its execution.
pub(super) struct Desk<'a> {
    pub(super) jobs: &'a mut Jobs,
    pub(super) sources: &'a mut Vec<SourceCopy>,
    pub(super) turn: &'a Turn<'a>,
}

/// Starts an action: a source copy or a job, or a failure when its configuration cannot be resolved.
pub(super) fn start_action(execution: &mut Execution, declaration: &ActionDeclaration, desk: &mut Desk<'_>) {
    let mut action = blank(execution, declaration, desk.turn);
    let store = execution.declaration.store(&desk.turn.settings.region).cloned();
    match (variables::resolve(&declaration.configuration, execution), store) {
        (Ok(resolved), Some(store)) => {
            action.resolved = resolved;
            action.outputs = allot(execution, declaration, &store.location, desk.turn);
            begin_work(execution, &action, &store, desk);
        }
        (Err(why), _) => fail_action(&mut action, ("ConfigurationError".to_owned(), why), desk.turn),
        (_, None) => {
            let region = &desk.turn.settings.region;
            let why = format!("The pipeline has no artifact store in region {region}");
            fail_action(&mut action, ("ConfigurationError".to_owned(), why), desk.turn);
        }
    }
    let index = execution.actions.len();
    execution.actions.push(action);
    execution.run_mut().current.insert(declaration.name.clone(), index);
}

fn blank(execution: &Execution, declaration: &ActionDeclaration, turn: &Turn<'_>) -> ActionExecution {
    let inputs = declaration.input_artifacts.iter();
    ActionExecution {
        id: turn.dice.uuid(),
        stage: execution.stage().name.clone(),
        declaration: declaration.clone(),
        status: ActionStatus::InProgress,
        started: turn.now,
        updated: turn.now,
        deadline: turn.elapsed + turn.settings.action_timeout,
        resolved: BTreeMap::new(),
        inputs: inputs.filter_map(|input| execution.artifacts.get(&input.name).cloned()).collect(),
        outputs: Vec::new(),
        variables: BTreeMap::new(),
        external_id: None,
        external_url: None,
        summary: None,
        percent: None,
        error: None,
    }
}

/// Chooses where the outputs go: `{pipeline[:20]}/{artifact[:10]}/{7 characters}` (observed in AWS's own samples; the
/// truncation is documented under "Troubleshooting").
fn allot(execution: &Execution, declaration: &ActionDeclaration, bucket: &str, turn: &Turn<'_>) -> Vec<Artifact> {
    let cut = |text: &str, length| text.chars().take(length).collect::<String>();
    let place = |name: &str| ObjectKey {
        bucket: bucket.to_owned(),
        key: format!("{}/{}/{}", cut(&execution.declaration.name, 20), cut(name, 10), turn.dice.id(7)),
    };
    let outputs = declaration.output_artifacts.iter();
    outputs
        .map(|output| Artifact {
            name: output.name.clone(),
            object: place(&output.name),
            revision: None,
            revision_summary: None,
        })
        .collect()
}

fn begin_work(execution: &Execution, action: &ActionExecution, store: &ArtifactStore, desk: &mut Desk<'_>) {
    let reference = ActionRef {
        pipeline: execution.declaration.name.clone(),
        execution: execution.id.clone(),
        action: action.id.clone(),
    };
    if is_s3_source(&action.declaration.action_type_id) {
        desk.sources.extend(source_copy(execution, action, store, reference));
        return;
    }
    desk.jobs.add(Job {
        id: desk.turn.dice.uuid(),
        action: reference,
        type_id: action.declaration.action_type_id.clone(),
        status: JobStatus::Queued,
        nonce: 0,
        due: desk.turn.elapsed,
        continuation: None,
        encryption_key: store.encryption_key.clone(),
    });
}

fn source_copy(
    execution: &Execution,
    action: &ActionExecution,
    store: &ArtifactStore,
    reference: ActionRef,
) -> Option<SourceCopy> {
    let configured = |name: &str| action.resolved.get(name).cloned().unwrap_or_default();
    let wanted = |kind: &str| {
        let mut all = execution.overrides.iter();
        let mine = all.find(|o| o.action_name == action.declaration.name && o.revision_type == kind);
        mine.map(|o| o.revision_value.clone())
    };
    Some(SourceCopy {
        action: reference,
        from: ObjectKey {
            bucket: configured("S3Bucket"),
            key: wanted("S3_OBJECT_KEY").unwrap_or_else(|| configured("S3ObjectKey")),
        },
        version: wanted("S3_OBJECT_VERSION_ID"),
        // The action type demands exactly one output artifact.
        to: action.outputs.first()?.object.clone(),
        kms_key: store.encryption_key.as_ref().map(|key| key.id.clone()),
    })
}

/// A source that was copied.
pub(crate) struct SourceArtifact {
    pub(crate) from: ObjectKey,
    pub(crate) revision: Revision,
}

/// A source that could not be copied: code and message.
pub(crate) type SourceFailure = (String, String);

/// Completes a source action whose object is in the artifact store.
pub(crate) fn finish_source(state: &mut State, reference: &ActionRef, source: SourceArtifact, turn: &Turn<'_>) {
    let Some((pipeline, execution_id)) = in_progress(state, reference) else {
        return;
    };
    let id = source.revision.id().to_owned();
    let Some(execution) = pipeline.execution_mut(&execution_id) else {
        return;
    };
    let Some(action) = execution.action_mut(&reference.action) else {
        return;
    };
    for output in &mut action.outputs {
        output.revision = Some(id.clone());
        output.revision_summary = Some(format!("Amazon S3 version id: {id}"));
    }
    let variables = [
        ("BucketName", Some(source.from.bucket)),
        ("ObjectKey", Some(source.from.key)),
        ("ETag", Some(source.revision.etag)),
        ("VersionId", source.revision.version_id),
    ];
    let variables = variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let name = action.declaration.name.clone();
    let variables = variables.collect();
    let newest = !execution.overrides.iter().any(|wanted| wanted.action_name == name);
    succeed_action(execution, &reference.action, variables, turn);
    if newest {
        // An older revision that was asked for says nothing about what is new.
        pipeline.seen.insert(name, id);
    }
}

/// Fails a source action.
pub(crate) fn fail_source(state: &mut State, reference: &ActionRef, failure: SourceFailure, turn: &Turn<'_>) {
    if let Some((pipeline, execution_id)) = in_progress(state, reference)
        && let Some(action) =
            pipeline.execution_mut(&execution_id).and_then(|execution| execution.action_mut(&reference.action))
    {
        fail_action(action, failure, turn);
    }
}

/// The pipeline and execution of an action that is still in progress: while its object was copied it may have been
/// abandoned, or the whole pipeline deleted.
fn in_progress<'a>(state: &'a mut State, reference: &ActionRef) -> Option<(&'a mut Pipeline, String)> {
    let pipeline = state.pipelines.get_mut(&reference.pipeline)?;
    let execution = pipeline.execution_mut(&reference.execution)?;
    let action = execution.action_mut(&reference.action)?;
    (action.status == ActionStatus::InProgress).then(|| (pipeline, reference.execution.clone()))
}

/// Completes an action: its artifacts and variables can be used from now on.
pub(super) fn succeed_action(
    execution: &mut Execution,
    id: &str,
    variables: BTreeMap<String, String>,
    turn: &Turn<'_>,
) {
    let Some(action) = execution.action_mut(id) else {
        return;
    };
    action.status = ActionStatus::Succeeded;
    action.updated = turn.now;
    action.variables.clone_from(&variables);
    let namespace = action.declaration.namespace.clone();
    let outputs = action.outputs.clone();
    for output in outputs {
        execution.artifacts.insert(output.name.clone(), output);
    }
    if let Some(namespace) = namespace {
        execution.outputs.insert(namespace, variables);
    }
}

/// Fails an action with a code and a message.
pub(super) fn fail_action(action: &mut ActionExecution, error: (String, String), turn: &Turn<'_>) {
    let (code, why) = &error;
    let name = &action.declaration.name;
    tracing::info!(action = name, code, why, "action failed");
    action.status = ActionStatus::Failed;
    action.updated = turn.now;
    action.error = Some(error);
}

/// Fills a link template of an action type.
pub(crate) fn link(template: &str, action: &ActionExecution) -> Option<String> {
    let mut url = template.to_owned();
    if url.contains("{ExternalExecutionId}") {
        url = url.replace("{ExternalExecutionId}", action.external_id.as_deref()?);
    }
    for (name, value) in &action.resolved {
        url = url.replace(&format!("{{Config:{name}}}"), value);
    }
    Some(url)
}

/// The link to an action's run in its own system, once that is known.
pub(super) fn execution_url(action: &ActionExecution, known: &ActionType) -> Option<String> {
    action.external_id.as_ref()?;
    link(known.settings.execution_url_template.as_deref()?, action)
}
