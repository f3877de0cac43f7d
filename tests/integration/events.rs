//! `GreenDeployment` on real stacks: who gets the events, and when.

use std::time::Duration;

use crate::probe::{Gate, create, go_live, with_events};
use crate::world::World;
use crate::world_with_actions;

/// The versions of the service whose stack has the subscription.
///
/// The newest is looked at first. One cannot look at two stacks at once: whoever saw the older one first, and the newer one
/// after the events were handed over in between, would count two where there never were two.
async fn subscribers(world: &World, service: &str) -> Vec<String> {
    let stage = world.stage().await;
    let mut subscribers = Vec::new();
    let mut versions: Vec<_> = stage.all_versions().filter(|(of, _)| of.service.as_str() == service).collect();
    versions.sort_by_key(|(_, version)| std::cmp::Reverse(version.ordinal));
    for (of, version) in versions {
        let resources = world.cloudformation().describe_stack_resources().stack_name(&version.stack.name);
        let Ok(told) = resources.send().await else {
            continue; // Not made yet.
        };
        let subscribes = told.stack_resources().iter().any(|resource| {
            let is_there = resource.resource_status().is_some_and(|status| !status.as_str().starts_with("DELETE"));
            resource.logical_resource_id() == Some("Subscription") && is_there
        });
        if subscribes {
            subscribers.push(of.version.to_string());
        }
    }
    subscribers
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_one_version_gets_the_events_and_they_follow_a_switch_back() {
    let world = world_with_actions().await;
    create(&world, "mailer", (None, "true")).await;
    let first = go_live(&world, "mailer", &with_events()).await;
    assert_eq!(subscribers(&world, "mailer").await, std::slice::from_ref(&first));

    let execution = world.release("mailer", &with_events().with("note", "2")).await;
    while world.execution_status("mailer", &execution).await.as_str() == "InProgress" {
        let now = subscribers(&world, "mailer").await;
        assert!(now.len() <= 1, "two get the events: {now:?}");
    }
    let outcome = world.await_execution("mailer", &execution).await;
    let promoted = outcome.succeeded().action("Promote");
    assert!(promoted.summary.contains("nobody got any for"), "{}", promoted.summary);
    assert_eq!(subscribers(&world, "mailer").await, [promoted.variables["Version"].clone()]);

    let switched = world.bluestage(&["switch-back", "mailer", "--stage", "test", "--reason", "it sends twice"]);
    let told = String::from_utf8_lossy(&switched.stdout);
    assert!(switched.status.success(), "{}", String::from_utf8_lossy(&switched.stderr));
    assert!(told.contains(&format!("mailer {first} is live in stage test")), "{told}");
    assert!(told.contains("The events follow: done."), "{told}");
    assert_eq!(subscribers(&world, "mailer").await, [first]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_waits_for_the_blues_that_use_what_is_live() {
    let world = world_with_actions().await;
    create(&world, "mailer", (None, "true")).await;
    let gate = Gate::of(&world);
    create(&world, "orders", (Some("mailer"), &gate.shell())).await;
    let first = go_live(&world, "mailer", &with_events()).await;
    let orders = world.release("orders", &crate::probe::plain()).await;
    let is_tested = |stage: &bluestage::release::Stage| {
        stage.all_versions().any(|(of, version)| of.service.as_str() == "orders" && version.run.is_some())
    };
    world.await_stage("the tests of orders run", is_tested).await;

    let mailer = world.release("mailer", &with_events().with("note", "2")).await;
    let is_barred = |stage: &bluestage::release::Stage| {
        stage.services.iter().any(|(name, service)| name.as_str() == "mailer" && service.barrier.is_some())
    };
    world.await_stage("the barrier is raised", is_barred).await;
    assert_eq!(subscribers(&world, "mailer").await, [first], "unchanged while orders is tested with it");
    gate.open();
    tokio::time::timeout(Duration::from_secs(60), async {
        world.await_execution("mailer", &mailer).await.succeeded();
    })
    .await
    .expect("the promotion goes on once orders has ended");
    // Orders either went live before, or was refused for skew; it was never disturbed: its tests passed.
    let outcome = world.await_execution("orders", &orders).await;
    assert_eq!(outcome.action("RunIsolatedTests").status, "Succeeded", "{:#?}", outcome.actions);
}
