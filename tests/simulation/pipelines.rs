//! The pipelines: what CodePipeline does with each execution, from its start to its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bluestage::ports::{ActionKind, ExecutionStatus, Job, Verdict};
use futures::future::join_all;
use tokio::sync::Notify;

use super::plan::{ExecutionPlan, Mode, Quality, ServicePlan};
use super::time::{MINUTE, Millis, SECOND};
use super::verdicts::judge;
use super::world::World;
use crate::memory::Command;
use crate::memory::account::BROKEN;
use crate::memory::{Release, service};

/// After this an action whose worker says nothing is failed. CodePipeline gives a custom action an hour.
const LONGEST: Millis = 60 * MINUTE;

/// The weather lasts less than half an hour and a retry two minutes; an execution that takes longer never ends.
const NEVER: Millis = 24 * 60 * MINUTE;

/// The pipelines of all services.
pub(crate) struct Pipelines<'w> {
    world: &'w World,
    /// For each service, its pipeline stages.
    gates: Vec<[Gate; 3]>,
    moved: Notify,
    /// How many executions have started. Each has the number of those before it: a newer one has a higher number.
    started: AtomicUsize,
}

/// The entrance of a pipeline stage: one execution is in it, and the newest that wants to be waits.
#[derive(Default)]
struct Gate(Mutex<Entrance>);

#[derive(Clone, Copy, Default)]
struct Entrance {
    inside: Option<usize>,
    waiting: Option<usize>,
    /// The newest that was ever inside.
    newest: Option<usize>,
}

/// How an action came out.
enum Came {
    Well,
    Wrong,
    /// Its execution was stopped while it waited for its turn, or overtaken.
    Over,
}

