//! Each action, cut at every effect (see [`super::cuts`]), and what must come of it all the same.

use std::sync::Arc;
use std::time::Duration;

use bluestage::actions::{Sweeper, SwitchBackRequest, follow_with_events, switch_back};
use bluestage::ports::{ActionKind, ExecutionStatus, Job, Ports};

use crate::cuts::{Cut, state_of};
use crate::memory::{Break, Command, HOLD, Memory, Release, of, service, stage_name};
use crate::worker::{Working, is_answered, until};

const DEPLOY: ActionKind = ActionKind::DeployBlue;
const TEST: ActionKind = ActionKind::RunIsolatedTests;
const PROMOTE: ActionKind = ActionKind::Promote;

/// What is to be cut: it prepares a world, and plays in it with a worker that may die.
trait Scene {
    /// Names the effect without which this scene would not be what it is told to be.
    const HAS: &'static str;
    async fn prepared() -> Memory;
    async fn played(world: &Memory, cut: &Arc<Cut>);
}

/// Plays the scene without a crash, then with one before and one after each effect.
async fn is_the_same_wherever_it_is_cut<S: Scene>() {
    let whole = S::prepared().await;
    let uncut = Cut::nowhere();
    S::played(&whole, &uncut).await;
    let (expected, effects) = (state_of(&whole, &SERVICES), uncut.effects());
    assert!(effects.iter().any(|effect| effect.starts_with(S::HAS)), "{effects:#?}");
    for how in [Break::DiesBefore, Break::DiesAfter] {
        for (number, effect) in effects.iter().enumerate() {
            let world = S::prepared().await;
            let cut = Cut::at(number, how);
            S::played(&world, &cut).await;
            assert!(cut.is_dead(), "{how:?} {number}: there is no such effect");
            let told = format!("{how:?} {number}, {effect}, of {effects:#?}");
            assert_eq!(state_of(&world, &SERVICES), expected, "{told}");
        }
    }
}

const SERVICES: [&str; 2] = ["billing", "orders"];

/// A worker that may die plays the job; another one starts when it does.
async fn worked(world: &Memory, cut: &Arc<Cut>, job: Job) {
    let (ports, clock) = cut.ports(world, "a");
    world.jobs.offer(job.clone());
    let first = Working::on(ports, 2);
    let to_its_end = async |working: Working| {
        until(world, || is_answered(world, &job) && world.journal.now().is_empty()).await;
        // Whatever goes on by itself comes to its end.
        world.pass(Duration::from_secs(180)).await;
        working.stop().await;
    };
    if cut.or(to_its_end(first)).await.is_none() {
        clock.freeze();
        world.machine("a").dies();
        let (ports, _) = Cut::nowhere().ports(world, "b");
        to_its_end(Working::on(ports, 2)).await;
    }
}

/// Orders with events, a little different each time.
fn with_events(world: &Memory) -> Release<'_> {
    let version = serde_json::json!({"Fn::GetBlue": "Version"});
    world.release("orders").declares("GreenDeployment").given("Version", version)
}

fn slow(world: &Memory) {
    world.stacks.behave(|stacks| (stacks.review, stacks.creating, stacks.deleting) = (1, 2, 1));
}

struct Deploy;

impl Scene for Deploy {
    const HAS: &'static str = "stacks.ensure";

    async fn prepared() -> Memory {
        let world = Memory::new();
        world.release("billing").goes_live().await;
        slow(&world);
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        worked(world, cut, world.release("orders").wired_to("billing").job(DEPLOY)).await;
    }
}

struct FailedDeploy;

impl Scene for FailedDeploy {
    const HAS: &'static str = "stacks.delete";

    async fn prepared() -> Memory {
        let world = Deploy::prepared().await;
        world.stacks.behave(|stacks| stacks.broken = Some(("Table".to_owned(), "no".to_owned())));
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        Deploy::played(world, cut).await;
    }
}

/// Tests that pass, or do not.
struct Tests<const PASS: bool>;

impl<const PASS: bool> Scene for Tests<PASS> {
    const HAS: &'static str = "test_runs.start";

    async fn prepared() -> Memory {
        let world = Deploy::prepared().await;
        let told = if PASS { Command::passes(2) } else { Command::fails("it works", "it does not") };
        world.script.means("make test", told.after(6));
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let orders = world.release("orders").wired_to("billing");
        orders.deploy().await.done();
        worked(world, cut, orders.job(TEST)).await;
    }
}

struct Switch;

impl Scene for Switch {
    const HAS: &'static str = "stages.write";

    async fn prepared() -> Memory {
        let world = Memory::new();
        world.release("orders").goes_live().await;
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let orders = world.release("orders");
        orders.is_tested().await;
        worked(world, cut, orders.job(PROMOTE)).await;
    }
}

/// A switch that hands events over.
struct HandOver;

impl Scene for HandOver {
    const HAS: &'static str = "stacks.set_parameter";

    async fn prepared() -> Memory {
        let world = Memory::new();
        with_events(&world).goes_live().await;
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let orders = with_events(world);
        orders.is_tested().await;
        worked(world, cut, orders.job(PROMOTE)).await;
    }
}

