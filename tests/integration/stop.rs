//! Executions that are stopped under way leave nothing behind.

use std::time::{Duration, Instant};

use crate::queue::{self, Gate};
use crate::slow;
use crate::world::{PipelineOptions, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_tests_of_an_execution_that_is_stopped_are_ended_and_its_stack_goes() {
    let world = queue::world(&[], &[]).await;
    let beat = world.home.path().join("beat");
    let command = format!("for n in $(seq 600); do echo $n > {}; sleep 0.1; done", beat.display());
    let options = PipelineOptions::service("shop").test("Command", &command);
    world.create_pipeline("shop", &options).await;
    let execution = world.release("shop", &queue::source()).await;
    let read = || std::fs::read_to_string(&beat).unwrap_or_default();
    until(&world, "the tests run", || !read().is_empty()).await;

    stop(&world, "shop", &execution).await;
    nothing_stays(&world).await;
    let mut last = (read(), Instant::now());
    until(&world, "the tests have ended", || {
        if read() != last.0 {
            last = (read(), Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_was_being_made_when_its_execution_was_stopped_goes_when_it_is_made() {
    let world = queue::world(&[], &[]).await;
    let gate = Gate::closed(&world);
    world.create_pipeline("slow", &PipelineOptions::service("slow")).await;
    let execution = world.release("slow", &slow::source(&gate)).await;
    slow::await_summary(&world, ("slow", &execution), "is being made").await;

    stop(&world, "slow", &execution).await;
    world
        .await_stage("the version was given up", |stage| {
            stage.all_versions().all(|(_, version)| !version.state.is_on_its_way())
        })
        .await;
    gate.open("stack");
    nothing_stays(&world).await;
}

async fn stop(world: &World, pipeline: &str, execution: &str) {
    let stop = world.codepipeline().stop_pipeline_execution();
    let stop = stop.pipeline_name(pipeline).pipeline_execution_id(execution);
    stop.abandon(true).send().await.unwrap();
}

async fn nothing_stays(world: &World) {
    world.await_stage("the sweep has taken everything away", |stage| stage.services.is_empty()).await;
    assert_eq!(world.stacks().await, Vec::<String>::new());
}

/// Waits until this is so.
async fn until(world: &World, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
