use super::super::attempt::{Attempt, attempt};
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
