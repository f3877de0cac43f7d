//! What can happen next in a world, and the model that stateright walks through.

use bluestage::release::VersionRef;
use stateright::{Model, Property};

use super::flip::next_flip;
use super::rules;
use super::scenario::Scenario;
use super::story::{How, entry, play};
use super::task::{Job, Step, Task};
use super::world::{At, LATE, Stack, World};

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Happens {
    /// A worker takes a job up: the worker, the job, its first step, and what this costs.
    Take(usize, Job, Step),
    /// A worker makes its next step.
    Makes(usize, How),
    /// A worker dies.
    Dies(usize),
    /// Somebody changes this version's stack from outside.
    Tampers(VersionRef),
    /// Every deadline passes.
    LongPause,
}

impl Scenario {
    fn jobs(&self, world: &World, happens: &mut Vec<Happens>) {
        let Some(worker) = (0..2).find(|worker| world.workers[*worker].is_none()) else {
            return;
        };
        for (execution, at) in world.executions.iter().enumerate().filter(|(_, at)| !at.is_over()) {
            let job = Job::Action(execution, *at);
            let is_taken = world.workers.iter().flatten().any(|task| task.job == job);
            let waits = self.executions[execution].retries.is_some_and(|first| world.executions[first] != At::Failed);
            if waits || (is_taken && world.left.redeliveries == 0) {
                continue;
            }
            happens.extend(entry(self, world, (execution, *at)).map(|step| Happens::Take(worker, job, step)));
        }
        if world.left.switches > 0 {
            let targets =
                world.stage().services.iter().filter_map(|(name, service)| Some((name, service.previous.first()?)));
            happens.extend(targets.map(|(name, to)| {
                Happens::Take(
                    worker,
                    Job::SwitchBack,
                    Step::SwitchBack(name.clone(), to.clone(), world.stage().live(name).map(|live| live.id.clone())),
                )
            }));
        }
    }

    fn sweeps(&self, world: &World, happens: &mut Vec<Happens>) {
        let Some(sweeper) = (2..world.workers.len()).find(|worker| world.workers[*worker].is_none()) else {
            return;
        };
        let steps = self.sweep_steps(world);
        happens.extend(steps.into_iter().map(|step| Happens::Take(sweeper, Job::Sweep, step)));
    }

    /// What a sweep would find to do now.
    fn sweep_steps(&self, world: &World) -> Vec<Step> {
        let stage = world.stage();
        let mut steps = Vec::new();
        for (of, version) in stage.all_versions().filter(|(_, version)| version.state.is_on_its_way()) {
            if world.left.expiries > 0 || self.is_over(world, &version.execution.execution_id) {
                steps.push(Step::Abandon(of));
            }
        }
        steps.extend(stage.unreachable().into_iter().map(Step::Retire));
        for (live, _) in stage.live_versions().filter(|(live, _)| stage.barrier(&live.service, world.now).is_none()) {
            steps.extend(next_flip(stage, &live).map(|flip| Step::Prepare(None, flip)));
        }
        let existing = world.stacks.iter().filter(|(_, stack)| stack.exists);
        let is_orphan = |stack: &Stack| stage.version(&stack.of).is_none();
        if self.finds_orphans && existing.clone().any(|(_, stack)| is_orphan(stack)) {
            steps.push(Step::Orphans(existing.map(|(id, _)| id.clone()).collect()));
        }
        steps
    }

    fn is_over(&self, world: &World, execution_id: &str) -> bool {
        let all = world.executions.iter().enumerate();
        let mut of_it = all.filter(|(execution, _)| self.execution_id(*execution) == execution_id);
        of_it.all(|(execution, at)| {
            at.is_over() || (self.executions[execution].retries.is_some() && *at == At::DeployBlue)
        })
    }

    fn steps(&self, world: &World, happens: &mut Vec<Happens>) {
        for (worker, task) in world.workers.iter().enumerate() {
            let Some(task) = task else { continue };
            happens.push(Happens::Makes(worker, How::Well));
            if let (Step::Testing(..), Job::Action(execution, _)) = (&task.step, task.job) {
                happens.extend(self.executions[execution].may_fail.then_some(Happens::Makes(worker, How::Fails)));
            }
            if world.left.faults > 0 {
                happens.push(Happens::Dies(worker));
                happens.extend([How::AnswerLost, How::Conflict, How::Stall].map(|how| Happens::Makes(worker, how)));
            }
        }
    }

    /// Outsiders touch what is deployed and tested, and not between the last look at it and its going live: CloudFormation
    /// and S3 have no common transaction.
    fn outsiders(&self, world: &World, happens: &mut Vec<Happens>) {
        if world.left.tamperings > 0 && world.executions.iter().all(|at| *at != At::Promote) {
            let ready = world.stage().all_versions().filter(|(_, version)| version.stack.id.is_some());
            happens.extend(ready.map(|(of, _)| Happens::Tampers(of)));
        }
        // Time ends barriers, and nothing else here.
        let has_barrier = world.stage().services.keys().any(|name| world.stage().barrier(name, world.now).is_some());
        happens.extend((world.left.pauses > 0 && has_barrier).then_some(Happens::LongPause));
    }
}

