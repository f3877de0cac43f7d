//! Changing a stage: read, apply, write if nothing else was written, else again.

use bluestage::ports::{ActionKind, Verdict};

use crate::memory::{Break, Landed, Memory};

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_on_what_somebody_else_wrote() {
    let world = Memory::new();
    world.stages.meanwhile(|stage| stage.recent.clear());
    let orders = world.release("orders");
    let played = orders.deploy().await;
    assert!(played.turns.is_empty(), "a lost race is no fault");
    played.done();
    let writers: Vec<String> = world.stages.history().into_iter().map(|stage| stage.written_by).collect();
    assert_eq!(writers[0], "somebody-else-1");
    assert_eq!(writers.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wrote_is_never_lost() {
    let world = Memory::new();
    let mail = world.release("mail").goes_live().await;
    let orders = world.release("orders");
    world.stages.meanwhile(move |stage| {
        let mail = stage.service_mut(&"mail".parse().unwrap()).unwrap();
        mail.versions.get_mut(&mail.live.clone().unwrap()).unwrap().revision = Some("theirs".to_owned());
    });
    orders.deploy().await.done();
    let now = world.live("mail").unwrap();
    assert_eq!((now.id, now.revision.as_deref()), (mail.id, Some("theirs")));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_landed_although_it_was_answered_with_a_conflict_is_recognised() {
    let world = Memory::new();
    world.stages.conflict(Landed::Yes);
    let orders = world.release("orders");
    orders.deploy().await.done();
    let began = world.history().iter().filter(|told| *told == "orders began").count();
    assert_eq!(began, 1);
    assert_eq!(world.stage().seq, 2, "begin and ready, nothing twice");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_about_a_write_that_did_not_land_is_tried_again() {
    let world = Memory::new();
    world.stages.conflict(Landed::No);
    world.release("orders").deploy().await.done();
    assert_eq!(world.stage().seq, 2);
    assert_eq!(world.line.trail_of(&["stages.write"]).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn our_write_under_somebody_elses_is_recognised_by_what_it_did() {
    let world = Memory::new();
    let orders = world.release("orders");
    world.line.breaks("stages.write", Break::LostAnswer);
    let first = orders.job(ActionKind::DeployBlue);
    let Some(Verdict::Continue(more)) = world.turn(&first).await else {
        panic!("the answer was lost");
    };
    world.release("mail").goes_live().await;
    orders.go_on(crate::memory::release::next(&first, &more, 1)).await.done();
    assert_eq!(world.versions("orders").len(), 1);
    assert_eq!(orders.version().ordinal, 1);
}

#[tokio::test(start_paused = true)]
async fn a_transition_that_changes_nothing_is_not_written() {
    let world = Memory::new();
    let orders = world.release("orders");
    orders.goes_live().await;
    let written = world.stages.history().len();
    orders.promote().await.done();
    orders.promote().await.done();
    assert_eq!(world.stages.history().len(), written);
}

#[tokio::test(start_paused = true)]
async fn every_write_grows_the_number_by_one_and_has_an_id_of_its_own() {
    let world = Memory::new();
    for service in ["billing", "orders", "mail"] {
        world.release(service).goes_live().await;
    }
    let history = world.stages.history();
    assert!(history.len() >= 15, "{}", history.len());
    for (index, stage) in history.iter().enumerate() {
        assert_eq!(stage.seq, index as u64 + 1);
    }
    let mut writers: Vec<_> = history.iter().map(|stage| &stage.written_by).collect();
    writers.sort();
    writers.dedup();
    assert_eq!(writers.len(), history.len());
}

#[tokio::test(start_paused = true)]
async fn losing_every_race_for_a_minute_is_told_and_tried_again_not_failed() {
    let world = Memory::new();
    for _ in 0..120 {
        world.stages.conflict(Landed::No);
    }
    let played = world.release("orders").deploy().await;
    let told = played.turns[0].summary.as_str();
    assert!(told.contains("too many others changed stage test"), "{told}");
    assert_eq!(played.turns.len(), 1);
    played.done();
}
