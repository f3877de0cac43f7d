//! Every sentence on one page: `snapshots/`. Review it as somebody who reads it in the console for the first time.

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use self::samples::*;
use super::*;
use crate::actions::properties::PropertyError;
use crate::actions::rebind::Rebound;
use crate::ports::RunEnd;
use crate::release::{Refusal, Stage, Version};

struct Page(String);

impl Page {
    fn section(&mut self, title: &str) {
        let _ = writeln!(self.0, "\n## {title}\n");
    }

    fn line(&mut self, sentence: &str) {
        let _ = writeln!(self.0, "{sentence}\n");
    }

    fn failure(&mut self, action: ActionKind, stop: &Stop, standing: &Standing) {
        let Failure { cause, message, .. } = failure(&job(action), stop, standing);
        let _ = writeln!(self.0, "[{cause:?}] {message}\n");
    }
}

/// The action in which the stop is most likely.
fn action_of(stop: &Stop) -> ActionKind {
    match stop {
        Stop::TestsFailed(_) | Stop::RunsLost { .. } | Stop::RoleDenied { .. } => ActionKind::RunIsolatedTests,
        Stop::Refused(
            Refusal::Untested { .. }
            | Refusal::Skewed { .. }
            | Refusal::OlderThanLive { .. }
            | Refusal::ChangedSinceTested { .. },
        ) => ActionKind::Promote,
        _ => ActionKind::DeployBlue,
    }
}

fn failures(page: &mut Page) {
    page.section("Every stop");
    for stop in stops() {
        page.failure(action_of(&stop), &stop, &Standing::Untouched);
    }
    page.section("Every refusal");
    for refusal in refusals() {
        let stop = Stop::Refused(refusal);
        page.failure(action_of(&stop), &stop, &Standing::Untouched);
    }
}

fn failed_tests(page: &mut Page) {
    page.section("Every way in which tests fail");
    for (number, end) in bad_ends().into_iter().enumerate() {
        let against = if number == 0 { vec![of("billing", "v3-0a0a0a0a")] } else { Vec::new() };
        let stop = Stop::TestsFailed(Box::new(FailedRun {
            of: orders(),
            against,
            run: "run-a1-1".parse().unwrap(),
            end,
            kept_at: "s3://team-state/runs/test/run-a1-1/".to_owned(),
        }));
        page.failure(ActionKind::RunIsolatedTests, &stop, &Standing::Untouched);
    }
}

fn standings(page: &mut Page) {
    let stack = || "test-orders-v7-3f2a9c1e".to_owned();
    page.section("Every standing");
    let contended = Stop::Contended(test_stage());
    let standings =
        [Standing::Untouched, Standing::Unknown, Standing::Removed(stack()), Standing::BeingRemoved(stack())];
    for standing in &standings {
        page.failure(ActionKind::DeployBlue, &contended, standing);
    }
    for action in [ActionKind::RunIsolatedTests, ActionKind::Promote] {
        page.failure(action, &contended, &Standing::Untouched);
        page.failure(action, &Stop::UnreadableToken, &Standing::Unknown);
    }
    page.section("Bugs");
    for action in ActionKind::ALL {
        page.line(&panicked(&job(action), "index out of bounds"));
    }
}

fn progress(page: &mut Page) {
    page.section("Progress");
    let against = [of("billing", "v3-0a0a0a0a"), of("mail", "v2-5c5c5c5c")];
    for fault in faults() {
        page.line(&trying_again(&Stop::Fault(fault)));
    }
    for refusal in refusals()
        .iter()
        .filter(|refusal| matches!(refusal, Refusal::NotLiveYet { on_their_way, .. } if !on_their_way.is_empty()))
    {
        page.line(&waiting_for_dependency(refusal));
    }
    page.line(&stack_in_progress(&orders(), "CREATE_IN_PROGRESS"));
    page.line(&tests_started(&orders(), &against));
    page.line(&tests_started(&orders(), &[]));
    page.line(&tests_running(""));
    page.line(&tests_running("checkout: 3 of 14"));
    page.line(&no_free_place());
    let Stop::Property(missing) = no_input_artifact() else {
        panic!("it is a property's error");
    };
    page.failure(ActionKind::RunIsolatedTests, &Stop::Property(missing), &Standing::Untouched);
}

fn success(page: &mut Page) {
    let against = [of("billing", "v3-0a0a0a0a"), of("mail", "v2-5c5c5c5c")];
    page.section("Success");
    page.line(&deployed(&test_stage(), &orders(), &version()));
    let alone = Version { wiring: BTreeMap::new(), ..version() };
    page.line(&deployed(&test_stage(), &orders(), &alone));
    for totals in [None, totals(1, 0, 0), totals(14, 0, 0), totals(14, 0, 2)] {
        page.line(&tests_passed(&orders(), &against, &RunEnd { totals, ..end() }));
    }
    let previous = id("v6-2d2d2d2d");
    let plain = Stage::empty(test_stage());
    page.line(&promoted(&plain, &orders(), (None, None)));
    page.line(&promoted(&plain, &orders(), (Some(&previous), None)));
    let gap = Some(Duration::from_millis(2_340));
    page.line(&promoted(&plain, &orders(), (Some(&previous), gap)));
    page.line(&promoted(&skewed_stage(), &orders(), (Some(&previous), None)));
    page.line(&was_live(&plain, &orders()));
    let both = Rebound {
        started: BTreeMap::from([("orders".parse().unwrap(), "e-2".to_owned())]),
        later: BTreeSet::from(["reports".parse().unwrap()]),
        ..Rebound::default()
    };
    page.line(rebound(&both).trim_start());
}

