//! How a task goes on: what a worker does next, from what it has just learned.

use bluestage::release::attempt::Attempt;
use bluestage::release::{Green, Refusal, RunId, RunOutcome, Stage, State, VersionId, VersionRef};

use super::flip::{after_flip, change_stack};
use super::scenario::Scenario;
use super::task::{Flip, Job, Step, Task, Then, Unsure, of, try_change};
use super::world::{At, World};

/// How a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum How {
    Well,
    /// The tests fail.
    Fails,
    /// The write lands, and its answer says conflict.
    AnswerLost,
    /// S3 says conflict (409, 412) without a reason.
    Conflict,
    /// The worker has read, and stops for as long as it likes before it writes.
    Stall,
}

/// Where an action begins, from the document alone: any worker can take it up.
pub(super) fn entry(scenario: &Scenario, world: &World, (execution, at): (usize, At)) -> Option<Step> {
    let stage = world.stage();
    let plan = &scenario.executions[execution];
    let made = stage.made_by(&plan.service(), &scenario.execution_id(execution));
    let version = made.map(|version| (of(&plan.service(), &version.id), version));
    match at {
        At::DeployBlue => Some(Step::BeginBlue),
        At::RunTests => version.map(|(of, version)| match &version.run {
            None => Step::StartRun(of, 1),
            Some(run) => resumed(&of, number_of(&of, &run.id), run.outcome),
        }),
        At::Promote => version.map(|(of, _)| Step::LookAtStack(of)),
        At::Succeeded | At::Failed => None,
    }
}

fn resumed(of: &VersionRef, number: u32, outcome: RunOutcome) -> Step {
    match outcome {
        RunOutcome::Running => Step::Testing(of.clone(), number),
        RunOutcome::Passed => Step::Conclude(of.clone(), number, true),
        RunOutcome::Failed => Step::Conclude(of.clone(), number, false),
        RunOutcome::Invalid => Step::StartRun(of.clone(), number + 1),
    }
}

fn number_of(of: &VersionRef, run: &RunId) -> u32 {
    let numbers = 1..10;
    numbers.into_iter().find(|number| super::task::run_id(of, *number) == *run).unwrap_or(1)
}

/// Plays one step of a worker's task. `None` when the step cannot go like this.
pub(super) fn play(scenario: &Scenario, world: &mut World, (worker, how): (usize, How)) -> Option<()> {
    let task = world.workers[worker].clone()?;
    let then = if task.step.is_write() {
        change(scenario, world, (worker, how, &task))?
    } else {
        effect(scenario, world, (&task, how))?
    };
    match then {
        Then::Next(step) => {
            world.workers[worker] = Some(Task { job: task.job, step, held: None, unsure: None });
        }
        Then::Answer(well) => {
            world.workers[worker] = None;
            answer(world, task.job, well);
        }
        Then::Later => world.workers[worker] = None,
        Then::Wait => {}
    }
    Some(())
}

/// Only the first answer to an action counts.
fn answer(world: &mut World, job: Job, well: bool) {
    let Job::Action(execution, at) = job else {
        return;
    };
    if world.executions[execution] == at {
        world.executions[execution] = match (at, well) {
            (_, false) => At::Failed,
            (At::DeployBlue, true) => At::RunTests,
            (At::RunTests, true) => At::Promote,
            (_, true) => At::Succeeded,
        };
    }
}

/// The worker has read, and goes on whenever it likes.
fn stall(world: &mut World, worker: usize) -> Option<Then> {
    let held = Some(world.document.clone());
    let task = world.workers[worker].as_mut()?;
    task.held.is_none().then(|| {
        task.held = held;
        Then::Wait
    })
}

/// Read, decide, write: as `update()` does it.
fn change(scenario: &Scenario, world: &mut World, (worker, how, task): (usize, How, &Task)) -> Option<Then> {
    if how == How::Stall {
        return stall(world, worker);
    }
    let read = task.held.clone().unwrap_or_else(|| world.document.clone());
    let (write_id, tried) = try_change((scenario, world), task, ((*read.stage).clone(), worker));
    let (after, answer) = match tried {
        Ok(Attempt::Settled(stage, answer)) if how == How::Well => {
            return Some(next(scenario, &stage, (task, Ok(answer))));
        }
        Err(refusal) if how == How::Well => {
            return Some(next(scenario, &read.stage, (task, Err(refusal))));
        }
        Ok(Attempt::Write(after, answer)) => (after, answer),
        Ok(Attempt::Settled(..)) | Err(_) => return None,
    };
    let lands = how != How::Conflict && read.etag == world.document.etag;
    if how == How::AnswerLost && !lands {
        return None;
    }
    let landed = task.unsure.as_ref().is_some_and(|unsure| unsure.landed);
    if lands {
        if landed && matches!(task.step, Step::FinishPromotion(_) | Step::SwitchBack(..)) {
            world.broke("P12: nothing is promoted or switched back to twice");
        }
        world.store(scenario, (after.clone(), &task.step));
    }
    if how == How::Well && lands {
        return Some(next(scenario, &after, (task, Ok(answer))));
    }
    world.workers[worker] =
        Some(Task { held: None, unsure: Some(Unsure { write_id, answer, landed: landed || lands }), ..task.clone() });
    Some(Then::Wait)
}

