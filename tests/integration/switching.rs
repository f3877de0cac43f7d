//! Switch back, behind, rebind, skew, and runs that were disturbed: on real parts.

use crate::probe::{Gate, create, go_live, plain};
use crate::world::Source;
use crate::{sample_world, world_with_actions};

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_back_touches_no_stack_and_a_rebind_wires_the_consumers_anew() {
    let world = world_with_actions().await;
    create(&world, "billing", (None, "true")).await;
    create(&world, "orders", (Some("billing"), "true")).await;
    let old = go_live(&world, "billing", &plain()).await;
    let orders = go_live(&world, "orders", &plain()).await;
    let new = go_live(&world, "billing", &plain().with("note", "2")).await;

    let explained = world.bluestage(&["explain", &orders, "--stage", "test"]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains(&format!("It is behind: it goes on calling billing {old}")), "{explained}");

    let rebound = world.bluestage(&["rebind", "--all", "--stage", "test"]);
    let told = String::from_utf8_lossy(&rebound.stdout).into_owned();
    assert!(told.contains("orders: its pipeline was started"), "{told}");
    let stage = world.await_stage("orders is wired to what is live", |stage| {
        stage.behind().is_empty() && {
            let orders = stage.live(&"orders".parse().expect("a name"));
            orders.is_some_and(|live| live.wiring.values().all(|wire| wire.version.as_str() == new))
        }
    });
    stage.await;

    let stacks = world.stacks().await;
    let switched = world.bluestage(&["switch-back", "billing", "--stage", "test"]);
    let told = String::from_utf8_lossy(&switched.stdout).into_owned();
    assert!(told.contains(&format!("billing {old} is live")), "{told}");
    assert!(told.contains(&format!("goes on calling billing {new}, which it was tested with")), "{told}");
    assert_eq!(world.stacks().await, stacks, "no stack was made or deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_refused_for_skew_is_retried_by_the_pipeline_itself() {
    let world = sample_world().await;
    for service in ["billing", "inventory", "orders"] {
        let execution = world.release(service, &Source::sample(service)).await;
        world.await_execution(service, &execution).await.succeeded();
    }
    let gate = Gate::of(&world);
    let orders = Source::sample("orders").with("tests/test_gate.py", &gate.python());
    let execution = world.release("orders", &orders).await;
    let is_tested = |stage: &bluestage::release::Stage| {
        let orders = stage.made_by(&"orders".parse().expect("a name"), &execution);
        orders.is_some_and(|version| version.run.is_some())
    };
    let before = world.await_stage("the tests of orders run", is_tested).await;
    let first_blue = before.made_by(&"orders".parse().expect("a name"), &execution).expect("a blue").id.clone();
    let billing = world.release("billing", &Source::sample("billing").with("note", "2")).await;
    let billing = world.await_execution("billing", &billing).await;
    let billing_now = billing.succeeded().action("Promote").variables["Version"].clone();

    gate.open();
    let outcome = world.await_execution("orders", &execution).await;
    let orders_now = outcome.succeeded().action("Promote").variables["Version"].clone();
    assert_ne!(orders_now, first_blue.to_string(), "deployed, tested and promoted anew");
    let stage = world.stage().await;
    let live = stage.live(&"orders".parse().expect("a name")).expect("orders is live");
    assert_eq!(live.view[&"billing".parse().expect("a name")].as_str(), billing_now);
    let refused = stage.recent.iter().any(|event| {
        event.of.version == first_blue && event.what.contains("a version it was tested with was replaced")
    });
    assert!(refused, "{:#?}", stage.recent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_disturbed_from_outside_is_made_again_and_not_red() {
    let world = world_with_actions().await;
    create(&world, "billing", (None, "true")).await;
    let gate = Gate::of(&world);
    create(&world, "orders", (Some("billing"), &gate.shell())).await;
    let billing = go_live(&world, "billing", &plain()).await;
    let execution = world.release("orders", &plain()).await;
    let is_tested = |stage: &bluestage::release::Stage| {
        stage.all_versions().any(|(of, version)| of.service.as_str() == "orders" && version.run.is_some())
    };
    world.await_stage("the tests of orders run", is_tested).await;
    let changed = world.cloudformation().update_stack().stack_name(format!("test-billing-{billing}"));
    let version = aws_sdk_cloudformation::types::Parameter::builder()
        .parameter_key("Version")
        .parameter_value("somebody was here")
        .build();
    changed.use_previous_template(true).parameters(version).send().await.expect("somebody changes the stack");
    gate.open();

    let outcome = world.await_execution("orders", &execution).await;
    let tested = outcome.succeeded().action("RunIsolatedTests");
    assert!(tested.variables["Run"].ends_with("-2"), "the second attempt counts: {:?}", tested.variables);
    let stage = world.stage().await;
    assert!(stage.recent.iter().any(|event| event.what.contains("that run does not count")), "{:#?}", stage.recent);
}
