//! Every sentence on one page: `snapshots/`. Review it as somebody who reads it in the console for the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::*;
use crate::actions::properties::PropertyError;
use crate::actions::stop::Stop;
use crate::ports::{FailedTest, JobId, PipelineContext, Totals};
use crate::release::reach::Pin;
use crate::release::{
    Execution, Outputs, Refusal, Skew, StackRef, StageName, State, Version, VersionId, Wire,
};

fn id(text: &str) -> VersionId {
    text.to_owned().try_into().unwrap()
}

fn of(service: &str, version: &str) -> VersionRef {
    VersionRef {
        service: service.parse().unwrap(),
        version: id(version),
    }
}

fn orders() -> VersionRef {
    of("orders", "v7-3f2a9c1e")
}

fn test_stage() -> StageName {
    "test".parse().unwrap()
}

fn execution() -> Execution {
    Execution {
        pipeline_arn: "arn:aws:codepipeline:eu-central-1:1:orders".to_owned(),
        execution_id: "e-1".to_owned(),
        action_execution_id: "a-1".to_owned(),
    }
}

fn job(action: ActionKind) -> Job {
    let properties = [("Stage", "test"), ("Service", "orders")];
    Job {
        id: JobId("job-1".to_owned()),
        action,
        configuration: properties
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        pipeline: PipelineContext {
            pipeline: "orders".to_owned(),
            action: action.provider().to_owned(),
            execution: execution(),
        },
        inputs: Vec::new(),
        outputs: Vec::new(),
        credentials: None,
        encryption_key: None,
        token: None,
    }
}

fn skew(live_now: Option<&str>, promoted_by: Option<&str>) -> Skew {
    Skew {
        service: "billing".parse().unwrap(),
        tested_with: id("v3-0a0a0a0a"),
        live_now: live_now.map(id),
        promoted_by: promoted_by.map(str::to_owned),
    }
}

fn refusals() -> Vec<Refusal> {
    let service = || "orders".parse().unwrap();
    let dependency = || "billing".parse().unwrap();
    let by = "arn:aws:codepipeline:eu-central-1:1:billing e-9";
    let mut all = vec![
        Refusal::OwnedByAnother {
            service: service(),
            owner: "arn:aws:codepipeline:eu-central-1:1:other".to_owned(),
        },
        Refusal::UnknownDependency {
            service: service(),
            dependency: dependency(),
            known: vec!["mail".parse().unwrap(), "stock".parse().unwrap()],
        },
        Refusal::UnknownDependency {
            service: service(),
            dependency: dependency(),
            known: vec![],
        },
        Refusal::NotLiveYet {
            service: service(),
            dependency: dependency(),
            on_their_way: vec![],
        },
        Refusal::NotLiveYet {
            service: service(),
            dependency: dependency(),
            on_their_way: vec![id("v3-0a0a0a0a")],
        },
        Refusal::UnknownOutput {
            dependency: of("billing", "v3-0a0a0a0a"),
            output: "Uri".to_owned(),
            available: vec!["Arn".to_owned(), "Url".to_owned()],
        },
        Refusal::Circle {
            path: ["orders", "billing", "orders"]
                .map(|name| name.parse().unwrap())
                .into(),
        },
        Refusal::NothingDeployed { service: service() },
        Refusal::Abandoned {
            of: orders(),
            because: "its pipeline execution was stopped or superseded".to_owned(),
        },
        Refusal::RunReplaced {
            of: orders(),
            run: "run-a1-1".parse().unwrap(),
        },
        Refusal::Untested {
            of: orders(),
            failed: false,
        },
        Refusal::Untested {
            of: orders(),
            failed: true,
        },
        Refusal::ChangedSinceTested { of: orders() },
        Refusal::OlderThanLive {
            of: orders(),
            live: id("v8-4b4b4b4b"),
        },
        Refusal::Skewed {
            of: orders(),
            skew: vec![
                skew(Some("v4-1b1b1b1b"), Some(by)),
                skew(Some("v4-1b1b1b1b"), None),
                skew(None, None),
            ],
        },
        Refusal::Pinned {
            of: orders(),
            by: vec![
                Pin::Live,
                Pin::Kept,
                Pin::OnItsWay,
                Pin::InViewOf(of("mail", "v2-5c5c5c5c")),
                Pin::WiredInto(of("mail", "v2-5c5c5c5c")),
            ],
        },
    ];
    all.extend(STATES.map(|state| Refusal::WrongState {
        of: orders(),
        state,
    }));
    all
}

