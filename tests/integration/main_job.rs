//! The main job: three services, each with its own pipeline, in one shared stage.

use crate::sample_world;
use crate::world::Source;

#[tokio::test(flavor = "multi_thread")]
async fn three_services_released_at_once_into_an_empty_stage_all_go_live() {
    let world = sample_world().await;
    let mut executions = Vec::new();
    for service in ["orders", "billing", "inventory"] {
        executions.push((
            service,
            world.release(service, &Source::sample(service)).await,
        ));
    }
    for (service, execution) in &executions {
        let outcome = world.await_execution(service, execution).await;
        outcome.succeeded();
    }
    println!(
        "{}",
        String::from_utf8_lossy(&world.bluestage(&["status"]).stdout)
    );
}
