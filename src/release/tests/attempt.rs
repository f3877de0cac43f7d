use super::super::attempt::{Attempt, Draft, SeemedLost, attempt};
use super::*;

fn begin(request: &BlueRequest) -> impl Fn(&mut Stage) -> Result<VersionId, Refusal> + '_ {
    |stage| stage.begin_blue(request)
}

#[test]
fn a_change_raises_the_number_by_one_and_bears_its_writers_id() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let Attempt::Write(after, _) = attempt(world.stage.clone(), "w1", None, begin(&request)).unwrap() else {
        panic!("a version that begins is written");
    };
    assert_eq!((after.seq, after.written_by.as_str()), (world.stage.seq + 1, "w1"));
}

#[test]
fn what_changes_nothing_is_not_written() {
    let mut world = World::new();
    let request = world.request("orders", "o1", &[]);
    let orders = world.begin(&request).unwrap();
    let settled = Attempt::Settled(world.stage.clone(), orders.version);
    assert_eq!(attempt(world.stage.clone(), "w1", None, begin(&request)), Ok(settled));
}

#[test]
fn a_write_that_landed_although_it_seemed_lost_is_recognised() {
    let mut world = World::new();
    world.stage.written_by = "w1".to_owned();
    let refuse = |_: &mut Stage| Err(Refusal::NothingDeployed { service: service("orders") });
    let settled = Attempt::Settled(world.stage.clone(), 7);
    assert_eq!(attempt(world.stage.clone(), "w1", Some(7), refuse), Ok(settled), "the answer of that write");
    assert!(attempt(world.stage.clone(), "w2", Some(7), refuse).is_err(), "another's write: tried again");
    assert!(attempt(world.stage.clone(), "w1", None, refuse).is_err(), "nothing was written yet");
}

#[test]
fn a_refused_attempt_is_dropped_with_all_that_it_had_changed() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    let half = |stage: &mut Stage| {
        stage.abandon(&orders, "half way", 5)?;
        Err::<(), _>(Refusal::NothingDeployed { service: service("orders") })
    };
    let before = world.stage.clone();
    assert!(attempt(world.stage.clone(), "w1", None, half).is_err());
    assert_eq!(world.stage, before);
}

#[test]
fn transitions_in_one_draft_see_each_other_and_are_one_write() {
    let mut world = World::new();
    let orders = world.request("orders", "o1", &[]);
    let mail = world.request("mail", "m1", &[]);
    let mut draft = Draft::on(world.stage.clone(), "w1".to_owned());
    let first = draft.add(&[], begin(&orders)).unwrap();
    draft.add(&[], begin(&mail)).unwrap();
    assert_eq!(draft.add(&[], begin(&orders)), Ok(first), "the same once more finds what the first one did");
    let Attempt::Write(after, ()) = draft.finish() else {
        panic!("versions that begin are written");
    };
    assert_eq!((after.seq, after.written_by.as_str()), (world.stage.seq + 1, "w1"));
    let begun = |name: &str| after.services[&service(name)].versions.len();
    assert_eq!((begun("orders"), begun("mail")), (1, 1));
}

#[test]
fn a_refused_transition_leaves_nothing_in_a_draft_and_spoils_no_other() {
    let mut world = World::new();
    let orders = world.blue("orders", "o1", &[]);
    let mail = world.request("mail", "m1", &[]);
    let half = |stage: &mut Stage| {
        stage.abandon(&orders, "half way", 5)?;
        Err::<(), _>(Refusal::NothingDeployed { service: service("orders") })
    };
    let mut draft = Draft::on(world.stage.clone(), "w1".to_owned());
    draft.add(&[], begin(&mail)).unwrap();
    assert!(draft.add(&[], half).is_err());
    let Attempt::Write(after, ()) = draft.finish() else {
        panic!("a version that begins is written");
    };
    assert_eq!(after.version(&orders).unwrap().state, State::Blue);
    assert_eq!(after.services[&service("mail")].versions.len(), 1);
}

#[test]
fn a_draft_that_ends_as_it_began_is_not_written() {
    let world = World::new();
    let rename = |name: &'static str| {
        move |stage: &mut Stage| {
            stage.recent.clear();
            stage.name = name.parse().unwrap();
            Ok(())
        }
    };
    let mut draft = Draft::on(world.stage.clone(), "w1".to_owned());
    draft.add(&[], rename("other")).unwrap();
    draft.add(&[], rename("test")).unwrap();
    assert_eq!(draft.finish(), Attempt::Settled(world.stage.clone(), ()));
}

#[test]
fn of_a_draft_that_seemed_lost_each_transition_finds_its_own_answer() {
    let mut world = World::new();
    world.stage.written_by = "w1".to_owned();
    let refuse = |_: &mut Stage| Err(Refusal::NothingDeployed { service: service("orders") });
    let lost = |write_id: &str, answer| SeemedLost { write_id: write_id.to_owned(), answer };
    let mut draft = Draft::on(world.stage.clone(), "w3".to_owned());
    assert_eq!(draft.add(&[lost("w1", 7)], refuse), Ok(7), "stored by w1");
    assert_eq!(
        draft.add(&[lost("w0", 8), lost("w1", 9), lost("w2", 10)], refuse),
        Ok(9),
        "w1 landed after w2 was begun"
    );
    assert!(draft.add(&[lost("w0", 11)], refuse).is_err(), "w0 was lost indeed");
    assert_eq!(draft.finish(), Attempt::Settled(world.stage.clone(), ()));
}