const STATES: [State; 8] = [
    State::Creating,
    State::Blue,
    State::Tested,
    State::Promoting,
    State::Live,
    State::Previous,
    State::Abandoned,
    State::Retiring,
];

fn end() -> RunEnd {
    RunEnd {
        exit_code: Some(1),
        signal: None,
        exceeded_seconds: None,
        totals: None,
        failed_tests: Vec::new(),
        report_problem: None,
        tail: String::new(),
        started_at: 1_000,
        ended_at: 1_042,
    }
}

fn totals(tests: u64, failed: u64, skipped: u64) -> Option<Totals> {
    Some(Totals {
        tests,
        failed,
        skipped,
    })
}

/// Each way in which a run can fail.
fn bad_ends() -> Vec<RunEnd> {
    let failed = |number| FailedTest {
        name: format!("checkout.test_{number}"),
        message: "expected 1, got 2".to_owned(),
    };
    vec![
        RunEnd {
            totals: totals(14, 12, 1),
            failed_tests: (1..=12).map(failed).collect(),
            ..end()
        },
        RunEnd {
            totals: totals(1, 1, 0),
            failed_tests: vec![failed(1)],
            ..end()
        },
        RunEnd {
            totals: totals(14, 0, 0),
            tail: "make: *** [test] Error 2\n".to_owned(),
            ..end()
        },
        RunEnd {
            exit_code: None,
            signal: Some(9),
            ..end()
        },
        RunEnd {
            exit_code: None,
            exceeded_seconds: Some(300),
            ..end()
        },
        RunEnd {
            exit_code: Some(0),
            report_problem: Some("no file matches Reports, reports/*.xml.".to_owned()),
            ..end()
        },
        RunEnd {
            exit_code: Some(0),
            totals: totals(0, 0, 0),
            ..end()
        },
        RunEnd {
            exit_code: None,
            ..end()
        },
    ]
}

fn faults() -> [Fault; 3] {
    let doing = || "write the document of stage test".to_owned();
    [
        Fault::Denied {
            doing: doing(),
            detail: "s3:PutObject is not allowed".to_owned(),
        },
        Fault::Unavailable {
            doing: doing(),
            detail: "no answer within 10 s".to_owned(),
        },
        Fault::Rejected {
            doing: doing(),
            detail: "bucket team-state does not exist; create it.".to_owned(),
        },
    ]
}

/// Every stop but the refusals.
fn stops() -> Vec<Stop> {
    let mut stops = vec![
        Stop::Property(PropertyError::new("TemplatePath", "is missing")),
        Stop::Artifact(ArtifactFault::Gone {
            name: "app".to_owned(),
            detail: "s3://artifacts/app.zip does not exist".to_owned(),
        }),
        Stop::Artifact(ArtifactFault::Refused {
            name: "app".to_owned(),
            why: "it holds an absolute path: /etc".to_owned(),
        }),
        Stop::StackFailed {
            stack: "test-orders-v7-3f2a9c1e".to_owned(),
            because: FailedResource {
                resource: "Table".to_owned(),
                kind: "AWS::DynamoDB::Table".to_owned(),
                reason: "Table already exists.".to_owned(),
            },
        },
        Stop::StackFailed {
            stack: "test-orders-v7-3f2a9c1e".to_owned(),
            because: deleted_from_outside("test-orders-v7-3f2a9c1e"),
        },
        Stop::DeadlinePassed {
            waiting_for: stack_in_progress(&orders(), "CREATE_IN_PROGRESS"),
        },
        Stop::RunsLost { attempts: 5 },
        Stop::Contended(test_stage()),
        Stop::UnreadableToken,
        Stop::Workspace(std::io::Error::other("no space left on device")),
    ];
    stops.extend(faults().map(Stop::Fault));
    stops.extend(faults().map(|fault| Stop::Artifact(fault.into())));
    stops
}

