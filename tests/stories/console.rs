//! A worker's console: what it tells, and what looking at it costs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bluestage::console::{StageSource, WorkerConsole, worker_router};
use bluestage::health::{ask, serve};
use bluestage::ports::{ActionKind, Ports};
use bluestage::worker::{Health, Reached, Worker};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::memory::{Break, Memory};
use crate::worker::{Working, is_answered, settings, until};

const DEPLOY: ActionKind = ActionKind::DeployBlue;

/// A console that somebody may look at.
struct Open {
    at: SocketAddr,
    _stop: DropGuard,
}

impl Open {
    async fn of(ports: &Ports, health: Arc<Health>) -> Self {
        let stop = CancellationToken::new();
        let source = StageSource { stages: Arc::clone(&ports.stages), runs: Arc::clone(&ports.run_records) };
        let console = WorkerConsole::new(health, source, Arc::clone(&ports.clock), stop.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let router = worker_router(console, Router::new());
        tokio::spawn(serve(listener, router, stop.clone().cancelled_owned()));
        Self { at, _stop: stop.drop_guard() }
    }

    async fn shows(&self, path: &str) -> String {
        ask(self.at, path).await.unwrap().1
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_is_read_when_somebody_looks_and_however_many_look_once_in_five_seconds() {
    let world = Memory::new();
    let working = Working::on(world.ports("a"), 1);
    let job = world.release("orders").job(DEPLOY);
    world.jobs.offer(job.clone());
    until(&world, || is_answered(&world, &job)).await;
    working.stop().await;
    let ports = world.ports("b");
    let console = Open::of(&ports, Worker::new(ports.clone(), settings(1)).health()).await;
    let reads = || world.line.trail_of(&["stages.", "records."]).len();
    let before = reads();
    world.pass(Duration::from_secs(600)).await;
    console.shows("/console").await;
    assert_eq!(reads(), before, "nobody looks at a stage");

    for _ in 0..3 {
        assert!(console.shows("/console/stages/test").await.contains("orders"));
        assert!(console.shows("/console/stages").await.contains("/console/stages/test"));
        assert!(console.shows("/console/stages/prod").await.contains("Nothing was ever released into a stage prod"));
    }
    assert_eq!(reads(), before + 2, "the names and the one stage: {:?}", world.line.trail_of(&["stages.", "records."]));
    world.pass(Duration::from_secs(5)).await;
    console.shows("/console/stages/test").await;
    assert_eq!(reads(), before + 4);

    // What cannot be read is not asked for again and again, either.
    world.pass(Duration::from_secs(5)).await;
    world.line.breaks_later("stages.names", Break::Unavailable, 0, usize::MAX);
    for _ in 0..3 {
        assert!(console.shows("/console/stages").await.contains("The stage cannot be read"));
    }
    assert_eq!(reads(), before + 5);
}

#[tokio::test(start_paused = true)]
async fn a_worker_tells_its_jobs_and_what_it_has_decided() {
    let world = Memory::new();
    world.stacks.behave(|stacks| stacks.creating = 60);
    let ports = world.ports("a");
    let working = Working::on(ports.clone(), 1);
    let console = Open::of(&ports, Arc::clone(&working.health)).await;
    let (job, wrong) =
        (world.release("orders").job(DEPLOY), world.release("cart").with(DEPLOY, "TemplatePath", "").job(DEPLOY));
    world.jobs.offer(job.clone());
    until(&world, || working.health.jobs().first().is_some_and(|told| told.doing.contains("plays"))).await;
    let held = working.health.jobs().remove(0);
    let of = held.of.unwrap();
    assert_eq!((of.action, of.service.as_deref(), of.stage.as_deref()), (DEPLOY, Some("orders"), Some("test")));
    assert!(console.shows("/console").await.contains("DeployBlue of orders in stage test"));

    until(&world, || is_answered(&world, &job)).await;
    world.jobs.offer(wrong.clone());
    until(&world, || is_answered(&world, &wrong) && working.health.jobs().is_empty()).await;
    let told: Vec<_> = working.health.verdicts().into_iter().map(|told| (told.of.service, told.reached)).collect();
    assert_eq!(told.len(), 2, "of an action that went on only its last verdict is told: {told:?}");
    assert_eq!(told[1], (Some("orders".to_owned()), Reached::Done));
    assert!(matches!(told[0], (Some(_), Reached::Failed(_))), "{told:?}");
    let page = console.shows("/console").await;
    assert!(page.contains("None right now.") && page.contains("Failed ("), "{page}");
    working.stop().await;
}
