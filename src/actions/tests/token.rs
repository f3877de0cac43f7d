//! What one job of an action execution hands to the next.

use super::job;
use crate::actions::stop::Stop;
use crate::actions::token::{Carried, CarriedRun};
use crate::ports::{ActionKind, Job, Seal, Token};
use crate::release::RunId;

fn first() -> Job {
    job(ActionKind::RunIsolatedTests, &[])
}

fn continued(token: &str) -> Job {
    Job { token: Some(token.to_owned()), ..first() }
}

fn full() -> Carried {
    let mut carried = Carried::of(&first(), 1_000, &Seal::none()).unwrap();
    carried.stack_id = Some("arn:stack/x".to_owned());
    carried.run =
        Some(CarriedRun { id: RunId::new("a-1", 2), attempt: 2, invalid: 1, beat: 7, watched_millis: 18_000 });
    carried
}

#[test]
fn what_is_handed_on_arrives_and_the_deadline_stays_the_first_ones() {
    let token = full().token(&Seal::none()).unwrap();
    let arrived = Carried::of(&continued(token.as_str()), 9_999, &Seal::none()).unwrap();
    assert_eq!(arrived, full());
    assert_eq!(arrived.deadline, 1_000);
}

#[test]
fn a_first_job_carries_its_deadline_and_nothing_else() {
    let carried = Carried::of(&first(), 1_000, &Seal::none()).unwrap();
    assert_eq!(carried.deadline, 1_000);
    assert!(carried.stack_id.is_none() && carried.run.is_none());
}

#[test]
fn a_token_that_is_not_ours_is_refused() {
    let ours = full().token(&Seal::none()).unwrap();
    let other_execution = ours.as_str().replace("a-1", "a-2");
    let other_run = ours.as_str().replace("run-a1-2", "run-b7-2");
    let other_attempt = ours.as_str().replace("\"attempt\":2", "\"attempt\":3");
    let more = ours.as_str().replace("\"schema\":1", "\"schema\":1,\"role\":\"admin\"");
    for bad in ["", "x", "{}", &other_execution, &other_run, &other_attempt, &more] {
        assert_ne!(bad, ours.as_str());
        let refused = Carried::of(&continued(bad), 1_000, &Seal::none());
        assert!(matches!(refused, Err(Stop::UnreadableToken)), "{bad}");
    }
}

#[test]
fn a_token_of_a_newer_program_is_told_apart() {
    let newer = full().token(&Seal::none()).unwrap().as_str().replace("\"schema\":1", "\"schema\":2");
    let refused = Carried::of(&continued(&newer), 1_500, &Seal::none());
    assert!(matches!(refused, Err(Stop::NewerToken { deadline: 1_000 })), "{refused:?}");
}

#[test]
fn with_a_key_only_tokens_with_its_seal_are_read() {
    let seal = Seal::of(&"the key of this fleet, 32 characters".to_owned().into()).unwrap();
    let ours = full().token(&seal).unwrap();
    assert_eq!(Carried::of(&continued(ours.as_str()), 1_000, &seal).unwrap(), full());
    let waits_less = ours.as_str().replace("\"watched_millis\":18000", "\"watched_millis\":99999");
    assert_ne!(waits_less, ours.as_str());
    let unsealed = full().token(&Seal::none()).unwrap();
    for forged in [waits_less.as_str(), unsealed.as_str()] {
        let refused = Carried::of(&continued(forged), 1_000, &seal);
        assert!(matches!(refused, Err(Stop::UnreadableToken)), "{forged}");
    }
}

#[test]
fn a_token_gives_an_action_no_more_time_than_its_limit() {
    let for_ever =
        full().token(&Seal::none()).unwrap().as_str().replace("\"deadline\":1000", "\"deadline\":99999999999");
    assert_eq!(Carried::of(&continued(&for_ever), 1_500, &Seal::none()).unwrap().deadline, 1_500);
}

#[test]
fn the_longest_token_is_within_codepipelines_limit() {
    let mut carried = full();
    // A stack's id is its ARN: at most 128 characters of name, and a UUID.
    carried.stack_id = Some("x".repeat(300));
    assert!(carried.token(&Seal::none()).unwrap().as_str().len() < Token::MOST);
    carried.stack_id = Some("x".repeat(Token::MOST));
    assert!(matches!(carried.token(&Seal::none()), Err(Stop::UnreadableToken)));
}