fn version() -> Version {
    let wire = Wire {
        version: id("v3-0a0a0a0a"),
        outputs: Outputs::new(),
    };
    Version {
        id: orders().version,
        ordinal: 7,
        state: State::Blue,
        stack: StackRef {
            name: "test-orders-v7-3f2a9c1e".to_owned(),
            id: None,
            changed_at: None,
        },
        outputs: Outputs::new(),
        wiring: [("billing".parse().unwrap(), wire)].into(),
        view: BTreeMap::new(),
        execution: execution(),
        revision: None,
        template_digest: String::new(),
        run: None,
        tested: None,
        abandoned_because: None,
        skew_debt: Vec::new(),
        promoted_at: None,
        created_at: 0,
        expires_at: 0,
    }
}

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
        Stop::TestsFailed(_) | Stop::RunsLost { .. } => ActionKind::RunIsolatedTests,
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
    let stack = || "test-orders-v7-3f2a9c1e".to_owned();
    page.section("Every stop");
    for stop in stops() {
        page.failure(action_of(&stop), &stop, &Standing::Untouched);
    }
    page.section("Every refusal");
    for refusal in refusals() {
        let stop = Stop::Refused(refusal);
        page.failure(action_of(&stop), &stop, &Standing::Untouched);
    }
    page.section("Every way in which tests fail");
    for (number, end) in bad_ends().into_iter().enumerate() {
        let against = if number == 0 {
            vec![of("billing", "v3-0a0a0a0a")]
        } else {
            Vec::new()
        };
        let stop = Stop::TestsFailed(Box::new(FailedRun {
            of: orders(),
            against,
            run: "run-a1-1".parse().unwrap(),
            end,
            kept_at: "s3://team-state/runs/test/run-a1-1.zip".to_owned(),
        }));
        page.failure(ActionKind::RunIsolatedTests, &stop, &Standing::Untouched);
    }
    page.section("Every standing");
    let contended = Stop::Contended(test_stage());
    let standings = [
        Standing::Untouched,
        Standing::Unknown,
        Standing::Removed(stack()),
        Standing::BeingRemoved(stack()),
    ];
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
    for refusal in refusals().iter().filter(|refusal| matches!(refusal, Refusal::NotLiveYet { on_their_way, .. } if !on_their_way.is_empty())) {
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
    page.failure(
        ActionKind::RunIsolatedTests,
        &Stop::Property(missing),
        &Standing::Untouched,
    );
    page.section("Success");
    page.line(&deployed(&test_stage(), &orders(), &version()));
    let alone = Version {
        wiring: BTreeMap::new(),
        ..version()
    };
    page.line(&deployed(&test_stage(), &orders(), &alone));
    for totals in [None, totals(1, 0, 0), totals(14, 0, 0), totals(14, 0, 2)] {
        page.line(&tests_passed(
            &orders(),
            &against,
            &RunEnd { totals, ..end() },
        ));
    }
    let previous = id("v6-2d2d2d2d");
    page.line(&promoted(&test_stage(), &orders(), (&version(), None)));
    page.line(&promoted(
        &test_stage(),
        &orders(),
        (&version(), Some(&previous)),
    ));
    let debt = Version {
        skew_debt: vec![skew(Some("v4-1b1b1b1b"), None), skew(None, None)],
        ..version()
    };
    page.line(&promoted(
        &test_stage(),
        &orders(),
        (&debt, Some(&previous)),
    ));
}

#[test]
fn every_sentence_reads_well() {
    let mut page = Page("Every sentence that a person reads in the console.\n".to_owned());
    failures(&mut page);
    progress(&mut page);
    insta::assert_snapshot!("every_sentence", page.0);
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
        Stop::Refused(_) | Stop::TestsFailed(_) => usize::MAX,
    }
}

#[test]
fn no_stop_and_no_refusal_is_missing_on_the_page() {
    let kinds: BTreeSet<usize> = refusals().iter().map(kind).collect();
    assert_eq!(kinds, (0..14).collect());
    let kinds: BTreeSet<usize> = stops().iter().map(kind_of_stop).collect();
    assert_eq!(kinds, (0..9).collect());
}

#[test]
fn every_failure_is_whole_sentences_and_says_how_things_stand() {
    let stops = stops()
        .into_iter()
        .chain(refusals().into_iter().map(Stop::Refused));
    for stop in stops {
        for action in ActionKind::ALL {
            let failure = failure(&job(action), &stop, &Standing::Untouched);
            let told = failure.message.as_str();
            assert!(told.ends_with('.'), "{told}");
            for ugly in ["..", "  ", ": .", " .", ".:"] {
                assert!(!told.contains(ugly), "\"{ugly}\" in: {told}");
            }
            assert!(
                told.matches(". ").count() >= 2,
                "what, why, what to do, how it stands: {told}"
            );
        }
    }
}

#[test]
fn a_long_message_is_cut_to_what_codepipeline_takes() {
    let endless = Stop::Property(PropertyError::new("Command", "ä".repeat(9_000)));
    let failure = failure(&job(ActionKind::DeployBlue), &endless, &Standing::Untouched);
    assert_eq!(failure.message.as_str().chars().count(), 5_000);
}