/// A worker takes up what this execution is at.
pub(super) fn take_up(scenario: &Scenario, world: &mut World, (worker, execution): (usize, usize)) {
    let at = world.executions[execution];
    let step = entry(scenario, world, (execution, at)).expect("something to do");
    give(world, worker, (Job::Action(execution, at), step));
}

fn give(world: &mut World, worker: usize, (job, step): (Job, Step)) {
    if world.workers.iter().flatten().any(|task| task.job == job) && job != Job::Sweep {
        world.left.redeliveries = world.left.redeliveries.saturating_sub(1);
    }
    world.left.switches = world.left.switches.saturating_sub(u8::from(job == Job::SwitchBack));
    world.workers[worker] = Some(Task { job, step, held: None, unsure: None });
}

fn tamper(world: &mut World, of: &VersionRef) -> Option<()> {
    let (id, stack) = world.stack_of(of).map(|(id, stack)| (id.clone(), stack.clone()))?;
    let updates = stack.updates + 1;
    world.stacks.insert(id, Stack { updates, ..stack });
    world.left.tamperings -= 1;
    Some(())
}

impl Model for Scenario {
    type State = World;
    type Action = Happens;

    fn init_states(&self) -> Vec<World> {
        vec![self.begin()]
    }

    fn actions(&self, world: &World, happens: &mut Vec<Happens>) {
        if world.broken.is_none() {
            self.jobs(world, happens);
            self.sweeps(world, happens);
            self.steps(world, happens);
            self.outsiders(world, happens);
        }
    }

    fn next_state(&self, before: &World, happens: Happens) -> Option<World> {
        let mut world = before.clone();
        match happens {
            Happens::Take(worker, job, step) => {
                if let Step::Abandon(of) = &step {
                    let version = before.stage().version(of)?;
                    let is_over = self.is_over(before, &version.execution.execution_id);
                    world.left.expiries -= u8::from(!is_over);
                }
                give(&mut world, worker, (job, step));
            }
            Happens::Makes(worker, how) => {
                world.left.faults -= u8::from(!matches!(how, How::Well | How::Fails));
                play(self, &mut world, (worker, how))?;
            }
            Happens::Dies(worker) => {
                world.left.faults -= 1;
                world.workers[worker] = None;
            }
            Happens::Tampers(of) => tamper(&mut world, &of)?,
            Happens::LongPause => {
                world.left.pauses -= 1;
                world.now = LATE;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("every step keeps the promises P3 to P9", |_, world: &World| world.broken.is_none()),
            Property::always("P1, P3, P8: whatever is reachable is there", |_, world| {
                rules::whatever_is_reachable_is_there(world)
            }),
            Property::always("P1: wiring is part of the view", |_, world| rules::wiring_is_part_of_the_view(world)),
            Property::always("P2: nobody sees what was never live", |_, world| {
                rules::nobody_sees_what_was_never_live(world)
            }),
            Property::always("P14: one version gets the events", |_, world| rules::one_version_gets_the_events(world)),
            Property::always("P11: nothing is left behind", |scenario: &Self, world| {
                scenario.leaves_nothing_behind(world)
            }),
        ]
    }
}

impl Scenario {
    /// P11: once nobody does anything any more, sweeping on ends with stacks that are live, previous or pinned, and with
    /// the events where they belong.
    fn leaves_nothing_behind(&self, world: &World) -> bool {
        let is_over = world.executions.iter().enumerate().all(|(execution, at)| {
            at.is_over() || (self.executions[execution].retries.is_some() && *at == At::DeployBlue)
        });
        if world.broken.is_some() || !is_over || world.workers.iter().any(Option::is_some) {
            return true;
        }
        let mut world = world.clone();
        world.now = LATE;
        for _ in 0..40 {
            let Some(step) = self.sweep_steps(&world).into_iter().next() else {
                return is_clean(&world);
            };
            give(&mut world, 2, (Job::Sweep, step));
            while world.workers[2].is_some() {
                if play(self, &mut world, (2, How::Well)).is_none() || world.broken.is_some() {
                    return false;
                }
            }
        }
        false
    }
}

fn is_clean(world: &World) -> bool {
    let reachable = rules::reachable(world.stage());
    let known = world.stage().all_versions().all(|(of, _)| reachable.contains(&of));
    let made = world.stacks.values().filter(|stack| stack.exists).all(|stack| reachable.contains(&stack.of));
    let live_has_events = world
        .stage()
        .live_versions()
        .all(|(of, live)| live.green.is_none() || world.stack_of(&of).is_some_and(|(_, stack)| stack.is_green));
    known && made && live_has_events
}
