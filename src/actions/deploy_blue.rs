//! deploy-blue: this pipeline execution gets its own stack beside the live one.
//!
//! The version, its view and so its pins are written before anything is created. The stack's name and the request
//! token follow from the action execution, so that after a crash any worker attaches to what is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::properties::DeployBlue;
use super::removal::{FIRST_LOOK, LONGEST_LOOK, NOTHING_MADE_YET, Removed};
use super::resolve::Sources;
use super::retire::retire;
use super::stop::Stop;
use super::template::{Ingredients, gather};
use super::values::wired_to;
use super::workspace::Workspace;
use super::{Standing, Turn, messages, tags};
use crate::ports::{Deletion, Done, ReadyStack, StackSpec, StackState, Text, Verdict};
use crate::release::{
    BlueReady, BlueRequest, Execution, Refusal, StackRef, Stage, StageName, State, Version, VersionId, VersionRef,
};

/// How long a version may take from its beginning to going live before it is given up and its pins end: longer than
/// a day's approval, shorter than anybody would miss.
const VERSION_LIFETIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The version that this action execution makes.
struct Blue {
    of: VersionRef,
    stack: StackRef,
    /// How to make the stack, while its making has not begun.
    spec: Option<StackSpec>,
}

/// One turn of the action.
pub(super) async fn play(turn: &mut Turn<'_>) -> Result<Verdict, Stop> {
    let properties = DeployBlue::of(turn.job)?;
    let blue = match &turn.carried.stack_id {
        Some(id) => {
            let blue = begun(turn, &properties).await?;
            if !is_of(id, &blue.stack) {
                return Err(Stop::UnreadableToken);
            }
            blue
        }
        None => match begin(turn, &properties).await? {
            Ok(blue) => blue,
            Err(not_live_yet) => {
                return turn.go_on(&turn.job.pipeline.action, messages::waiting_for_dependency(&not_live_yet));
            }
        },
    };
    turn.is_about(&blue.of);
    let because = match watch(turn, &properties.stage, &blue).await? {
        StackState::Ready(ready) => return finish(turn, &properties, (&blue.of, ready)).await,
        StackState::InProgress { id, doing } => {
            return turn.go_on(&id, messages::stack_in_progress(&blue.of, &doing));
        }
        StackState::Failed { because, .. } => because,
        StackState::Absent => messages::deleted_from_outside(&blue.stack.name),
    };
    Err(Stop::StackFailed { stack: blue.stack.name, because })
}

/// Gives the version up and takes away whatever of its stack there is.
pub(super) async fn give_up(turn: &mut Turn<'_>, stop: &Stop) {
    let Ok(properties) = DeployBlue::of(turn.job) else {
        return;
    };
    let Blue { of, stack, .. } = match begun(turn, &properties).await {
        Ok(blue) => blue,
        Err(stop) => {
            turn.standing = match stop {
                Stop::Refused(Refusal::NothingDeployed { .. }) => Standing::Untouched,
                _ => Standing::Unknown,
            };
            return;
        }
    };
    let (at, why) = (turn.now(), messages::why_abandoned(stop));
    let given_up = turn.update(&properties.stage, |stage| stage.abandon(&of, &why, at)).await;
    let nothing_made =
        turn.carried.stack_id.is_none() && matches!(turn.ports.stacks.read(&stack).await, Ok(StackState::Absent));
    let removed = match given_up {
        Ok(_) => retire((turn.ports, &properties.stage), &of, Deletion::Whole, turn.hold).await,
        Err(stop) => Err(stop),
    };
    let stack = stack.name;
    turn.standing = match removed {
        Ok(Removed::Gone) if nothing_made => Standing::Untouched,
        Ok(Removed::Gone | Removed::Forced(_)) => Standing::Removed(stack),
        Ok(Removed::Going | Removed::Stuck(_)) => Standing::BeingRemoved(stack),
        Err(stop) => {
            tracing::warn!(?stop, "could not take the stack away; the sweep will");
            Standing::BeingRemoved(stack)
        }
    };
}

