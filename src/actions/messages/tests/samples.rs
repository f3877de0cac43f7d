//! One of everything that a sentence can be about.

use std::collections::BTreeMap;

use crate::actions::messages::{deleted_from_outside, stack_in_progress};
use crate::actions::properties::PropertyError;
use crate::actions::stop::Stop;
use crate::ports::{
    ActionKind, ArtifactFault, BuildEnd, FailedResource, FailedTest, Fault, Job, JobId, Overrun, PipelineContext,
    RunEnd, Totals,
};
use crate::release::reach::Pin;
use crate::release::{
    Debt, Execution, Outputs, Refusal, Service, Skew, StackRef, Stage, StageName, State, Version, VersionId,
    VersionRef, Wire,
};

pub(super) fn id(text: &str) -> VersionId {
    text.to_owned().try_into().unwrap()
}

pub(super) fn of(service: &str, version: &str) -> VersionRef {
    VersionRef { service: service.parse().unwrap(), version: id(version) }
}

pub(super) fn orders() -> VersionRef {
    of("orders", "v7-3f2a9c1e")
}

pub(super) fn test_stage() -> StageName {
    "test".parse().unwrap()
}

pub(super) fn execution() -> Execution {
    Execution {
        pipeline_arn: "arn:aws:codepipeline:eu-central-1:1:orders".to_owned(),
        execution_id: "e-1".to_owned(),
        action_execution_id: "a-1".to_owned(),
    }
}

