use super::*;

fn run(attempt: u32) -> RunId {
    RunId::new("exec", attempt)
}

#[test]
fn a_version_that_passed_is_tested_with_what_it_ran_against() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    assert_eq!(world.state(&orders), State::Tested);
    let version = world.stage.version(&orders).unwrap();
    let tested = version.tested.as_ref().unwrap();
    assert_eq!(Some(&tested.stack_id), version.stack.id.as_ref());
    assert_eq!(tested.template_digest, version.template_digest);
}

#[test]
fn a_version_whose_stack_is_not_ready_cannot_be_tested() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let orders = world.begin(&request).unwrap();
    let refused = world.stage.run_started(&orders, &run(1), &BTreeMap::new(), 5).unwrap_err();
    assert!(matches!(refused, Refusal::WrongState { state: State::Creating, .. }));
}

#[test]
fn a_failed_run_leaves_the_version_blue_for_another_look() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(1), &BTreeMap::new(), 5)).unwrap();
    twice(&mut world.stage, |stage| stage.run_failed(&orders, &run(1), 6)).unwrap();
    assert_eq!(world.state(&orders), State::Blue);
    let refused = world.promote(&orders, OnSkew::Block).unwrap_err();
    assert_eq!(refused, Refusal::Untested { of: orders, failed: true });
}

#[test]
fn a_late_result_of_a_replaced_run_is_discarded() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(1), &BTreeMap::new(), 5)).unwrap();
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(2), &BTreeMap::new(), 6)).unwrap();
    let replaced = Refusal::RunReplaced { of: orders.clone(), run: run(1) };
    assert_eq!(world.stage.run_passed(&orders, &run(1), 7), Err(replaced.clone()));
    assert_eq!(world.stage.run_failed(&orders, &run(1), 7), Err(replaced));
    assert_eq!(world.state(&orders), State::Blue);
}

#[test]
fn a_failed_run_cannot_pass_later() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(1), &BTreeMap::new(), 5)).unwrap();
    twice(&mut world.stage, |stage| stage.run_failed(&orders, &run(1), 6)).unwrap();
    twice(&mut world.stage, |stage| stage.run_passed(&orders, &run(1), 7)).unwrap();
    assert_eq!(world.state(&orders), State::Blue);
}

#[test]
fn testing_a_tested_version_again_takes_its_pass_back() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(9), &BTreeMap::new(), 9)).unwrap();
    assert_eq!(world.state(&orders), State::Blue);
    assert_eq!(world.promote(&orders, OnSkew::Block), Err(Refusal::Untested { of: orders, failed: false }));
}

#[test]
fn the_result_of_a_version_that_was_given_up_is_discarded() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.run_started(&orders, &run(1), &BTreeMap::new(), 5)).unwrap();
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 6)).unwrap();
    assert!(matches!(world.stage.run_passed(&orders, &run(1), 7), Err(Refusal::Abandoned { .. })));
    assert_eq!(world.state(&orders), State::Abandoned);
}

#[test]
fn what_a_run_reached_is_kept_until_it_counts_and_for_good_when_it_does_not() {
    let mut world = World::new();
    let seen = BTreeMap::from([("stack/one".to_owned(), Some("then".to_owned()))]);
    type Ends = fn(&mut Stage, &VersionRef, &RunId) -> Result<(), Refusal>;
    let ends: [(Ends, usize); 3] = [
        (|stage, of, run| stage.run_passed(of, run, 7), 0),
        (|stage, of, run| stage.run_failed(of, run, 7), 0),
        (|stage, of, run| stage.run_invalid(of, run, 7), 1),
    ];
    for (number, (end, kept)) in (1..).zip(ends) {
        let orders = world.blue("orders", &format!("o{number}"), &[]);
        let run = run(number);
        twice(&mut world.stage, |stage| stage.run_started(&orders, &run, &seen, 6)).unwrap();
        let how_many = |world: &World| world.stage.version(&orders).unwrap().run.as_ref().unwrap().seen.len();
        assert_eq!(how_many(&world), 1);
        twice(&mut world.stage, |stage| end(stage, &orders, &run)).unwrap();
        assert_eq!(how_many(&world), kept);
    }
}
