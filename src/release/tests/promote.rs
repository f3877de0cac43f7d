use super::*;

#[test]
fn promotion_makes_blue_live_and_live_previous() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    let second = world.live("orders", "o2", &[]);
    assert_eq!(world.live_version("orders"), Some(second.version.clone()));
    assert_eq!(world.state(&first), State::Previous);
    assert_eq!(world.stage.services[&service("orders")].previous, [first.version]);
    assert_eq!(world.state(&second), State::Live);
}

#[test]
fn an_untested_blue_is_never_promoted() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    assert_eq!(world.promote(&orders, OnSkew::Report), Err(Refusal::Untested { of: orders, failed: false }));
    assert_eq!(world.live_version("orders"), None);
}

/// The state decides, also in a document in which the pass of an earlier run still stands.
#[test]
fn a_blue_that_is_being_tested_anew_is_not_promoted_for_an_earlier_pass() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    world.stage.service_mut(&orders.service).unwrap().versions.get_mut(&orders.version).unwrap().state = State::Blue;
    assert_eq!(world.promote(&orders, OnSkew::Report), Err(Refusal::Untested { of: orders, failed: false }));
}

#[test]
fn a_stack_that_is_not_the_tested_one_is_refused() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    let changed = Refusal::ChangedSinceTested { of: orders.clone() };
    for seen in [
        StackSeen { id: "another".to_owned(), ..seen(&orders) },
        StackSeen { changed_at: Some("later".to_owned()), ..seen(&orders) },
    ] {
        let terms = world.terms(OnSkew::Block);
        assert_eq!(world.stage.begin_promotion(&orders, &seen, terms), Err(changed.clone()));
    }
}

#[test]
fn a_template_that_is_not_the_tested_one_is_refused() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    let service = world.stage.service_mut(&orders.service).unwrap();
    service.versions.get_mut(&orders.version).unwrap().template_digest = "another".to_owned();
    assert_eq!(world.promote(&orders, OnSkew::Block), Err(Refusal::ChangedSinceTested { of: orders }));
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let mut world = World::new();
    let older = world.tested("orders", "o1", &[]);
    let newer = world.live("orders", "o2", &[]);
    let refused = Refusal::OlderThanLive { of: older.clone(), live: newer.version.clone() };
    assert_eq!(world.promote(&older, OnSkew::Report), Err(refused));
    assert_eq!(world.live_version("orders"), Some(newer.version));
}

#[test]
fn a_version_overtaken_between_intent_and_write_is_refused() {
    let mut world = World::new();
    let older = world.tested("orders", "o1", &[]);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.begin_promotion(&older, &seen(&older), terms)).unwrap();
    world.live("orders", "o2", &[]);
    let refused = world.stage.finish_promotion(&older, terms).unwrap_err();
    assert!(matches!(refused, Refusal::OlderThanLive { .. }));
}

#[test]
fn a_promotion_that_was_not_begun_is_not_finished() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    let terms = world.terms(OnSkew::Block);
    let refused = world.stage.finish_promotion(&orders, terms).unwrap_err();
    assert!(matches!(refused, Refusal::WrongState { state: State::Tested, .. }));
}

#[test]
fn skew_blocks_and_names_which_from_which_to_which_and_who() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let orders = world.tested("orders", "o1", &["billing"]);
    let new = world.live("billing", "b2", &[]);
    let skew = vec![Skew {
        service: service("billing"),
        tested_with: old.version,
        live_now: Some(new.version),
        promoted_by: Some("arn:aws:codepipeline:us-east-1:000000000000:billing b2".to_owned()),
    }];
    assert_eq!(world.promote(&orders, OnSkew::Block), Err(Refusal::Skewed { of: orders.clone(), skew }));
    assert_eq!(world.live_version("orders"), None);
}

#[test]
fn skew_that_is_reported_leaves_a_live_version_behind() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let orders = world.tested("orders", "o1", &["billing"]);
    let new = world.live("billing", "b2", &[]);
    world.promote(&orders, OnSkew::Report).unwrap();
    let behind = world.stage.behind();
    assert_eq!(behind, [Behind { of: orders, wired_to: old, live_now: Some(new.version) }]);
}

#[test]
fn skew_between_intent_and_write_blocks_the_write() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let orders = world.tested("orders", "o1", &["billing"]);
    let terms = world.terms(OnSkew::Block);
    twice(&mut world.stage, |stage| stage.begin_promotion(&orders, &seen(&orders), terms)).unwrap();
    world.live("billing", "b2", &[]);
    assert!(matches!(world.stage.finish_promotion(&orders, terms), Err(Refusal::Skewed { .. })));
}

#[test]
fn a_late_repeat_of_a_promotion_changes_nothing() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    let second = world.live("orders", "o2", &[]);
    world.promote(&first, OnSkew::Block).unwrap();
    assert_eq!(world.live_version("orders"), Some(second.version));
}

#[test]
fn only_as_many_previous_versions_are_kept_as_asked() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    world.live("orders", "o2", &[]);
    let third = world.tested("orders", "o3", &[]);
    let terms = Promotion { keep: 0, ..world.terms(OnSkew::Block) };
    world.stage.begin_promotion(&third, &seen(&third), terms).unwrap();
    world.stage.finish_promotion(&third, terms).unwrap();
    assert!(world.stage.services[&service("orders")].previous.is_empty());
    assert!(world.stage.unreachable().contains(&first));
}

#[test]
fn a_version_that_was_given_up_is_not_promoted() {
    let mut world = World::new();
    let orders = world.tested("orders", "o1", &[]);
    twice(&mut world.stage, |stage| stage.abandon(&orders, "stopped", 6)).unwrap();
    assert!(matches!(world.promote(&orders, OnSkew::Block), Err(Refusal::Abandoned { .. })));
}

#[test]
fn that_a_forgotten_version_was_live_is_told_to_its_own_pipeline_execution() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    world.live("orders", "o2", &[]);
    world.live("orders", "o3", &[]);
    forget(&mut world, &first);
    let orders = service("orders");
    assert_eq!(world.stage.was_live(&orders, "o1"), Some(&first));
    assert_eq!(world.stage.was_live(&orders, "o9"), None);
    assert_eq!(world.stage.was_live(&service("mail"), "o1"), None);
    // Its retry began another one, which was given up: nothing of what was asked last went live.
    let mut retried = world.request("orders", "o1", &[]);
    retried.execution.action_execution_id = "retry-of-o1".to_owned();
    let again = world.begin(&retried).unwrap();
    world.stage.abandon(&again, "stopped", 6).unwrap();
    forget(&mut world, &again);
    assert_eq!(world.stage.was_live(&orders, "o1"), None);
}

fn forget(world: &mut World, of: &VersionRef) {
    world.stage.retire(of, 7).unwrap();
    world.stage.forget(of, 8).unwrap();
}