fn waiting(page: &mut Page) {
    page.section("Waiting");
    page.line(&waits_for_blues(&orders(), &[of("mail", "v2-5c5c5c5c")]));
    page.line(&events_are_handed_over(&orders()));
    page.line(&being_updated(&orders(), "orders-of-test"));
    let reserved = refusals().into_iter().find(|refusal| matches!(refusal, Refusal::Reserved { .. }));
    page.line(&waits_its_turn(&reserved.unwrap()));
    page.section("Verbs");
    page.line(&not_switched_back(&Stop::Contended(test_stage())));
    page.line(&events_do_not_follow(&Stop::Contended(test_stage())));
    page.line(&not_rebound(&Stop::Contended(test_stage())));
    page.failure(ActionKind::Promote, &hidden_parameter("Password"), &Standing::Untouched);
}

#[test]
fn every_sentence_reads_well() {
    let mut page = Page("Every sentence that a person reads in the console.\n".to_owned());
    for part in [failures, failed_tests, standings, progress, success, waiting] {
        part(&mut page);
    }
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("every_sentence", page.0);
    });
}

/// A new refusal does not compile here until it has its place on the page.
fn kind(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::OwnedByAnother { .. } => 0,
        Refusal::UnknownDependency { .. } => 1,
        Refusal::NotLiveYet { .. } => 2,
        Refusal::UnknownOutput { .. } => 3,
        Refusal::Circle { .. } => 4,
        Refusal::NothingDeployed { .. } => 5,
        Refusal::Abandoned { .. } => 6,
        Refusal::WrongState { .. } => 7,
        Refusal::RunReplaced { .. } => 8,
        Refusal::Untested { .. } => 9,
        Refusal::ChangedSinceTested { .. } => 10,
        Refusal::OlderThanLive { .. } => 11,
        Refusal::Skewed { .. } => 12,
        Refusal::Pinned { .. } => 13,
        Refusal::Reserved { .. } => 14,
        Refusal::Barred { .. } => 15,
        Refusal::Held { .. } => 16,
        Refusal::StageFull { .. } => 17,
        Refusal::SecondSubscriber { .. } => 18,
        Refusal::NothingKept { .. } => 19,
        Refusal::WouldBeUntested { .. } => 20,
        Refusal::LiveChanged { .. } => 21,
    }
}

/// The same for stops; refusals and failed tests have pages of their own.
fn kind_of_stop(stop: &Stop) -> usize {
    match stop {
        Stop::Property(_) => 0,
        Stop::Fault(_) => 1,
        Stop::Artifact(_) => 2,
        Stop::StackFailed { .. } => 3,
        Stop::DeadlinePassed { .. } => 4,
        Stop::RunsLost { .. } => 5,
        Stop::Contended(_) => 6,
        Stop::UnreadableToken => 7,
        Stop::Workspace(_) => 8,
        Stop::NotDrained { .. } => 9,
        Stop::RunsInvalid { .. } => 10,
        Stop::NewerToken { .. } => 11,
        Stop::RoleDenied { .. } => 12,
        Stop::Refused(_) | Stop::TestsFailed(_) => usize::MAX,
    }
}

#[test]
fn no_stop_and_no_refusal_is_missing_on_the_page() {
    let kinds: BTreeSet<usize> = refusals().iter().map(kind).collect();
    assert_eq!(kinds, (0..22).collect());
    let kinds: BTreeSet<usize> = stops().iter().map(kind_of_stop).collect();
    assert_eq!(kinds, (0..13).collect());
}

#[test]
fn every_failure_is_whole_sentences_and_says_how_things_stand() {
    let stops = stops().into_iter().chain(refusals().into_iter().map(Stop::Refused));
    for stop in stops {
        for action in ActionKind::ALL {
            let failure = failure(&job(action), &stop, &Standing::Untouched);
            let told = failure.message.as_str();
            assert!(told.ends_with('.'), "{told}");
            for ugly in ["..", "  ", ": .", " .", ".:"] {
                assert!(!told.contains(ugly), "\"{ugly}\" in: {told}");
            }
            assert!(told.matches(". ").count() >= 2, "what, why, what to do, how it stands: {told}");
        }
    }
}

#[test]
fn a_long_message_is_cut_to_what_codepipeline_takes() {
    let endless = Stop::Property(PropertyError::new("Command", "ä".repeat(9_000)));
    let failure = failure(&job(ActionKind::DeployBlue), &endless, &Standing::Untouched);
    assert_eq!(failure.message.as_str().chars().count(), 5_000);
}