/// Begins the version, and says how its stack is to be made; or says which dependency is not live yet, but on its way.
async fn begin(turn: &Turn<'_>, properties: &DeployBlue) -> Result<Result<Blue, Refusal>, Stop> {
    let mut workspace = Workspace::new(turn.ports, turn.job)?;
    let ingredients = gather(turn.ports, &mut workspace, properties).await?;
    let (stage, of) = match begin_version(turn, properties, &ingredients).await? {
        Ok(begun) => begun,
        Err(not_live_yet) => return Ok(Err(not_live_yet)),
    };
    let version = stage.version(&of).ok_or_else(|| nothing_deployed(properties))?;
    let sources = Sources { property: "ParameterOverrides", stage: &stage, version };
    let mut spec = spec_of(turn, properties, version);
    for (name, value) in &ingredients.parameters {
        let text = sources.text(&mut workspace, name, value).await?;
        spec.parameters.insert(name.clone(), text);
    }
    spec.template = ingredients.template;
    spec.tags.extend(ingredients.tags);
    Ok(Ok(Blue { of, stack: version.stack.clone(), spec: Some(spec) }))
}

/// Writes the version into the stage document. Services are often released into a new stage together, so a dependency
/// that nobody knows is given this one hold to appear, and one that is on its way is waited for.
async fn begin_version(
    turn: &Turn<'_>,
    properties: &DeployBlue,
    ingredients: &Ingredients,
) -> Result<Result<(Stage, VersionRef), Refusal>, Stop> {
    let request = BlueRequest {
        service: properties.service.clone(),
        execution: turn.job.pipeline.execution.clone(),
        wired_to: wired_to(ingredients.parameters.values()),
        depends_on: properties.depends_on.clone(),
        declares_green: ingredients.declares_green,
        most_versions: turn.limits.most_versions,
        revision: revision_of(turn),
        template_digest: ingredients.digest.clone(),
        at: turn.now(),
        expires_at: turn.now() + VERSION_LIFETIME.as_secs(),
    };
    loop {
        match turn.update(&properties.stage, |stage| stage.begin_blue(&request)).await {
            Ok((stage, version)) => return Ok(Ok((stage, of(properties, version)))),
            Err(Stop::Refused(refusal)) if may_pass(&refusal) => {
                let given_up = turn.update(&properties.stage, |stage| stage.give_up_older_attempts(&request));
                given_up.await?;
                if turn.hold.pause(turn.ports.dice.jittered(FIRST_LOOK)).await {
                    continue;
                }
                return if is_worth_waiting_for(&refusal) { Ok(Err(refusal)) } else { Err(refusal.into()) };
            }
            Err(stop) => return Err(stop),
        }
    }
}

/// Whether the refusal may be gone a little later.
fn may_pass(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownDependency { .. }
            | Refusal::NotLiveYet { .. }
            | Refusal::Barred { .. }
            | Refusal::StageFull { .. }
    )
}

/// Whether something is under way that will make the refusal go.
fn is_worth_waiting_for(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::NotLiveYet { on_their_way, .. } => !on_their_way.is_empty(),
        Refusal::Barred { .. } | Refusal::StageFull { .. } => true,
        _ => false,
    }
}

/// Whether the id that a token brought is of this version's stack: the id goes into the stage document, and what that
/// names is deleted some day. Stack names are never used twice, so the name in the id tells
/// (`arn:aws:cloudformation:…:stack/NAME/…`).
fn is_of(id: &str, stack: &StackRef) -> bool {
    match &stack.id {
        Some(known) => id == known,
        None => id.split('/').nth(1) == Some(&stack.name),
    }
}

