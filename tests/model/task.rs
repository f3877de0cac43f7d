//! What a worker is doing: the actions and the sweep as sequences of single effects, each of which may be the last.
//!
//! Every change of the document goes through the shipping [`attempt`] and a shipping transition. What stands between
//! them in `actions/` is mirrored here in a line or two for each step; `tests/simulation.rs` plays the real actions.

use bluestage::release::attempt::{Attempt, attempt};
use bluestage::release::{
    BlueReady, Outputs, Promotion, Refusal, RunId, SeenStacks, ServiceName, StackSeen, Stage, SwitchBack, Turned,
    VersionId, VersionRef,
};

use super::scenario::Scenario;
use super::world::{At, Document, LATE, World};

/// What a worker was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Job {
    /// The action at which this execution is.
    Action(usize, At),
    /// A pass of the sweep over one version or one service.
    Sweep,
    /// A switch back that somebody asked for.
    SwitchBack,
}

/// A stack gets `GreenDeployment` set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flip {
    pub(super) of: VersionRef,
    pub(super) on: bool,
    /// How often the stack had been updated when the change set was made: it is refused after another update.
    pub(super) made_at: u8,
    /// When the stack had last been changed, as the document told when the intent was noted.
    pub(super) changed_before: Option<String>,
}

/// The next effect of a task, with what the worker remembers for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    BeginBlue,
    MakeStack(VersionRef),
    BlueReady(VersionRef, String),
    StartRun(VersionRef, u32),
    /// The tests run; the number of the run.
    Testing(VersionRef, u32),
    Conclude(VersionRef, u32, bool),
    LookAtStack(VersionRef),
    BeginPromotion(VersionRef, (String, u8)),
    NoteLoss(VersionRef),
    RaiseBarrier(VersionRef),
    Drain(VersionRef),
    /// A change set is made; the version that is being promoted, or none.
    Prepare(Option<VersionRef>, Flip),
    Intend(Option<VersionRef>, Flip),
    Change(Option<VersionRef>, Flip),
    Settle(Option<VersionRef>, Flip),
    FinishPromotion(VersionRef),
    LowerBarrier(VersionRef),
    Abandon(VersionRef),
    Retire(VersionRef),
    DeleteStack(VersionRef, Option<String>, String),
    Forget(VersionRef),
    /// The sweep has listed these stacks, and reads the document next.
    Orphans(Vec<String>),
    /// Of this service, to this version, away from the version that was live when it was asked for.
    SwitchBack(ServiceName, VersionId, Option<VersionId>),
}

/// A worker's task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) job: Job,
    pub(super) step: Step,
    /// What a stalled worker has read and will write on.
    pub(super) held: Option<Document>,
    /// A write whose answer said conflict, true or not.
    pub(super) unsure: Option<Unsure>,
}

/// A write of which the worker does not know whether it landed.
#[derive(Clone, Debug)]
pub(super) struct Unsure {
    pub(super) write_id: String,
    pub(super) answer: Option<VersionId>,
    /// Whether it did.
    pub(super) landed: bool,
}

/// What comes after a step.
pub(super) enum Then {
    Next(Step),
    /// The job is answered: done, or failed.
    Answer(bool),
    /// The job goes back; it will come again.
    Later,
    /// The same step again, or another worker's turn: the task is as it was left.
    Wait,
}

pub(super) fn of(service: &ServiceName, version: &VersionId) -> VersionRef {
    VersionRef { service: service.clone(), version: version.clone() }
}

pub(super) fn run_id(of: &VersionRef, number: u32) -> RunId {
    RunId::new(&format!("{}{}", of.service, of.version), number)
}

impl Step {
    /// Whether the step is a change of the document.
    pub(super) fn is_write(&self) -> bool {
        !matches!(
            self,
            Self::MakeStack(_)
                | Self::Testing(..)
                | Self::LookAtStack(_)
                | Self::Drain(_)
                | Self::Prepare(..)
                | Self::Change(..)
                | Self::DeleteStack(..)
                | Self::Orphans(_)
        )
    }
}

