use super::*;

fn updated(url: &str) -> Updated {
    Updated {
        stack: StackRef {
            name: "billing-test".to_owned(),
            id: Some("stack/fixed".to_owned()),
            changed_at: Some("now".to_owned()),
        },
        outputs: BTreeMap::from([("Url".to_owned(), url.to_owned())]),
    }
}

fn update(world: &mut World, execution: &str) -> Result<VersionRef, Refusal> {
    let of = world.tested("billing", execution, &[]);
    let terms = world.terms(OnSkew::Block);
    let seen = seen(&of);
    twice(&mut world.stage, |stage| stage.begin_promotion(&of, &seen, terms))?;
    let updated = updated(execution);
    twice(&mut world.stage, |stage| stage.finish_update(&of, &updated, terms))?;
    Ok(of)
}

fn left_over(world: &World) -> Vec<String> {
    world.stage.leftovers().into_iter().map(|stack| stack.name).collect()
}

#[test]
fn what_was_tested_goes_live_in_the_fixed_stack_and_its_own_is_left_over() {
    let mut world = World::new();
    let first = update(&mut world, "b1").unwrap();
    let version = world.stage.version(&first).unwrap();
    assert_eq!(version.stack.name, "billing-test");
    assert_eq!(world.live_version("billing"), Some(first.version.clone()));
    let own = first.stack_name(&world.stage.name);
    assert_eq!(left_over(&world), std::slice::from_ref(&own));
    twice(&mut world.stage, |stage| stage.forget_leftover(&own)).unwrap();
    assert_eq!(left_over(&world), [""; 0]);
}

#[test]
fn the_version_that_was_live_in_the_same_stack_is_no_more() {
    let mut world = World::new();
    let first = update(&mut world, "b1").unwrap();
    let second = update(&mut world, "b2").unwrap();
    assert_eq!(world.live_version("billing"), Some(second.version));
    assert_eq!(world.stage.version(&first), None);
    assert!(world.stage.services[&first.service].previous.is_empty());
}

#[test]
fn what_a_version_that_is_no_more_has_left_over_is_not_forgotten_with_it() {
    let mut world = World::new();
    let first = update(&mut world, "b1").unwrap();
    let second = update(&mut world, "b2").unwrap();
    let name = |of: &VersionRef| of.stack_name(&world.stage.name);
    assert_eq!(left_over(&world), [name(&first), name(&second)]);
}

#[test]
fn a_version_that_was_kept_in_the_fixed_stack_is_no_more_once_that_is_updated() {
    let mut world = World::new();
    let kept = update(&mut world, "b1").unwrap();
    let between = world.live("billing", "b2", &[]);
    update(&mut world, "b3").unwrap();
    assert_eq!(world.stage.version(&kept), None);
    assert_eq!(world.stage.services[&between.service].previous, std::slice::from_ref(&between.version));
    assert_eq!(left_over(&world).len(), 2);
}

#[test]
fn nothing_is_finished_while_a_blue_uses_what_was_live_in_the_fixed_stack() {
    let mut world = World::new();
    update(&mut world, "b1").unwrap();
    let orders = world.blue("orders", "o1", &["billing"]);
    world.live("billing", "b2", &[]);
    let refused = update(&mut world, "b3").unwrap_err();
    assert!(matches!(&refused, Refusal::Held { by, .. } if *by == [orders]), "{refused:?}");
}

#[test]
fn an_update_whose_events_were_taken_back_is_not_finished() {
    let mut world = World::new();
    let mut request = world.request("billing", "b1", &[]);
    request.declares_green = true;
    let of = world.begin(&request).unwrap();
    world.make_ready(&of);
    world.pass(&of);
    let terms = world.terms(OnSkew::Block);
    let seen = seen(&of);
    twice(&mut world.stage, |stage| stage.begin_promotion(&of, &seen, terms)).unwrap();
    let updated = updated("b1");
    twice(&mut world.stage, |stage| stage.begin_update(&of, &updated.stack.name)).unwrap();
    let begun = world.stage.update_begun(&of.service).unwrap().clone();
    twice(&mut world.stage, |stage| stage.end_update(&of.service, &begun)).unwrap();
    let refused = world.stage.finish_update(&of, &updated, terms).unwrap_err();
    assert!(matches!(&refused, Refusal::SecondSubscriber { .. }), "{refused:?}");
    assert_eq!(world.live_version("billing"), None);
}

#[test]
fn one_that_was_live_in_another_stack_is_kept() {
    let mut world = World::new();
    let first = world.live("billing", "b1", &[]);
    update(&mut world, "b2").unwrap();
    assert_eq!(world.state(&first), State::Previous);
}

#[test]
fn nothing_is_finished_while_a_blue_uses_what_is_live() {
    let mut world = World::new();
    update(&mut world, "b1").unwrap();
    let orders = world.blue("orders", "o1", &["billing"]);
    let refused = update(&mut world, "b2").unwrap_err();
    assert!(matches!(&refused, Refusal::Held { by, .. } if *by == [orders]), "{refused:?}");
}

#[test]
fn a_consumer_that_is_wired_to_the_fixed_stack_owes_a_test_with_what_is_in_it_now() {
    let mut world = World::new();
    update(&mut world, "b1").unwrap();
    let orders = world.live("orders", "o1", &["billing"]);
    let second = update(&mut world, "b2").unwrap();
    assert_eq!(world.stage.behind(), []);
    let debt = Debt { caller: orders, called: second };
    assert_eq!(world.stage.debts(), [debt]);
}