pub(super) fn job(action: ActionKind) -> Job {
    let properties = [("Stage", "test"), ("Service", "orders")];
    Job {
        id: JobId("job-1".to_owned()),
        action,
        configuration: properties.map(|(name, value)| (name.into(), value.into())).into(),
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

pub(super) fn skew(live_now: Option<&str>, promoted_by: Option<&str>) -> Skew {
    Skew {
        service: "billing".parse().unwrap(),
        tested_with: id("v3-0a0a0a0a"),
        live_now: live_now.map(id),
        promoted_by: promoted_by.map(str::to_owned),
    }
}

#[expect(clippy::too_many_lines, reason = "a table, one entry for each refusal")]
pub(super) fn refusals() -> Vec<Refusal> {
    let service = || "orders".parse().unwrap();
    let dependency = || "billing".parse().unwrap();
    let by = "arn:aws:codepipeline:eu-central-1:1:billing e-9";
    let mut all = vec![
        Refusal::OwnedByAnother { service: service(), owner: "arn:aws:codepipeline:eu-central-1:1:other".to_owned() },
        Refusal::UnknownDependency {
            service: service(),
            dependency: dependency(),
            known: vec!["mail".parse().unwrap(), "stock".parse().unwrap()],
        },
        Refusal::UnknownDependency { service: service(), dependency: dependency(), known: vec![] },
        Refusal::NotLiveYet { service: service(), dependency: dependency(), on_their_way: vec![] },
        Refusal::NotLiveYet { service: service(), dependency: dependency(), on_their_way: vec![id("v3-0a0a0a0a")] },
        Refusal::UnknownOutput {
            dependency: of("billing", "v3-0a0a0a0a"),
            output: "Uri".to_owned(),
            available: vec!["Arn".to_owned(), "Url".to_owned()],
        },
        Refusal::Circle { path: ["orders", "billing", "orders"].map(|name| name.parse().unwrap()).into() },
        Refusal::NothingDeployed { service: service() },
        Refusal::Abandoned { of: orders(), because: "its pipeline execution was stopped or superseded".to_owned() },
        Refusal::RunReplaced { of: orders(), run: "run-a1-1".parse().unwrap() },
        Refusal::Untested { of: orders(), failed: false },
        Refusal::Untested { of: orders(), failed: true },
        Refusal::ChangedSinceTested { of: orders() },
        Refusal::OlderThanLive { of: orders(), live: id("v8-4b4b4b4b") },
        Refusal::Skewed {
            of: orders(),
            skew: vec![skew(Some("v4-1b1b1b1b"), Some(by)), skew(Some("v4-1b1b1b1b"), None), skew(None, None)],
        },
        Refusal::Reserved { of: of("billing", "v4-1b1b1b1b"), by: orders(), until: 9_000 },
        Refusal::Barred {
            service: service(),
            dependency: dependency(),
            by: of("billing", "v4-1b1b1b1b"),
            until: 9_000,
        },
        Refusal::Held { of: of("billing", "v4-1b1b1b1b"), by: vec![orders()] },
        Refusal::StageFull { service: service(), most: 3, held_by: vec![(dependency(), 2), (service(), 1)] },
        Refusal::SecondSubscriber { of: orders(), other: of("orders", "v6-2d2d2d2d") },
        Refusal::NothingKept { service: service(), kept: vec![] },
        Refusal::NothingKept { service: service(), kept: vec![id("v6-2d2d2d2d")] },
        Refusal::LiveChanged { service: service(), live: Some(id("v8-4b4b4b4b")) },
        Refusal::WouldBeUntested { pairs: vec![Debt { caller: orders(), called: of("billing", "v3-0a0a0a0a") }] },
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
    all.extend(STATES.map(|state| Refusal::WrongState { of: orders(), state }));
    all
}

pub(super) const STATES: [State; 8] = [
    State::Creating,
    State::Blue,
    State::Tested,
    State::Promoting,
    State::Live,
    State::Previous,
    State::Abandoned,
    State::Retiring,
];

pub(super) fn end() -> RunEnd {
    RunEnd {
        exit_code: Some(1),
        signal: None,
        exceeded_seconds: None,
        overrun: None,
        totals: None,
        failed_tests: Vec::new(),
        report_problem: None,
        tail: String::new(),
        started_at: 1_000,
        ended_at: 1_042,
        build: None,
    }
}

pub(super) fn totals(tests: u64, failed: u64, skipped: u64) -> Option<Totals> {
    Some(Totals { tests, failed, skipped, flaky: 0 })
}

fn overran(overrun: Overrun) -> RunEnd {
    RunEnd { exit_code: None, signal: Some(9), overrun: Some(overrun), ..end() }
}

fn built(status: &str) -> Option<Box<BuildEnd>> {
    let phases = [
        "SUBMITTED succeeded after 0 s",
        "BUILD failed after 12 s: COMMAND_EXECUTION_ERROR: Error while executing command: npm test. Reason: exit status 1",
    ];
    Some(Box::new(BuildEnd {
        build: "orders-tests:0a1b".to_owned(),
        status: status.to_owned(),
        phases: phases.map(str::to_owned).to_vec(),
        log: Some("https://console.aws.amazon.com/cloudwatch/home#logEvent:group=orders-tests".to_owned()),
    }))
}

/// Each way in which a run can fail.
pub(super) fn bad_ends() -> Vec<RunEnd> {
    let failed =
        |number| FailedTest { name: format!("checkout.test_{number}"), message: "expected 1, got 2".to_owned() };
    vec![
        RunEnd { totals: totals(14, 12, 1), failed_tests: (1..=12).map(failed).collect(), ..end() },
        RunEnd { totals: totals(1, 1, 0), failed_tests: vec![failed(1)], ..end() },
        RunEnd { totals: totals(14, 0, 0), tail: "make: *** [test] Error 2\n".to_owned(), ..end() },
        RunEnd { exit_code: None, signal: Some(9), ..end() },
        RunEnd { exit_code: None, exceeded_seconds: Some(300), ..end() },
        RunEnd {
            exit_code: Some(0),
            report_problem: Some("no file matches Reports, reports/*.xml.".to_owned()),
            ..end()
        },
        RunEnd { exit_code: Some(0), totals: totals(0, 0, 0), ..end() },
        overran(Overrun::Processes { most: 1_024 }),
        overran(Overrun::Memory { mib: 2_048 }),
        overran(Overrun::Disk { mib: 10_240 }),
        overran(Overrun::DiskFull { mib: 256 }),
        overran(Overrun::Unsupervised),
        RunEnd { exit_code: None, ..end() },
        RunEnd {
            exit_code: None,
            totals: totals(14, 1, 0),
            failed_tests: vec![failed(1)],
            build: built("FAILED"),
            ..end()
        },
        RunEnd { exit_code: None, build: built("FAILED"), ..end() },
    ]
}

pub(super) fn faults() -> [Fault; 3] {
    let doing = || "write the document of stage test".to_owned();
    [
        Fault::Denied { doing: doing(), detail: "s3:PutObject is not allowed".to_owned() },
        Fault::Unavailable { doing: doing(), detail: "no answer within 10 s".to_owned() },
        Fault::Rejected { doing: doing(), detail: "bucket team-state does not exist; create it.".to_owned() },
    ]
}

/// Every stop but the refusals.
fn role_denied() -> Stop {
    Stop::RoleDenied {
        role_arn: "arn:aws:iam::1:role/orders-tests".to_owned(),
        detail: "AccessDenied: User: arn:aws:sts::1:assumed-role/worker/i-1 is not authorized to perform: \
                 sts:TagSession on resource: arn:aws:iam::1:role/orders-tests"
            .to_owned(),
    }
}

pub(super) fn stops() -> Vec<Stop> {
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
        Stop::DeadlinePassed { waiting_for: stack_in_progress(&orders(), "CREATE_IN_PROGRESS") },
        Stop::RunsLost { attempts: 5 },
        Stop::NotDrained { going: vec![orders(), of("mail", "v2-5c5c5c5c")], failed: vec![] },
        Stop::NotDrained { going: vec![], failed: vec![orders()] },
        Stop::NotDrained { going: vec![orders()], failed: vec![of("mail", "v2-5c5c5c5c")] },
        role_denied(),
        Stop::RunsInvalid { changed: vec!["stack/x (last changed at noon, before the tests at eleven)".to_owned()] },
        Stop::Contended(test_stage()),
        Stop::UnreadableToken,
        Stop::NewerToken { deadline: 0 },
        Stop::Workspace(std::io::Error::other("no space left on device")),
    ];
    stops.extend(faults().map(Stop::Fault));
    stops.extend(faults().map(|fault| Stop::Artifact(fault.into())));
    stops
}

pub(super) fn version() -> Version {
    let wire = Wire { version: id("v3-0a0a0a0a"), outputs: Outputs::new() };
    Version {
        id: orders().version,
        ordinal: 7,
        state: State::Blue,
        stack: StackRef { name: "test-orders-v7-3f2a9c1e".to_owned(), id: None, changed_at: None },
        leftovers: Vec::new(),
        outputs: Outputs::new(),
        wiring: [("billing".parse().unwrap(), wire)].into(),
        view: BTreeMap::new(),
        execution: execution(),
        revision: None,
        template_digest: String::new(),
        green: None,
        run: None,
        tested: None,
        abandoned_because: None,
        lost: false,
        promoted_at: None,
        created_at: 0,
        expires_at: 0,
    }
}

/// A stage in which orders was tested with a billing that is no longer live.
pub(super) fn skewed_stage() -> Stage {
    let mut stage = Stage::empty(test_stage());
    let mut orders_now = version();
    orders_now.view = BTreeMap::from([("billing".parse().unwrap(), id("v3-0a0a0a0a"))]);
    let mut billing_now = version();
    billing_now.id = id("v4-1b1b1b1b");
    for (name, live) in [("orders", orders_now), ("billing", billing_now)] {
        let service = Service {
            owner: execution().pipeline_arn,
            live: Some(live.id.clone()),
            previous: Vec::new(),
            versions: BTreeMap::from([(live.id.clone(), live)]),
            next_ordinal: 9,
            losses: 0,
            reserved: None,
            barrier: None,
            updating: None,
        };
        stage.services.insert(name.parse().unwrap(), service.into());
    }
    stage
}
