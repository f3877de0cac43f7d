use super::reach::Pin;
use super::*;

#[test]
fn a_pin_follows_wiring_to_its_end() {
    let mut world = World::new();
    let first_stock = world.live("inventory", "i1", &[]);
    let billing = world.live("billing", "b1", &["inventory"]);
    let orders = world.blue("orders", "o1", &["billing"]);
    for execution in ["i2", "i3"] {
        world.live("inventory", execution, &[]);
    }
    assert_eq!(
        world.stage.pins_of(&first_stock).into_iter().collect::<Vec<_>>(),
        [Pin::WiredInto(billing.clone())],
        "two promotions later, the first inventory is still what billing calls"
    );
    let closure: Vec<_> = world.stage.closure_of(&orders).into_iter().collect();
    assert_eq!(closure, [billing, first_stock]);
}

#[test]
fn a_kept_versions_wiring_pins() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let kept = world.live("orders", "o1", &["billing"]);
    world.live("orders", "o2", &[]);
    world.live("billing", "b2", &[]);
    world.live("billing", "b3", &[]);
    assert_eq!(world.stage.pins_of(&old).into_iter().collect::<Vec<_>>(), [Pin::WiredInto(kept)]);
}

#[test]
fn a_version_that_was_never_promoted_is_in_nobody_elses_view() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let dirty = world.tested("billing", "b2", &[]);
    let orders = world.blue("orders", "o1", &["billing"]);
    assert_ne!(world.stage.version(&orders).unwrap().view[&service("billing")], dirty.version);
    assert_eq!(world.stage.pins_of(&dirty).into_iter().collect::<Vec<_>>(), [Pin::OnItsWay]);
}

#[test]
fn the_history_is_bounded() {
    let mut world = World::new();
    for number in 0..120 {
        world.live("orders", &format!("o{number}"), &[]);
    }
    assert_eq!(world.stage.recent.len(), 200);
    assert_eq!(world.stage.recent.last().unwrap().what, "went live");
}
