//! An action begins and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::errand::{Errand, errand};
use super::execution::{ActionExecution, ActionStatus, Artifact, Execution};
use super::state::{ActionRef, Job, JobStatus, Jobs};
use super::{Turn, events, variables};
use crate::local::definition::{ActionDeclaration, ActionType, ArtifactStore, Provider, RegisteredTypes};
use crate::local::objects::ObjectKey;

/// After which time an approval that nobody gives is refused (AWS quotas page).
const APPROVAL: Duration = Duration::from_hours(7 * 24);
/// After which time a CloudFormation action fails (AWS quotas page).
const STACK: Duration = Duration::from_hours(3 * 24);
/// After which time a CodeBuild action fails (AWS quotas page).
const BUILD: Duration = Duration::from_hours(8);
/// After which time a Lambda action fails that nobody reports (AWS quotas page).
const FUNCTION: Duration = Duration::from_mins(20);

/// What starting an action needs besides its execution.
pub(super) struct Desk<'a> {
    pub(super) jobs: &'a mut Jobs,
    pub(super) errands: &'a mut Vec<Errand>,
    pub(super) types: &'a RegisteredTypes,
    /// Pipeline stages that are to be rolled back: the execution that failed there, and which of its stages it was.
    pub(super) rollbacks: Vec<(String, usize)>,
    pub(super) turn: &'a Turn<'a>,
}

/// Starts an action: an errand, a job or a question to a person; or a failure when its configuration cannot be resolved.
pub(super) fn start_action(execution: &mut Execution, declaration: &ActionDeclaration, desk: &mut Desk<'_>) {
    let mut action = blank(execution, declaration, desk.turn);
    let region = &desk.turn.settings.region;
    let store = execution.declaration.store(region).cloned();
    let begun = match (variables::resolve(&declaration.configuration, execution), store) {
        (Ok(resolved), Some(store)) => {
            action.resolved = resolved;
            action.outputs = allot(execution, declaration, &store.location, desk.turn);
            Ok(store)
        }
        (Err(why), _) => Err(why),
        (_, None) => Err(format!("The pipeline has no artifact store in region {region}")),
    };
    let (index, id) = (execution.actions.len(), action.id.clone());
    events::tell_action(execution, &action, "STARTED", desk.turn);
    execution.actions.push(action);
    execution.run_mut().current.insert(declaration.name.clone(), index);
    match begun {
        Ok(store) => begin_work(execution, index, &store, desk),
        Err(why) => fail_action(execution, &id, ("ConfigurationError".to_owned(), why), desk.turn),
    }
}

fn blank(execution: &Execution, declaration: &ActionDeclaration, turn: &Turn<'_>) -> ActionExecution {
    let inputs = declaration.input_artifacts.iter();
    let provider = Provider::of(&declaration.action_type_id);
    ActionExecution {
        id: turn.dice.uuid(),
        stage: execution.stage().name.clone(),
        name: declaration.name.clone(),
        declaration: declaration.clone(),
        status: ActionStatus::InProgress,
        started: turn.now,
        updated: turn.now,
        deadline: turn.elapsed + patience(provider, declaration, turn),
        resolved: BTreeMap::new(),
        inputs: inputs.filter_map(|input| execution.artifacts.get(&input.name).cloned()).collect(),
        outputs: Vec::new(),
        variables: BTreeMap::new(),
        token: (provider == Some(Provider::Approval)).then(|| turn.dice.uuid()),
        external_id: None,
        external_url: None,
        summary: None,
        percent: None,
        error: None,
    }
}

/// How long an action may take. Only that of custom actions is a setting: AWS's pages disagree about it.
fn patience(provider: Option<Provider>, declaration: &ActionDeclaration, turn: &Turn<'_>) -> Duration {
    match provider {
        None => turn.settings.action_timeout,
        Some(Provider::Approval) => {
            let declared = declaration.timeout_in_minutes.map(|minutes| Duration::from_mins(minutes.into()));
            declared.unwrap_or(APPROVAL)
        }
        Some(Provider::CloudFormation) => STACK,
        Some(Provider::CodeBuild) => BUILD,
        Some(Provider::Lambda) => FUNCTION,
        // Not in the quotas; a copy on this machine takes seconds.
        Some(Provider::S3 | Provider::LocalDirectory) => Duration::from_hours(1),
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

fn begin_work(execution: &Execution, index: usize, store: &ArtifactStore, desk: &mut Desk<'_>) {
    let action = &execution.actions[index];
    let id = &action.declaration.action_type_id;
    let job = |desk: &Desk<'_>| Job {
        id: desk.turn.dice.uuid(),
        action: ActionRef {
            pipeline: execution.declaration.name.clone(),
            execution: execution.id.clone(),
            action: action.id.clone(),
        },
        type_id: id.clone(),
        status: JobStatus::Queued,
        nonce: 0,
        due: desk.turn.elapsed,
        deadline: job_deadline(desk.types, action, desk.turn.elapsed),
        continuation: None,
        encryption_key: store.encryption_key.clone(),
        number: 0,
    };
    match Provider::of(id) {
        None => {
            let job = job(desk);
            desk.jobs.add(job);
        }
        Some(Provider::Approval) => (),
        Some(Provider::Lambda) => {
            let job = job(desk);
            let invocation =
                Errand { job: Some(job.id.clone()), ..errand(execution, action, Provider::Lambda, desk.turn) };
            desk.jobs.add(job);
            desk.errands.push(invocation);
        }
        Some(provider) => desk.errands.push(errand(execution, action, provider, desk.turn)),
    }
}

/// When a job that begins now times out by itself: only a third party's action type says so.
pub(super) fn job_deadline(types: &RegisteredTypes, action: &ActionExecution, now: Duration) -> Option<Duration> {
    let declared = types.third_party(&action.declaration.action_type_id)?;
    declared.job_timeout.map(|seconds| now + Duration::from_secs(seconds))
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
    tell(execution, id, "SUCCEEDED", turn);
}

/// Fails an action with a code and a message.
pub(super) fn fail_action(execution: &mut Execution, id: &str, error: (String, String), turn: &Turn<'_>) {
    let Some(action) = execution.action_mut(id) else {
        return;
    };
    let (code, why) = &error;
    let name = &action.name;
    tracing::info!(action = name, code, why, "action failed");
    action.status = ActionStatus::Failed;
    action.updated = turn.now;
    action.error = Some(error);
    tell(execution, id, "FAILED", turn);
}

fn tell(execution: &Execution, id: &str, state: &str, turn: &Turn<'_>) {
    if let Some(action) = execution.action(id) {
        events::tell_action(execution, action, state, turn);
    }
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