/// An update of a fixed stack, of a service with events or without.
struct Update<const EVENTS: bool>;

impl<const EVENTS: bool> Scene for Update<EVENTS> {
    const HAS: &'static str = "stacks.apply";

    async fn prepared() -> Memory {
        let world = Memory::new();
        Self::release(&world).goes_live().await;
        world.sweep().await.unwrap();
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let orders = Self::release(world);
        orders.is_tested().await;
        worked(world, cut, orders.job(PROMOTE)).await;
    }
}

impl<const EVENTS: bool> Update<EVENTS> {
    fn release(world: &Memory) -> Release<'_> {
        let version = serde_json::json!({"Fn::GetBlue": "Version"});
        let plain = || world.release("orders").given("Version", version);
        let orders = if EVENTS { with_events(world) } else { plain() };
        orders.with(PROMOTE, "Strategy", "update").with(PROMOTE, "StackName", "orders-of-test")
    }
}

struct Rebind;

impl Scene for Rebind {
    const HAS: &'static str = "jobs.start_pipeline";

    async fn prepared() -> Memory {
        let world = Memory::new();
        world.release("billing").goes_live().await;
        world.release("orders").wired_to("billing").goes_live().await;
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let billing = world.release("billing").with(PROMOTE, "Rebind", "start");
        billing.is_tested().await;
        worked(world, cut, billing.job(PROMOTE)).await;
    }
}

/// A sweep that gives a blue up, and takes it and what is kept no longer away.
struct Sweep;

impl Scene for Sweep {
    const HAS: &'static str = "stacks.delete";

    async fn prepared() -> Memory {
        let world = Memory::new();
        for _ in 0..3 {
            world.release("billing").goes_live().await;
        }
        let orders = world.release("orders").wired_to("billing");
        orders.is_tested().await;
        world.jobs.execution_is(&orders.execution_id, ExecutionStatus::Over);
        slow(&world);
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let (ports, _) = cut.ports(world, "a");
        if let Some(done) = cut.or(Sweeper::new(HOLD).sweep(&ports, &world.hold())).await {
            done.unwrap();
        }
        swept(world).await;
    }
}

/// What other workers sweep afterwards.
async fn swept(world: &Memory) {
    let (ports, _) = Cut::nowhere().ports(world, "b");
    for _ in 0..3 {
        Sweeper::new(HOLD).sweep(&ports, &world.hold()).await.unwrap();
    }
}

/// A person switches back, and says it again when the command dies.
struct SwitchBack;

impl SwitchBack {
    async fn asked(ports: &Ports, world: &Memory) -> Result<(), String> {
        let stage = world.stage();
        let orders = &stage.services[&service("orders")];
        let oldest = orders.versions.values().find(|version| version.ordinal == 1).unwrap();
        let request = SwitchBackRequest {
            stage: stage_name(),
            service: service("orders"),
            to: Some(oldest.id.clone()),
            who: "somebody".to_owned(),
            reason: "it is broken".to_owned(),
            strict: false,
        };
        switch_back(ports, &request).await?;
        follow_with_events(ports, &stage_name(), &of("orders", oldest), &world.hold()).await.map(drop)
    }
}

impl Scene for SwitchBack {
    const HAS: &'static str = "stacks.set_parameter";

    async fn prepared() -> Memory {
        let world = HandOver::prepared().await;
        with_events(&world).goes_live().await;
        world
    }

    async fn played(world: &Memory, cut: &Arc<Cut>) {
        let (ports, _) = cut.ports(world, "a");
        let done = match cut.or(Self::asked(&ports, world)).await {
            Some(done) => done,
            None => Self::asked(&Cut::nowhere().ports(world, "b").0, world).await,
        };
        done.unwrap();
        swept(world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_the_same_wherever_its_worker_dies() {
    is_the_same_wherever_it_is_cut::<Deploy>().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_is_the_same_wherever_its_worker_dies() {
    is_the_same_wherever_it_is_cut::<FailedDeploy>().await;
}

#[tokio::test(start_paused = true)]
async fn tests_come_out_the_same_wherever_their_worker_dies() {
    is_the_same_wherever_it_is_cut::<Tests<true>>().await;
    is_the_same_wherever_it_is_cut::<Tests<false>>().await;
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_the_same_wherever_its_worker_dies() {
    is_the_same_wherever_it_is_cut::<Switch>().await;
    is_the_same_wherever_it_is_cut::<Rebind>().await;
}

#[tokio::test(start_paused = true)]
async fn events_are_handed_over_the_same_wherever_the_worker_dies() {
    is_the_same_wherever_it_is_cut::<HandOver>().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_is_the_same_wherever_its_worker_dies() {
    is_the_same_wherever_it_is_cut::<Update<false>>().await;
    is_the_same_wherever_it_is_cut::<Update<true>>().await;
}

#[tokio::test(start_paused = true)]
async fn a_sweep_comes_to_the_same_wherever_its_worker_dies() {
    is_the_same_wherever_it_is_cut::<Sweep>().await;
}

#[tokio::test(start_paused = true)]
async fn a_switch_back_comes_to_the_same_wherever_its_command_dies() {
    is_the_same_wherever_it_is_cut::<SwitchBack>().await;
}