/// Looks at the stack until it is ready or failed, or the job has been held long enough.
async fn watch(turn: &mut Turn<'_>, stage: &StageName, blue: &Blue) -> Result<StackState, Stop> {
    let is_first = turn.job.token.is_none();
    let wait = turn.ports.glances.wait();
    // Jobs that go on with it have waited for as long as the one before was held.
    let mut pause = if is_first { FIRST_LOOK } else { LONGEST_LOOK };
    loop {
        let state = match (&blue.spec, &turn.carried.stack_id) {
            (Some(spec), None) => turn.ports.stacks.ensure(spec).await?,
            (_, id) => {
                let known = StackRef { id: id.clone(), ..blue.stack.clone() };
                wait.look(turn.ports, &known).await?
            }
        };
        let StackState::InProgress { id, doing } = &state else {
            return Ok(state);
        };
        let being_made = doing != NOTHING_MADE_YET;
        if being_made {
            turn.carried.stack_id = Some(id.clone());
        }
        // The console gets the link to the stack as soon as there is one.
        if (is_first && being_made) || !turn.hold.pause(turn.ports.dice.jittered(pause)).await {
            return Ok(state);
        }
        pause = (pause * 2).min(LONGEST_LOOK);
        if !being_made {
            refuse_if_given_up(turn, stage, &blue.of).await?;
        }
    }
}

/// A change set takes a while, in which somebody may have given the version up and taken everything of it away: a stack
/// that is made after that would be nobody's.
async fn refuse_if_given_up(turn: &Turn<'_>, stage: &StageName, of: &VersionRef) -> Result<(), Stop> {
    let stage = turn.read(stage).await?;
    match stage.version(of).map(|version| version.state) {
        None | Some(State::Abandoned | State::Retiring) => {
            Err(stage.absence_of(&of.service, &turn.job.pipeline.execution.execution_id).into())
        }
        Some(_) => Ok(()),
    }
}

async fn finish(
    turn: &Turn<'_>,
    properties: &DeployBlue,
    (of, ready): (&VersionRef, ReadyStack),
) -> Result<Verdict, Stop> {
    let ready = BlueReady { stack_id: ready.id, changed_at: ready.changed_at, outputs: ready.outputs, at: turn.now() };
    let (stage, ()) = turn.update(&properties.stage, |stage| stage.blue_ready(of, &ready)).await?;
    let version = stage.version(of).ok_or_else(|| nothing_deployed(properties))?;
    let mut variables: BTreeMap<String, String> = version.outputs.clone();
    variables.insert("StackName".to_owned(), version.stack.name.clone());
    variables.insert("StackId".to_owned(), ready.stack_id.clone());
    variables.insert("Version".to_owned(), version.id.to_string());
    Ok(Verdict::Done(Done {
        external_id: Text::cut(ready.stack_id),
        summary: Text::cut(messages::deployed(&stage.name, of, version)),
        variables,
    }))
}

/// The version that this action execution has begun.
async fn begun(turn: &Turn<'_>, properties: &DeployBlue) -> Result<Blue, Stop> {
    let stage = turn.read(&properties.stage).await?;
    let Execution { action_execution_id, execution_id, .. } = &turn.job.pipeline.execution;
    let mut versions = stage.versions_of(&properties.service);
    let found = versions.find(|(_, version)| version.execution.action_execution_id == *action_execution_id);
    let (of, version) = found.ok_or_else(|| stage.absence_of(&properties.service, execution_id))?;
    Ok(Blue { of, stack: version.stack.clone(), spec: None })
}

fn spec_of(turn: &Turn<'_>, properties: &DeployBlue, version: &Version) -> StackSpec {
    let execution = &turn.job.pipeline.execution;
    let of = VersionRef { service: properties.service.clone(), version: version.id.clone() };
    StackSpec {
        stack: version.stack.clone(),
        stage: properties.stage.clone(),
        template: String::new(),
        parameters: BTreeMap::new(),
        tags: tags::of(turn, &properties.stage, &of),
        capabilities: properties.capabilities.clone(),
        role_arn: properties.role_arn.clone(),
        request_token: format!("bluestage-{}", execution.action_execution_id),
    }
}

/// The revision of the artifact that the template comes from.
fn revision_of(turn: &Turn<'_>) -> Option<String> {
    turn.job.inputs.first()?.revision.clone()
}

fn of(properties: &DeployBlue, version: VersionId) -> VersionRef {
    VersionRef { service: properties.service.clone(), version }
}

fn nothing_deployed(properties: &DeployBlue) -> Stop {
    Stop::Refused(Refusal::NothingDeployed { service: properties.service.clone() })
}
