//! An execution begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Turn;
use super::events;
use super::execution::{Execution, ExecutionStatus, StageRun, StageStatus, Trigger};
use super::pipelines::not_found;
use super::state::State;
use super::tracked::Tracked;
use crate::local::definition::{ActionDeclaration, PipelineDeclaration, Provider};
use crate::local::error::{Answer, ErrorKind};

/// At most this many executions of one pipeline run at once in PARALLEL and QUEUED mode (AWS quotas page).
const MOST_CONCURRENT: usize = 50;

/// What is asked of a new execution.
pub(crate) struct StartRequest {
    pub(crate) pipeline: String,
    pub(crate) trigger: Trigger,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) client_token: Option<String>,
    pub(crate) overrides: Vec<SourceOverride>,
}

/// A source revision that is to be taken instead of the newest.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceOverride {
    pub(crate) action_name: String,
    pub(crate) revision_type: String,
    pub(crate) revision_value: String,
}

impl StartRequest {
    /// A start with nothing special, by a trigger of the API's list.
    pub(crate) fn by(trigger_type: &str, pipeline: &str) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            trigger: Trigger { trigger_type: trigger_type.to_owned(), trigger_detail: String::new() },
            variables: BTreeMap::new(),
            client_token: None,
            overrides: Vec::new(),
        }
    }
}

/// Starts an execution and returns its id; the same client token always gives the same execution.
pub(crate) fn start(state: &mut State, request: StartRequest, turn: &Turn<'_>) -> Answer<String> {
    let Some(pipeline) = state.pipelines.get_mut(&request.pipeline) else {
        return Err(not_found(&request.pipeline, turn));
    };
    let same = |token: &String| pipeline.executions.iter().find(|known| known.client_token.as_ref() == Some(token));
    if let Some(known) = request.client_token.as_ref().and_then(same) {
        return Ok(known.id.clone());
    }
    let declaration = pipeline.declaration();
    if pipeline.executions.iter().filter(|e| e.is_active()).count() >= MOST_CONCURRENT {
        let message = format!("Pipeline '{}' has {MOST_CONCURRENT} executions in progress", request.pipeline);
        return Err(ErrorKind::ConcurrentPipelineExecutionsLimitExceeded.because(message));
    }
    check_overrides(&request.overrides, &declaration)?;
    let variables = variables(&request, &declaration)?;
    let id = turn.dice.uuid();
    let name = request.pipeline.clone();
    let execution = blank(id.clone(), (declaration, variables), request, turn);
    tracing::info!(pipeline = name, execution = id, "execution started");
    events::tell_execution(&execution, "STARTED", turn);
    pipeline.executions.push(Tracked::new(execution));
    Ok(id)
}

/// An execution that waits before its first pipeline stage.
fn blank(
    id: String,
    (declaration, variables): (Arc<PipelineDeclaration>, BTreeMap<String, String>),
    request: StartRequest,
    turn: &Turn<'_>,
) -> Execution {
    let ahead = declaration.stages.iter().map(|_| StageRun::default());
    let mut stages: Vec<StageRun> = ahead.collect();
    stages[0].status = StageStatus::Waiting;
    Execution {
        id,
        version: declaration.version,
        declaration,
        status: ExecutionStatus::InProgress,
        status_summary: None,
        trigger: request.trigger,
        client_token: request.client_token,
        variables,
        overrides: request.overrides,
        started: turn.now,
        updated: turn.now,
        stop: None,
        rollback_of: None,
        stages,
        at: 0,
        actions: Vec::new(),
        artifacts: BTreeMap::new(),
        outputs: BTreeMap::new(),
        source_revisions: Vec::new(),
    }
}

fn variables(request: &StartRequest, declaration: &PipelineDeclaration) -> Answer<BTreeMap<String, String>> {
    let declared = &declaration.variables;
    let unknown = request.variables.keys().find(|name| !declared.iter().any(|d| d.name == **name));
    if let Some(name) = unknown {
        let message = format!("Pipeline '{}' does not declare a variable '{name}'", request.pipeline);
        return Err(ErrorKind::Validation.because(message));
    }
    let mut values = BTreeMap::new();
    for variable in declared {
        let given = request.variables.get(&variable.name).or(variable.default_value.as_ref());
        let Some(value) = given else {
            let message =
                format!("Variable '{}' has no default value and must be given to start the pipeline", variable.name);
            return Err(ErrorKind::Validation.because(message));
        };
        values.insert(variable.name.clone(), value.clone());
    }
    Ok(values)
}

fn check_overrides(overrides: &[SourceOverride], declaration: &PipelineDeclaration) -> Answer<()> {
    for wanted in overrides {
        let name = &wanted.action_name;
        let known = declaration
            .actions()
            .map(|(_, action)| action)
            .find(|action| action.name == *name && Provider::of(&action.action_type_id) == Some(Provider::S3));
        let message = match (known, wanted.revision_type.as_str()) {
            (None, _) => {
                format!("sourceRevisions names the action '{name}', which is not an S3 source of the pipeline")
            }
            (Some(_), "S3_OBJECT_VERSION_ID") => continue,
            (Some(action), "S3_OBJECT_KEY") if allows_other_key(action) => continue,
            (Some(_), "S3_OBJECT_KEY") => format!(
                "The source action '{name}' takes another object key only with AllowOverrideForS3ObjectKey set to true"
            ),
            (Some(_), other) => {
                format!("The S3 source action '{name}' has no revisions of type {other}")
            }
        };
        return Err(ErrorKind::Validation.because(message));
    }
    Ok(())
}

fn allows_other_key(action: &ActionDeclaration) -> bool {
    let allowed = action.configuration.get("AllowOverrideForS3ObjectKey");
    allowed.is_some_and(|value| value == "true")
}