/// The change that this step makes, by the shipping transition.
pub(super) fn transition(
    (scenario, world): (&Scenario, &World),
    task: &Task,
    stage: &mut Stage,
) -> Result<Option<VersionId>, Refusal> {
    let at = world.now;
    let terms = |of: &VersionRef| Promotion { on_skew: scenario.on_skew(of), keep: scenario.keep, at };
    let nothing = |(): ()| None;
    match &task.step {
        Step::BeginBlue => stage.begin_blue(&scenario.request(task.job, at)).map(Some),
        Step::BlueReady(of, id) => stage.blue_ready(of, &ready(of, id, at)).map(nothing),
        Step::StartRun(of, number) => {
            let seen = seen(world, stage, of);
            stage.run_started(of, &run_id(of, *number), &seen, at).map(nothing)
        }
        Step::Conclude(of, number, passed) => conclude(world, stage, (of, *number, *passed)).map(nothing),
        Step::BeginPromotion(of, (id, updates)) => {
            let changed_at = Some(updates.to_string());
            let id = id.clone();
            stage.begin_promotion(of, &StackSeen { id, changed_at }, terms(of)).map(nothing)
        }
        Step::NoteLoss(of) => stage.note_loss(of, at).map(nothing),
        Step::RaiseBarrier(of) => stage.raise_barrier(of, at + LATE, at).map(nothing),
        Step::Intend(_, flip) => stage.turn_green(&flip.of, flip.on).map(nothing),
        Step::Settle(_, flip) => settle(stage, flip, at).map(nothing),
        Step::FinishPromotion(of) => stage.finish_promotion(of, terms(of)).map(nothing),
        Step::LowerBarrier(of) => stage.lower_barrier(of, at).map(nothing),
        other => sweep_transition(stage, other, at).map(nothing),
    }
}

/// The changes that the sweep makes, and whoever switches back.
fn sweep_transition(stage: &mut Stage, step: &Step, at: u64) -> Result<(), Refusal> {
    match step {
        Step::Abandon(of) => stage.abandon(of, "it is over", at),
        Step::Retire(of) => stage.retire(of, at),
        Step::Forget(of) => stage.forget(of, at),
        Step::SwitchBack(service, to, away_from) => {
            stage.switch_back(&SwitchBack { away_from: away_from.clone(), ..switch(service, to, at) })
        }
        other => unreachable!("{other:?} changes no document"),
    }
}

fn settle(stage: &mut Stage, flip: &Flip, at: u64) -> Result<(), Refusal> {
    let turned = Turned {
        on: flip.on,
        changed_before: flip.changed_before.as_deref(),
        changed_at: Some(&flip.made_at.to_string()),
        at,
    };
    stage.turned_green(&flip.of, &turned)
}

fn ready(of: &VersionRef, id: &str, at: u64) -> BlueReady {
    BlueReady {
        stack_id: id.to_owned(),
        changed_at: Some("0".to_owned()),
        outputs: Outputs::from([("Url".to_owned(), format!("http://{}/{}", of.service, of.version))]),
        at,
    }
}

fn switch(service: &ServiceName, to: &VersionId, at: u64) -> SwitchBack {
    SwitchBack {
        service: service.clone(),
        to: to.clone(),
        away_from: None,
        who: "somebody".to_owned(),
        reason: "it is slow".to_owned(),
        strict: false,
        at,
    }
}

/// Every stack in reach of this version as it is now; what is not there has no time.
fn seen(world: &World, stage: &Stage, of: &VersionRef) -> SeenStacks {
    let mut reached = stage.closure_of(of);
    reached.insert(of.clone());
    let stacks = reached.iter().filter_map(|of| stage.version(of)?.stack.id.clone());
    let updates = |id: &String| world.find_stack(Some(id), "").map(|(_, stack)| stack.updates.to_string());
    stacks.map(|id| (id.clone(), updates(&id))).collect()
}

/// A run's end: it does not count when a stack that it could reach is not as it was.
fn conclude(world: &World, stage: &mut Stage, (of, number, passed): (&VersionRef, u32, bool)) -> Result<(), Refusal> {
    let run = run_id(of, number);
    let before = stage.version(of).and_then(|version| version.run.clone()).map(|run| run.seen);
    if before.is_some_and(|before| before != seen(world, stage, of)) {
        return stage.run_invalid(of, &run, world.now);
    }
    if passed { stage.run_passed(of, &run, world.now) } else { stage.run_failed(of, &run, world.now) }
}

/// Tries the task's change on `before`, under a write id that nobody else has.
pub(super) fn try_change(
    (scenario, world): (&Scenario, &World),
    task: &Task,
    (before, worker): (Stage, usize),
) -> (String, Result<Attempt<Option<VersionId>>, Refusal>) {
    let unsure = task.unsure.as_ref();
    let fresh = || format!("w{worker}-{}", before.seq);
    let write_id = unsure.map_or_else(fresh, |unsure| unsure.write_id.clone());
    let seemed_lost = unsure.map(|unsure| unsure.answer.clone());
    let tried = attempt(before, &write_id, seemed_lost, |stage| transition((scenario, world), task, stage));
    (write_id, tried)
}
