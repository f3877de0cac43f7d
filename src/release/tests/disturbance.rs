//! A worker that was stalled goes on although its promotion was given up, its barrier fell, or others were at it since.

use super::*;

fn tested(world: &mut World, execution: &str) -> VersionRef {
    let mut request = world.request("billing", execution, &[]);
    request.declares_green = true;
    let of = world.begin(&request).unwrap();
    world.make_ready(&of);
    world.pass(&of);
    of
}

fn promoting(world: &mut World, execution: &str) -> VersionRef {
    let of = tested(world, execution);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.begin_promotion(&of, &seen(&of), terms)).unwrap();
    of
}

/// Notes a change that was made just now.
fn noted(stage: &mut Stage, of: &VersionRef, on: bool, changed_at: Option<&str>) -> Result<(), Refusal> {
    let changed_before = stage.version(of).and_then(|version| version.stack.changed_at.clone());
    let changed_before = changed_before.as_deref();
    stage.turned_green(of, &Turned { on, changed_before, changed_at, at: 7 })
}

fn turn(world: &mut World, of: &VersionRef, on: bool) {
    twice(&mut world.stage, |stage| stage.turn_green(of, on)).unwrap();
    twice(&mut world.stage, |stage| noted(stage, of, on, Some("turned"))).unwrap();
}

fn live(world: &mut World, execution: &str) -> VersionRef {
    let of = promoting(world, execution);
    turn(world, &of, true);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.finish_promotion(&of, terms)).unwrap();
    of
}

#[test]
fn a_version_that_was_given_up_gets_no_events() {
    let mut world = World::new();
    let blue = promoting(&mut world, "b1");
    twice(&mut world.stage, |stage| stage.abandon(&blue, "stopped", 5)).unwrap();
    assert!(matches!(world.stage.turn_green(&blue, true), Err(Refusal::Abandoned { .. })));
}

#[test]
fn a_blue_gets_no_events_before_its_promotion_has_begun() {
    let mut world = World::new();
    let blue = tested(&mut world, "b1");
    assert!(matches!(world.stage.turn_green(&blue, true), Err(Refusal::WrongState { .. })));
}

#[test]
fn who_comes_late_with_what_it_did_undoes_nothing() {
    let mut world = World::new();
    let old = live(&mut world, "b1");
    let new = promoting(&mut world, "b2");
    turn(&mut world, &old, false);
    turn(&mut world, &new, true);
    let late = noted(&mut world.stage, &old, true, Some("then")).unwrap_err();
    assert!(matches!(late, Refusal::WrongState { .. }));
    let late = noted(&mut world.stage, &new, false, Some("then")).unwrap_err();
    assert!(matches!(late, Refusal::WrongState { .. }));
}

#[test]
fn what_is_live_is_not_turned_off_under_a_blue_that_reaches_it() {
    let mut world = World::new();
    let old = live(&mut world, "b1");
    promoting(&mut world, "b2");
    let orders = world.blue("orders", "o1", &["billing"]);
    let refused = world.stage.turn_green(&old, false).unwrap_err();
    let pinned = Refusal::Pinned { of: old.clone(), by: vec![reach::Pin::InViewOf(orders.clone())] };
    assert_eq!(refused, pinned);
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 5)).unwrap();
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
}

#[test]
fn no_new_view_reaches_a_stack_that_is_being_changed_though_its_barrier_fell() {
    let mut world = World::new();
    let old = live(&mut world, "b1");
    promoting(&mut world, "b2");
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
    let request = world.request("orders", "o1", &["billing"]);
    let refused = world.begin(&request).unwrap_err();
    assert!(matches!(&refused, Refusal::Barred { by, .. } if *by == old), "{refused:?}");
    twice(&mut world.stage, |stage| noted(stage, &old, false, None)).unwrap();
    world.begin(&request).unwrap();
}

#[test]
fn what_was_begun_is_finished_before_it_is_taken_back() {
    let mut world = World::new();
    let old = live(&mut world, "b1");
    let new = promoting(&mut world, "b2");
    assert_eq!(world.stage.next_turn(&old), None);
    assert_eq!(world.stage.next_turn(&new), Some((old.clone(), false)));
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
    assert_eq!(world.stage.next_turn(&old), Some((old.clone(), false)), "even if it is not wanted any more");
    assert!(matches!(world.stage.turn_green(&old, true), Err(Refusal::WrongState { .. })));
    twice(&mut world.stage, |stage| noted(stage, &old, false, None)).unwrap();
    assert_eq!(world.stage.next_turn(&old), Some((old, true)));
    assert_eq!(world.stage.next_turn(&new), Some((new.clone(), true)));
    twice(&mut world.stage, |stage| stage.turn_green(&new, true)).unwrap();
    assert!(matches!(world.stage.turn_green(&new, false), Err(Refusal::WrongState { .. })));
}

#[test]
fn a_note_of_an_earlier_change_is_not_taken_for_one_of_this() {
    let mut world = World::new();
    let old = live(&mut world, "b1");
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
    let changed_before = world.stage.version(&old).unwrap().stack.changed_at.clone();
    let late = Turned { on: false, changed_before: changed_before.as_deref(), changed_at: Some("first"), at: 9 };
    for (on, changed_at) in [(false, "first"), (true, "second")] {
        twice(&mut world.stage, |stage| stage.turn_green(&old, on)).unwrap();
        twice(&mut world.stage, |stage| noted(stage, &old, on, Some(changed_at))).unwrap();
    }
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
    assert!(matches!(world.stage.turned_green(&old, &late), Err(Refusal::WrongState { .. })));
    assert_eq!(world.stage.version(&old).unwrap().green, Some(Green::TurningOff));
}
