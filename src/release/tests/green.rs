use super::*;

/// A tested version of orders whose template declares the parameter.
fn tested(world: &mut World, execution: &str) -> VersionRef {
    let mut request = world.request("orders", execution, &[]);
    request.declares_green = true;
    let of = world.begin(&request).unwrap();
    world.make_ready(&of);
    world.pass(&of);
    of
}

fn begin(world: &mut World, of: &VersionRef) {
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.begin_promotion(of, &seen(of), terms)).unwrap();
}

fn turn(world: &mut World, of: &VersionRef, on: bool) -> Result<(), Refusal> {
    twice(&mut world.stage, |stage| stage.turn_green(of, on))?;
    let before = world.stage.version(of).unwrap().stack.changed_at.clone();
    let turned = Turned { on, changed_before: before.as_deref(), changed_at: Some("turned"), at: 7 };
    twice(&mut world.stage, |stage| stage.turned_green(of, &turned))
}

fn live(world: &mut World, execution: &str) -> VersionRef {
    let of = tested(world, execution);
    begin(world, &of);
    turn(world, &of, true).unwrap();
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.finish_promotion(&of, terms)).unwrap();
    of
}

fn green(world: &World, of: &VersionRef) -> Option<Green> {
    world.stage.version(of).unwrap().green
}

#[test]
fn a_blue_gets_no_events() {
    let mut world = World::new();
    let blue = tested(&mut world, "o1");
    assert_eq!(green(&world, &blue), Some(Green::Off));
    let plain = world.blue("billing", "b1", &[]);
    assert_eq!(green(&world, &plain), None);
}

#[test]
fn nobody_gets_events_before_the_old_version_has_stopped() {
    let mut world = World::new();
    let old = live(&mut world, "o1");
    let new = tested(&mut world, "o2");
    begin(&mut world, &new);
    let second = Refusal::SecondSubscriber { of: new.clone(), other: old.clone() };
    assert_eq!(turn(&mut world, &new, true), Err(second.clone()));
    twice(&mut world.stage, |stage| stage.turn_green(&old, false)).unwrap();
    assert_eq!(green(&world, &old), Some(Green::TurningOff));
    assert_eq!(turn(&mut world, &new, true), Err(second), "it may still get them");
    turn(&mut world, &old, false).unwrap();
    turn(&mut world, &new, true).unwrap();
    assert_eq!((green(&world, &old), green(&world, &new)), (Some(Green::Off), Some(Green::On)));
}

#[test]
fn a_version_goes_live_only_once_it_gets_the_events() {
    let mut world = World::new();
    let orders = tested(&mut world, "o1");
    begin(&mut world, &orders);
    let terms = world.terms(OnSkew::Block);
    let refused = world.stage.finish_promotion(&orders, terms).unwrap_err();
    assert!(matches!(refused, Refusal::WrongState { state: State::Promoting, .. }));
    turn(&mut world, &orders, true).unwrap();
    world.stage.finish_promotion(&orders, terms).unwrap();
}

#[test]
fn our_own_change_of_the_parameter_is_not_a_change_from_outside() {
    let mut world = World::new();
    let orders = tested(&mut world, "o1");
    begin(&mut world, &orders);
    turn(&mut world, &orders, true).unwrap();
    turn(&mut world, &orders, false).unwrap();
    let now = StackSeen { changed_at: Some("turned".to_owned()), ..seen(&orders) };
    let terms = world.terms(OnSkew::Block);
    assert_eq!(world.stage.begin_promotion(&orders, &now, terms), Ok(()));
}
