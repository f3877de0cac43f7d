use super::*;

#[test]
fn a_version_that_went_live_cannot_be_abandoned() {
    let mut world = World::new();
    let orders = world.live("orders", "o1", &[]);
    let refused = world.stage.abandon(&orders, "late", 5).unwrap_err();
    assert!(matches!(refused, Refusal::WrongState { state: State::Live, .. }));
}

#[test]
fn what_somebody_can_reach_is_not_retired() {
    let mut world = World::new();
    let billing = world.live("billing", "b1", &[]);
    let orders = world.blue("orders", "o1", &["billing"]);
    for of in [&billing, &orders] {
        assert!(matches!(world.stage.retire(of, 5), Err(Refusal::Pinned { .. })), "{of}");
    }
}

#[test]
fn an_abandoned_version_is_marked_then_forgotten() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 5)).unwrap();
    assert!(matches!(world.stage.forget(&orders, 6), Err(Refusal::WrongState { .. })), "marked first");
    twice(&mut world.stage, |stage| stage.retire(&orders, 7)).unwrap();
    assert_eq!(world.state(&orders), State::Retiring);
    twice(&mut world.stage, |stage| stage.forget(&orders, 8)).unwrap();
    assert_eq!(world.stage.services.get(&orders.service), None, "nothing of the service is left");
}

#[test]
fn why_a_version_was_given_up_is_told_after_it_was_forgotten() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    let execution = world.stage.version(&orders).unwrap().execution.execution_id.clone();
    world.stage.abandon(&orders, "its table could not be made", 5).unwrap();
    world.stage.retire(&orders, 7).unwrap();
    world.stage.forget(&orders, 8).unwrap();
    let absent = |service: &ServiceName, execution: &str| world.stage.absence_of(service, execution);
    let because = "its table could not be made".to_owned();
    assert_eq!(absent(&orders.service, &execution), Refusal::Abandoned { of: orders.clone(), because });
    assert!(matches!(absent(&orders.service, "another"), Refusal::NothingDeployed { .. }));
    assert!(matches!(absent(&service("mail"), &execution), Refusal::NothingDeployed { .. }));
}

#[test]
fn a_service_with_a_live_version_is_not_forgotten() {
    let mut world = World::new();
    world.live("orders", "o1", &[]);
    let second = world.blue("orders", "o2", &[]);
    twice(&mut world.stage, |stage| stage.abandon(&second, "stopped", 5)).unwrap();
    twice(&mut world.stage, |stage| stage.retire(&second, 7)).unwrap();
    twice(&mut world.stage, |stage| stage.forget(&second, 8)).unwrap();
    assert_eq!(world.stage.services[&second.service].next_ordinal, 3, "no ordinal is used twice");
}

#[test]
fn abandoning_frees_what_the_view_pinned_and_not_before() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let orders = world.blue("orders", "o1", &["billing"]);
    world.live("billing", "b2", &[]);
    world.live("billing", "b3", &[]);
    assert!(world.stage.is_pinned(&old), "no longer live nor kept, but in a view");
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 5)).unwrap();
    assert!(!world.stage.is_pinned(&old));
    assert!(world.stage.unreachable().contains(&old));
}

#[test]
fn a_forgotten_service_begins_again_under_names_that_nobody_used() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let first = world.begin(&request).unwrap();
    for transition in [Stage::retire, Stage::forget] {
        let _ = world.stage.abandon(&first, "stopped", 5);
        transition(&mut world.stage, &first, 6).unwrap();
    }
    assert_eq!(world.stage.services.get(&first.service), None);
    world.stage.recent.clear(); // The history goes back only so far.
    let again = world.begin(&request).unwrap();
    assert_ne!(again, first, "the very same job, delivered once more");
}

#[test]
fn a_job_that_comes_once_more_after_its_version_was_forgotten_begins_none_anew() {
    let mut world = World::new();
    world.live("orders", "o0", &[]);
    let request = world.request("orders", "o1", &[]);
    let of = world.begin(&request).unwrap();
    twice(&mut world.stage, |stage| stage.abandon(&of, "its stack could not be made", 6)).unwrap();
    twice(&mut world.stage, |stage| stage.retire(&of, 7)).unwrap();
    twice(&mut world.stage, |stage| stage.forget(&of, 8)).unwrap();
    let refused = world.begin(&request).unwrap_err();
    assert!(matches!(&refused, Refusal::Abandoned { of: gone, .. } if *gone == of), "{refused:?}");
    // Another action execution of the same pipeline execution, as a retried pipeline stage has one, begins its own.
    let mut retried = request.clone();
    retried.execution.action_execution_id = "retry-of-o1".to_owned();
    world.begin(&retried).unwrap();
}