/// What follows a change that was made, or refused.
fn next(scenario: &Scenario, stage: &Stage, (task, result): (&Task, Result<Option<VersionId>, Refusal>)) -> Then {
    let refused = match result {
        Ok(answer) => return made(scenario, stage, (task, answer)),
        Err(refusal) => refusal,
    };
    let is_action = matches!(task.job, Job::Action(..));
    match (&task.step, refused) {
        _ if !is_action => Then::Later,
        (Step::BeginBlue, Refusal::NotLiveYet { .. } | Refusal::Barred { .. })
        | (Step::BeginPromotion(..) | Step::FinishPromotion(_), Refusal::Reserved { .. })
        | (Step::RaiseBarrier(_), Refusal::Barred { .. }) => Then::Later,
        (Step::BeginPromotion(..) | Step::FinishPromotion(_), Refusal::Skewed { of, .. }) => {
            Then::Next(Step::NoteLoss(of))
        }
        (Step::Intend(Some(of), _) | Step::FinishPromotion(of), _) => Then::Next(Step::LowerBarrier(of.clone())),
        _ => Then::Answer(false),
    }
}

fn made(scenario: &Scenario, stage: &Stage, (task, answer): (&Task, Option<VersionId>)) -> Then {
    match task.step.clone() {
        Step::BeginBlue => match (task.job, answer) {
            (Job::Action(execution, _), Some(id)) => {
                Then::Next(Step::MakeStack(of(&scenario.executions[execution].service(), &id)))
            }
            _ => Then::Later,
        },
        Step::BlueReady(..) | Step::FinishPromotion(_) => Then::Answer(true),
        Step::StartRun(of, number) => Then::Next(Step::Testing(of, number)),
        Step::Conclude(of, number, _) => concluded(stage, &of, number),
        Step::BeginPromotion(of, _) => Then::Next(match stage.version(&of) {
            Some(version) if version.green.is_some() && version.state == State::Promoting => Step::RaiseBarrier(of),
            _ => Step::FinishPromotion(of),
        }),
        Step::NoteLoss(of) => Then::Next(Step::LowerBarrier(of)),
        Step::RaiseBarrier(of) => Then::Next(Step::Drain(of)),
        Step::Intend(by, flip) => intended(stage, by, flip),
        Step::Settle(by, _) => after_flip(stage, by),
        Step::Retire(of) => match stage.version(&of) {
            Some(version) => Then::Next(Step::DeleteStack(of, version.stack.id.clone(), version.stack.name.clone())),
            None => Then::Later,
        },
        Step::LowerBarrier(_) => Then::Answer(false),
        _ => Then::Later,
    }
}

/// The intent is noted: the stack is changed, unless that was done before.
fn intended(stage: &Stage, by: Option<VersionRef>, flip: Flip) -> Then {
    let version = stage.version(&flip.of);
    match version.map(|version| (version.green, &version.stack)) {
        Some((Some(Green::TurningOn | Green::TurningOff), stack)) => {
            let changed_before = stack.changed_at.clone();
            Then::Next(Step::Change(by, Flip { changed_before, ..flip }))
        }
        _ => after_flip(stage, by),
    }
}

fn concluded(stage: &Stage, of: &VersionRef, number: u32) -> Then {
    match stage.version(of).and_then(|version| version.run.as_ref()).map(|run| run.outcome) {
        Some(RunOutcome::Passed) => Then::Answer(true),
        Some(RunOutcome::Invalid) if number < 3 => Then::Next(Step::StartRun(of.clone(), number + 1)),
        _ => Then::Answer(false),
    }
}

/// A step that changes no document.
fn effect(scenario: &Scenario, world: &mut World, (task, how): (&Task, How)) -> Option<Then> {
    match (&task.step, how) {
        (Step::Testing(of, number), How::Well) => Some(Then::Next(Step::Conclude(of.clone(), *number, true))),
        (Step::Testing(of, number), How::Fails) => Some(Then::Next(Step::Conclude(of.clone(), *number, false))),
        // The worker that ran the tests has died: they are run again, by another name.
        (Step::Testing(of, number), How::Stall) if *number < 2 => {
            Some(Then::Next(Step::StartRun(of.clone(), number + 1)))
        }
        (_, How::Well) => quiet_effect(scenario, world, &task.step),
        _ => None,
    }
}

fn quiet_effect(scenario: &Scenario, world: &mut World, step: &Step) -> Option<Then> {
    Some(match step.clone() {
        Step::MakeStack(of) => {
            // The worker remembers the name from the change that began the version, which may be gone by now.
            let name = format!("{}-{}-{}", world.stage().name, of.service, of.version);
            let id = world.make_stack(&of, &name);
            Then::Next(Step::BlueReady(of, id))
        }
        Step::LookAtStack(of) => {
            let seen = world.stack_of(&of).map(|(id, stack)| (id.clone(), stack.updates));
            Then::Next(Step::BeginPromotion(of, seen.unwrap_or_default()))
        }
        Step::Drain(of) => match world.stage().holders(&of).is_empty() {
            true => after_flip(world.stage(), Some(of)),
            false => Then::Later,
        },
        Step::Prepare(by, flip) => {
            let made_at = world.stack_of(&flip.of).map_or(0, |(_, stack)| stack.updates);
            Then::Next(Step::Intend(by, Flip { made_at, ..flip }))
        }
        Step::Change(by, flip) => change_stack(world, (by, flip), scenario.fences),
        Step::DeleteStack(of, id, name) => {
            world.delete_stack(id.as_deref(), &name);
            Then::Next(Step::Forget(of))
        }
        Step::Orphans(listed) => {
            delete_orphans(world, listed);
            Then::Later
        }
        _ => return None,
    })
}

/// The document is read after the stacks were listed: whatever is in it by then is nobody's orphan.
fn delete_orphans(world: &mut World, listed: Vec<String>) {
    let known = world.document.stage.clone();
    for id in listed {
        let name = world.stacks[&id].name.clone();
        if !known.all_versions().any(|(_, version)| version.stack.name == name) {
            world.delete_stack(Some(&id), &name);
        }
    }
}
