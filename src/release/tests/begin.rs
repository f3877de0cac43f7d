use std::collections::BTreeSet;

use super::*;

#[test]
fn a_version_pins_its_view_before_anything_is_created() {
    let mut world = World::new();
    let billing = world.live("billing", "b1", &[]);
    let request = world.request("orders", "o1", &["billing"]);
    let orders = world.begin(&request).unwrap();

    assert_eq!(world.state(&orders), State::Creating);
    let version = world.stage.version(&orders).unwrap();
    assert_eq!(version.view[&service("billing")], billing.version);
    assert_eq!(version.wiring[&service("billing")].outputs["Url"], ready(&billing).outputs["Url"]);
    assert!(world.stage.pins_of(&billing).contains(&reach::Pin::InViewOf(orders)));
}

#[test]
fn ordinals_grow_and_names_are_unique() {
    let mut world = World::new();
    let first = world.blue("orders", "o1", &[]);
    let second = world.blue("orders", "o2", &[]);
    assert_ne!(first, second);
    let ordinal = |of| world.stage.version(of).unwrap().ordinal;
    assert!(ordinal(&first) < ordinal(&second));
    assert_eq!(world.stage.version(&first).unwrap().stack.name, format!("test-orders-{}", first.version));
}

#[test]
fn a_repeated_job_finds_its_version_again() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let first = world.begin(&request).unwrap();
    world.make_ready(&first);
    world.pass(&first);
    assert_eq!(world.begin(&request), Ok(first));
}

#[test]
fn a_repeated_job_keeps_the_wiring_of_its_beginning() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let request = world.request("orders", "o1", &["billing"]);
    let orders = world.begin(&request).unwrap();
    world.live("billing", "b2", &[]);
    world.begin(&request).unwrap();
    assert_eq!(world.stage.version(&orders).unwrap().wiring[&service("billing")].version, old.version);
}

#[test]
fn a_retried_pipeline_stage_makes_a_new_blue_and_abandons_the_older() {
    let mut world = World::new();
    let first = world.tested("orders", "o1", &[]);
    let mut request = world.request("orders", "o1", &[]);
    request.execution.action_execution_id = "o1-again".to_owned();
    let second = world.begin(&request).unwrap();
    assert_ne!(first, second);
    assert_eq!(world.state(&first), State::Abandoned);
    assert_eq!(world.stage.made_by(&service("orders"), "o1").unwrap().id, second.version);
}

#[test]
fn another_pipelines_service_is_refused() {
    let mut world = World::new();
    world.live("orders", "o1", &[]);
    let mut request = world.request("orders", "o2", &[]);
    request.execution.pipeline_arn = "arn:aws:codepipeline:us-east-1:000000000000:thief".to_owned();
    let refused = world.begin(&request).unwrap_err();
    assert!(matches!(refused, Refusal::OwnedByAnother { owner, .. } if owner.ends_with(":orders")));
}

#[test]
fn an_unknown_dependency_is_refused_with_what_is_known() {
    let mut world = World::new();
    world.live("inventory", "i1", &[]);
    let request = world.request("orders", "o1", &["biling"]);
    let refused = world.begin(&request).unwrap_err();
    assert_eq!(
        refused,
        Refusal::UnknownDependency {
            service: service("orders"),
            dependency: service("biling"),
            known: vec![service("inventory")],
        }
    );
}

#[test]
fn a_dependency_that_is_not_live_yet_is_told_with_what_is_on_its_way() {
    let mut world = World::new();
    let billing = world.blue("billing", "b1", &[]);
    let request = world.request("orders", "o1", &["billing"]);
    let refused = world.begin(&request).unwrap_err();
    assert!(
        matches!(&refused, Refusal::NotLiveYet { on_their_way, .. } if *on_their_way == [billing.version.clone()]),
        "{refused:?}"
    );
}

#[test]
fn an_output_that_is_not_there_is_refused_with_those_that_are() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let mut request = world.request("orders", "o1", &["billing"]);
    request.wired_to.insert(service("billing"), BTreeSet::from(["Uri".to_owned()]));
    let refused = world.begin(&request).unwrap_err();
    assert!(matches!(refused, Refusal::UnknownOutput { available, .. } if available == ["Url"]));
}

#[test]
fn a_circle_is_spelled_out() {
    let mut world = World::new();
    world.live("orders", "o1", &[]);
    world.live("billing", "b1", &["orders"]);
    world.live("inventory", "i1", &["billing"]);
    let request = world.request("orders", "o2", &["inventory"]);
    let path = ["orders", "inventory", "billing", "orders"].map(service).to_vec();
    assert_eq!(world.begin(&request), Err(Refusal::Circle { path }));
}

#[test]
fn a_service_wired_to_itself_is_a_circle() {
    let mut world = World::new();
    world.live("orders", "o1", &[]);
    let request = world.request("orders", "o2", &["orders"]);
    let path = ["orders", "orders"].map(service).to_vec();
    assert_eq!(world.begin(&request), Err(Refusal::Circle { path }));
}

#[test]
fn a_service_that_only_the_tests_call_may_call_back() {
    let mut world = World::new();
    world.live("orders", "o1", &[]);
    let billing = world.live("billing", "b1", &["orders"]);
    let mut request = world.request("orders", "o2", &[]);
    request.depends_on.insert(service("billing"));
    let orders = world.begin(&request).unwrap();
    let version = world.stage.version(&orders).unwrap();
    assert_eq!(version.view[&service("billing")], billing.version);
    assert!(version.wiring.is_empty());
}

#[test]
fn a_stack_that_is_ready_too_late_is_told_why_it_was_given_up() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let orders = world.begin(&request).unwrap();
    twice(&mut world.stage, |stage| stage.abandon(&orders, "it was superseded", 5)).unwrap();
    let given_up = Refusal::Abandoned { of: orders.clone(), because: "it was superseded".to_owned() };
    assert_eq!(world.stage.blue_ready(&orders, &ready(&orders)), Err(given_up.clone()));
    assert_eq!(world.begin(&request), Err(given_up));
}
