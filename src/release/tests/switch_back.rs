use super::*;

fn back(world: &mut World, to: &VersionRef) -> Result<(), Refusal> {
    let request = SwitchBack {
        service: to.service.clone(),
        to: to.version.clone(),
        away_from: world.live_version(to.service.as_str()),
        who: "somebody".to_owned(),
        reason: "it is slow".to_owned(),
        strict: false,
        at: 5_000,
    };
    twice(&mut world.stage, |stage| stage.switch_back(&request))
}

#[test]
fn switching_back_swaps_live_and_previous() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    let second = world.live("orders", "o2", &[]);
    assert_eq!(world.stage.switch_back_target(&first.service), Ok(first.version.clone()));
    back(&mut world, &first).unwrap();
    assert_eq!(world.live_version("orders"), Some(first.version.clone()));
    assert_eq!(world.state(&first), State::Live);
    assert_eq!(world.state(&second), State::Previous);
    assert_eq!(world.stage.services[&first.service].previous, std::slice::from_ref(&second.version));
    back(&mut world, &second).unwrap();
    assert_eq!(world.live_version("orders"), Some(second.version));
}

#[test]
fn a_late_repeat_of_the_old_promotion_does_not_undo_a_switch_back() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    let second = world.live("orders", "o2", &[]);
    back(&mut world, &first).unwrap();
    world.promote(&second, OnSkew::Block).unwrap();
    assert_eq!(world.live_version("orders"), Some(first.version));
}

#[test]
fn after_a_switch_back_a_new_release_goes_live_as_ever() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    world.live("orders", "o2", &[]);
    back(&mut world, &first).unwrap();
    let third = world.live("orders", "o3", &[]);
    assert_eq!(world.live_version("orders"), Some(third.version));
}

#[test]
fn what_is_not_kept_cannot_be_switched_back_to() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    assert!(matches!(world.stage.switch_back_target(&first.service), Err(Refusal::NothingKept { .. })));
    let second = world.live("orders", "o2", &[]);
    world.live("orders", "o3", &[]);
    let refused = Refusal::NothingKept { service: service("orders"), kept: vec![second.version] };
    assert_eq!(back(&mut world, &first), Err(refused));
}

#[test]
fn switching_a_provider_back_makes_its_tested_callers_debts_and_wired_ones_behind() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    let new = world.live("billing", "b2", &[]);
    let wired = world.live("orders", "o1", &["billing"]);
    let mut request = world.request("reports", "r1", &[]);
    request.depends_on.insert(service("billing"));
    let unwired = world.begin(&request).unwrap();
    world.make_ready(&unwired);
    world.pass(&unwired);
    world.promote(&unwired, OnSkew::Block).unwrap();
    assert_eq!(world.stage.debts(), []);
    assert_eq!(world.stage.behind(), []);

    back(&mut world, &old).unwrap();
    let debt = Debt { caller: unwired, called: old.clone() };
    assert_eq!(world.stage.debts(), [debt]);
    let behind = Behind { of: wired, wired_to: new, live_now: Some(old.version) };
    assert_eq!(world.stage.behind(), [behind]);
}

#[test]
fn a_pair_that_the_called_services_tests_saw_is_no_debt() {
    let mut world = World::new();
    world.live("billing", "b1", &[]);
    let mut request = world.request("reports", "r1", &[]);
    request.depends_on.insert(service("billing"));
    let reports = world.begin(&request).unwrap();
    world.make_ready(&reports);
    world.pass(&reports);
    world.promote(&reports, OnSkew::Block).unwrap();
    let mut request = world.request("billing", "b2", &[]);
    request.depends_on.insert(service("reports"));
    let billing = world.begin(&request).unwrap();
    world.make_ready(&billing);
    world.pass(&billing);
    world.promote(&billing, OnSkew::Block).unwrap();
    assert_eq!(world.stage.debts(), []);
}

#[test]
fn a_strict_switch_back_refuses_to_leave_a_pair_untested() {
    let mut world = World::new();
    let old = world.live("billing", "b1", &[]);
    world.live("billing", "b2", &[]);
    let mut request = world.request("reports", "r1", &[]);
    request.depends_on.insert(service("billing"));
    let reports = world.begin(&request).unwrap();
    world.make_ready(&reports);
    world.pass(&reports);
    world.promote(&reports, OnSkew::Block).unwrap();
    let strict = SwitchBack {
        service: old.service.clone(),
        to: old.version.clone(),
        away_from: world.live_version("billing"),
        who: "somebody".to_owned(),
        reason: "it is slow".to_owned(),
        strict: true,
        at: 5_000,
    };
    let pairs = vec![Debt { caller: reports, called: old }];
    assert_eq!(world.stage.clone().switch_back(&strict), Err(Refusal::WouldBeUntested { pairs }));
}

#[test]
fn a_switch_back_that_comes_late_takes_no_newer_version_away() {
    let mut world = World::new();
    let first = world.live("orders", "o1", &[]);
    let second = world.live("orders", "o2", &[]);
    let request = SwitchBack {
        service: first.service.clone(),
        to: first.version.clone(),
        away_from: Some(second.version),
        who: "somebody".to_owned(),
        reason: "it is slow".to_owned(),
        strict: false,
        at: 5_000,
    };
    twice(&mut world.stage, |stage| stage.switch_back(&request)).unwrap();
    let third = world.live("orders", "o3", &[]);
    let refused = Refusal::LiveChanged { service: first.service, live: Some(third.version.clone()) };
    assert_eq!(world.stage.clone().switch_back(&request), Err(refused));
    assert_eq!(world.live_version("orders"), Some(third.version));
}
