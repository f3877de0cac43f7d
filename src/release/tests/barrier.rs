use super::*;

/// A tested billing whose promotion has begun behind its barrier, while an older billing is live.
fn promoting(world: &mut World) -> VersionRef {
    let billing = world.tested("billing", "b9", &[]);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.begin_promotion(&billing, &seen(&billing), terms)).unwrap();
    twice(&mut world.stage, |stage| stage.raise_barrier(&billing, 9_000, 2_000)).unwrap();
    billing
}

#[test]
fn no_new_view_reaches_what_a_barrier_protects() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let billing = promoting(&mut world);
    let request = world.request("orders", "o1", &["billing"]);
    let refused = world.begin(&request).unwrap_err();
    assert!(matches!(&refused, Refusal::Barred { by, .. } if *by == billing), "{refused:?}");
}

#[test]
fn not_even_through_the_wiring_of_another_service() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    world.live("orders", "o1", &["billing"]);
    promoting(&mut world);
    let request = world.request("reports", "r1", &["orders"]);
    assert!(
        matches!(world.begin(&request), Err(Refusal::Barred { dependency, .. }) if dependency == service("billing"))
    );
}

#[test]
fn the_blues_that_use_what_is_live_are_named_until_they_end() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    world.live("orders", "o1", &["billing"]);
    let direct = world.blue("orders", "o2", &["billing"]);
    let through_wiring = world.blue("reports", "r1", &["orders"]);
    let billing = promoting(&mut world);
    assert_eq!(world.stage.holders(&billing), [direct.clone(), through_wiring.clone()]);
    for blue in [direct, through_wiring] {
        twice(&mut world.stage, |stage| stage.abandon(&blue, "it ended", 7)).unwrap();
    }
    assert_eq!(world.stage.holders(&billing), []);
}

#[test]
fn a_barrier_falls_with_the_promotion_and_with_its_time() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let billing = promoting(&mut world);
    assert!(world.stage.barrier(&service("billing"), 8_999).is_some());
    assert_eq!(world.stage.barrier(&service("billing"), 9_000), None);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.finish_promotion(&billing, terms)).unwrap();
    assert_eq!(world.stage.services[&service("billing")].barrier, None);
}

#[test]
fn a_barrier_that_is_lowered_lets_new_views_in() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let billing = promoting(&mut world);
    twice(&mut world.stage, |stage| stage.lower_barrier(&billing, 3_000)).unwrap();
    world.blue("orders", "o1", &["billing"]);
}

#[test]
fn only_a_promotion_that_has_begun_raises_a_barrier() {
    let mut world = World::new();
    let billing = world.tested("billing", "b1", &[]);
    let refused = world.stage.raise_barrier(&billing, 9_000, 2_000).unwrap_err();
    assert!(matches!(refused, Refusal::WrongState { state: State::Tested, .. }));
}

#[test]
fn two_promotions_do_not_raise_it_at_once() {
    let mut world = World::new();
    let first = promoting(&mut world);
    let second = world.tested("billing", "b10", &[]);
    let terms = world.terms(OnSkew::Block);
    world.stage.begin_promotion(&second, &seen(&second), terms).unwrap();
    let refused = world.stage.raise_barrier(&second, 9_000, 2_000).unwrap_err();
    assert!(matches!(refused, Refusal::Barred { by, .. } if by == first));
}

#[test]
fn a_full_stage_says_who_fills_it() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    world.live("billing", "b2", &[]);
    let mut request = world.request("orders", "o1", &[]);
    request.most_versions = Some(2);
    let full = Refusal::StageFull { service: service("orders"), most: 2, held_by: vec![(service("billing"), 2)] };
    assert_eq!(world.begin(&request), Err(full));
    request.most_versions = Some(3);
    world.begin(&request).unwrap();
}

#[test]
fn a_retry_that_waits_behind_a_barrier_does_not_hold_it_up_by_its_first_attempt() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let first_attempt = world.blue("orders", "o1", &["billing"]);
    let billing = promoting(&mut world);
    let mut retry = world.request("orders", "o1", &["billing"]);
    retry.execution.action_execution_id = "o1-again".to_owned();
    assert!(matches!(world.begin(&retry), Err(Refusal::Barred { .. })));
    assert_eq!(world.stage.holders(&billing), std::slice::from_ref(&first_attempt));

    twice(&mut world.stage, |stage| stage.give_up_older_attempts(&retry)).unwrap();
    assert_eq!(world.state(&first_attempt), State::Abandoned);
    assert_eq!(world.stage.holders(&billing), []);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.finish_promotion(&billing, terms)).unwrap();
    world.begin(&retry).unwrap();
}

#[test]
fn what_a_waiting_version_has_begun_itself_is_not_given_up() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let begun = world.begin(&request).unwrap();
    twice(&mut world.stage, |stage| stage.give_up_older_attempts(&request)).unwrap();
    assert_eq!(world.state(&begun), State::Creating);
}
