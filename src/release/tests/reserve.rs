use super::*;

/// A blue of orders that was tested with a billing which then was replaced: it loses.
fn lose(world: &mut World, round: u32) -> VersionRef {
    let orders = world.tested("orders", &format!("o{round}"), &["billing"]);
    world.live("billing", &format!("b{round}"), &[]);
    let refused = world.promote(&orders, OnSkew::Block).unwrap_err();
    assert!(matches!(refused, Refusal::Skewed { .. }), "{refused:?}");
    twice(&mut world.stage, |stage| stage.note_loss(&orders, 5)).unwrap();
    twice(&mut world.stage, |stage| stage.abandon(&orders, "it lost", 6)).unwrap();
    orders
}

fn world_in_which_orders_lost_three_times() -> World {
    let mut world = World::new();
    world.live("billing", "b0", &[]);
    for round in 1..=3 {
        lose(&mut world, round);
    }
    world
}

#[test]
fn after_three_losses_a_service_goes_first() {
    let mut world = world_in_which_orders_lost_three_times();
    let orders = world.tested("orders", "o9", &["billing"]);
    let billing = world.tested("billing", "b9", &[]);
    let refused = world.promote(&billing, OnSkew::Block).unwrap_err();
    assert!(matches!(&refused, Refusal::Reserved { by, .. } if *by == orders), "{refused:?}");
    world.promote(&orders, OnSkew::Block).unwrap();
    world.promote(&billing, OnSkew::Block).unwrap();
    assert_eq!(world.stage.services[&orders.service].losses, 0);
}

#[test]
fn two_losses_are_not_enough() {
    let mut world = World::new();
    world.live("billing", "b0", &[]);
    for round in 1..=2 {
        lose(&mut world, round);
    }
    world.tested("orders", "o9", &["billing"]);
    world.live("billing", "b9", &[]);
}

#[test]
fn a_reservation_ends_when_its_holder_is_given_up() {
    let mut world = world_in_which_orders_lost_three_times();
    let orders = world.blue("orders", "o9", &["billing"]);
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 9)).unwrap();
    world.live("billing", "b9", &[]);
}

#[test]
fn a_reservation_is_void_after_its_time() {
    let mut world = world_in_which_orders_lost_three_times();
    world.blue("orders", "o9", &["billing"]);
    let billing = world.tested("billing", "b9", &[]);
    let late = Promotion { at: 1_000_000, ..world.terms(OnSkew::Block) };
    world.stage.begin_promotion(&billing, &seen(&billing), late).unwrap();
    world.stage.finish_promotion(&billing, late).unwrap();
    assert_eq!(world.live_version("billing"), Some(billing.version));
}

#[test]
fn a_switch_back_does_not_wait_for_a_reservation() {
    let mut world = world_in_which_orders_lost_three_times();
    world.blue("orders", "o9", &["billing"]);
    let to = world.stage.switch_back_target(&service("billing")).unwrap();
    let request = SwitchBack {
        service: service("billing"),
        to: to.clone(),
        away_from: world.live_version("billing"),
        who: "somebody".to_owned(),
        reason: "it is broken".to_owned(),
        strict: false,
        at: 9,
    };
    twice(&mut world.stage, |stage| stage.switch_back(&request)).unwrap();
    assert_eq!(world.live_version("billing"), Some(to));
}