impl<'w> Pipelines<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        let gates = world.sky.plan.services.iter().map(|_| <[Gate; 3]>::default());
        Self { world, gates: gates.collect(), moved: Notify::new(), started: AtomicUsize::new(0) }
    }

    /// Runs every execution to its end.
    pub(crate) async fn run(&self) {
        let all = join_all(self.world.sky.plan.executions.iter().map(|plan| self.play(plan)));
        tokio::select! {
            biased;
            _ = all => {}
            () = self.world.sky.time.pass(NEVER) => {
                self.world.sky.trace.breaks("P10: a pipeline execution never ends".to_owned());
            }
        }
    }

    async fn play(&self, plan: &ExecutionPlan) {
        let time = &self.world.sky.time;
        time.until(plan.at).await;
        let of = &self.world.sky.plan.services[plan.service];
        if !self.dependencies_are_live(of).await {
            self.world.sky.trace.count("execution never begun");
            return;
        }
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut release = release(self.world, of, plan, number);
        let id = release.execution_id.clone();
        self.is(&id, ExecutionStatus::Running);
        let status = match plan.stopped_after {
            Some((after, waits)) => {
                let stopped = Mutex::new(false);
                let goes_on = self.goes_on((number, plan), &mut release, &stopped);
                tokio::pin!(goes_on);
                tokio::select! {
                    biased;
                    status = &mut goes_on => status,
                    () = time.pass(after) => {
                        self.told(&id, if waits { "is being stopped" } else { "is stopped" });
                        *stopped.lock().unwrap() = true;
                        if waits { goes_on.await; }
                        ExecutionStatus::Over
                    }
                }
            }
            None => self.goes_on((number, plan), &mut release, &Mutex::new(false)).await,
        };
        if status == ExecutionStatus::Over {
            for kind in ActionKind::ALL {
                self.world.memory.jobs.drop_action(&release.job(kind).id);
            }
        }
        self.leave(plan.service, number);
        self.is(&id, status);
        self.world.sky.trace.count(&format!("execution {status:?}"));
    }

    /// A service is released for the first time when what it is wired to is there. Tells whether that came to be.
    async fn dependencies_are_live(&self, of: &ServicePlan) -> bool {
        for other in &of.wired_to {
            let name = service(&self.world.sky.plan.services[*other].name);
            while self.world.memory.stage().live(&name).is_none() {
                if self.world.sky.is_fine() {
                    return false;
                }
                self.world.sky.time.pass(5 * SECOND).await;
            }
        }
        true
    }

    async fn goes_on(
        &self,
        (number, plan): (usize, &ExecutionPlan),
        release: &mut Release<'w>,
        stopped: &Mutex<bool>,
    ) -> ExecutionStatus {
        let mode = self.world.sky.plan.services[plan.service].mode;
        let (mut action, mut retries) = (0, plan.retries);
        while action < ActionKind::ALL.len() {
            match self.act((number, plan, mode), (release, action), stopped).await {
                Came::Over => return ExecutionStatus::Over,
                Came::Well => action += 1,
                Came::Wrong if retries == 0 => return ExecutionStatus::Failed,
                Came::Wrong => {
                    retries -= 1;
                    self.leave(plan.service, number);
                    self.is(&release.execution_id, ExecutionStatus::Failed);
                    self.world.sky.time.pass(plan.retried_after).await;
                    if *stopped.lock().unwrap() {
                        return ExecutionStatus::Over;
                    }
                    if mode == Mode::OneStage && self.is_overtaken(plan.service, number) {
                        return ExecutionStatus::Failed;
                    }
                    self.is(&release.execution_id, ExecutionStatus::Running);
                    release.retry();
                    if mode != Mode::ThreeStages {
                        action = 0;
                    }
                }
            }
        }
        ExecutionStatus::Succeeded
    }

    async fn act(
        &self,
        (number, plan, mode): (usize, &ExecutionPlan, Mode),
        (release, action): (&Release<'w>, usize),
        stopped: &Mutex<bool>,
    ) -> Came {
        let entered = match mode {
            Mode::Parallel => true,
            Mode::OneStage => action > 0 || self.enter((plan.service, 0), number).await,
            Mode::ThreeStages => self.enter((plan.service, action), number).await,
        };
        if !entered || *stopped.lock().unwrap() {
            return Came::Over;
        }
        let job = release.job(ActionKind::ALL[action]);
        self.told(&job.id.0, "is offered");
        self.world.memory.jobs.offer(job.clone());
        let began = self.world.sky.time.now();
        let limit = plan.times_out.filter(|(which, _)| *which == action).map(|(_, limit)| limit);
        let verdict = tokio::select! {
            biased;
            verdict = self.verdict(&job) => verdict,
            () = self.world.sky.time.pass(limit.unwrap_or(LONGEST)) => {
                return self.times_out(&job, limit.is_some());
            }
        };
        if mode == Mode::ThreeStages {
            self.leave(plan.service, number);
        }
        match verdict {
            Verdict::Failed(failure) => {
                self.told(&job.id.0, &format!("failed: {:?}: {}", failure.cause, failure.message));
                let took = self.world.sky.time.now() - began;
                judge(&self.world.sky, (plan.quality, took), &job, &failure);
                Came::Wrong
            }
            Verdict::Done(_) | Verdict::Continue(_) => {
                self.world.sky.trace.count(&format!("verdict done, {}", job.action));
                Came::Well
            }
        }
    }

    async fn verdict(&self, job: &Job) -> Verdict {
        loop {
            let settled = self.world.memory.jobs.one_is_settled();
            if let Some(verdict) = self.world.memory.jobs.ended(&job.id) {
                return verdict;
            }
            settled.await;
        }
    }

    /// The action got no verdict in time. Only one that was given less time than it needs may come to that.
    fn times_out(&self, job: &Job, is_meant: bool) -> Came {
        let held = self.world.memory.jobs.drop_action(&job.id);
        self.told(&job.id.0, "timed out");
        self.world.sky.trace.count("time-outs");
        if !is_meant {
            let why = if held { "a worker took it and never answered" } else { "nobody took it" };
            self.world.sky.trace.breaks(format!("P10: {} got no verdict within an hour: {why}", job.id));
        }
        Came::Wrong
    }

    /// Waits at the entrance; tells whether it came in, or a newer execution took its place.
    async fn enter(&self, (service, stage): (usize, usize), number: usize) -> bool {
        let gate = &self.gates[service][stage];
        gate.0.lock().unwrap().waiting = Some(number);
        self.moved.notify_waiters();
        loop {
            let moved = self.moved.notified();
            {
                let mut entrance = gate.0.lock().unwrap();
                if entrance.waiting != Some(number) {
                    return false;
                }
                if entrance.inside.is_none() {
                    *entrance =
                        Entrance { inside: Some(number), waiting: None, newest: Some(number).max(entrance.newest) };
                    return true;
                }
            }
            moved.await;
        }
    }

    /// CodePipeline retries a pipeline stage only of the newest execution that was in it
    /// (`NotLatestPipelineExecutionException`).
    fn is_overtaken(&self, service: usize, number: usize) -> bool {
        self.gates[service].iter().any(|gate| gate.0.lock().unwrap().newest > Some(number))
    }

    /// Leaves whatever it is in.
    fn leave(&self, service: usize, number: usize) {
        for gate in &self.gates[service] {
            let mut entrance = gate.0.lock().unwrap();
            let keep = |place: Option<usize>| place.filter(|inside| *inside != number);
            *entrance = Entrance { inside: keep(entrance.inside), waiting: keep(entrance.waiting), ..*entrance };
        }
        self.moved.notify_waiters();
    }

    fn is(&self, execution: &str, status: ExecutionStatus) {
        self.told(execution, &format!("is {status:?}"));
        self.world.memory.jobs.execution_is(execution, status);
    }

    fn told(&self, who: &str, what: &str) {
        self.world.sky.trace.step(self.world.sky.time.now(), "pipeline", &format!("{who} {what}"));
    }
}

/// The execution's source: template, wiring, tests.
fn release<'w>(world: &'w World, of: &ServicePlan, plan: &ExecutionPlan, number: usize) -> Release<'w> {
    let tests = if plan.quality == Quality::FailingTests {
        (format!("fail {number}"), Command::fails("it works", "it does not"))
    } else {
        (format!("pass {number}"), Command::passes(3))
    };
    world.memory.script.means(&tests.0, tests.1.after(plan.beats));
    let mut release = world.memory.release(&of.name).with(ActionKind::RunIsolatedTests, "Command", &tests.0);
    for other in &of.wired_to {
        release = release.wired_to(&world.sky.plan.services[*other].name);
    }
    if of.has_events {
        release = release.declares("GreenDeployment");
    }
    if plan.quality == Quality::BrokenStack {
        release = release.output(BROKEN, "yes");
    }
    if of.has_reports { release } else { release.without_reports() }
}
