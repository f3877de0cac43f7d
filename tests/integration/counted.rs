//! What the outside is asked, counted by a proxy in front of it; and answers that get lost on the way.

#![expect(clippy::print_stdout, reason = "the counts and times are told to whoever asks for them with --nocapture")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use aws_sdk_s3::primitives::ByteStream;
use futures::future::join_all;

use crate::bluestage;
use crate::probe::{create, go_live, plain};
use crate::world::{Endpoints, Exchange, Fault, Options, PipelineOptions, Proxy, Trouble, World};

/// The smallest template there is.
const NOTHING: &str = r#"{"Resources":{"Nothing":{"Type":"AWS::CloudFormation::WaitConditionHandle"}}}"#;

/// A world, and a proxy in front of each of its services.
struct Counted {
    world: World,
    aws: Proxy,
    codepipeline: Proxy,
}

impl Counted {
    /// Its worker goes through the proxies, and never sweeps meanwhile.
    async fn start() -> Self {
        let flags = ["--sweep-seconds", "3600"].map(str::to_owned).to_vec();
        let mut world = World::start(&bluestage(), Options { worker_flags: flags, ..Options::default() }).await;
        let registered = world.bluestage(&["actions", "register"]);
        assert!(registered.status.success(), "{registered:?}");
        let (aws, codepipeline) = (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
        let worker = world.worker_at(&endpoints(&aws, &codepipeline));
        world.workers.push(worker);
        Self { world, aws, codepipeline }
    }

    /// Runs `bluestage` through proxies of its own. Tells what it printed and what it asked for.
    async fn bluestage(&self, arguments: &[&str], faults: &[(&str, Fault)]) -> (String, BTreeMap<String, usize>) {
        let (aws, codepipeline) =
            (Proxy::before(&self.world.aws_url).await, Proxy::before(&self.world.codepipeline_url).await);
        for (operation, fault) in faults {
            aws.spoil(operation, *fault);
        }
        let began = Instant::now();
        let output = self.world.bluestage_at(&endpoints(&aws, &codepipeline), arguments);
        let ended = Instant::now();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut counts = aws.counted(began..ended);
        counts.extend(codepipeline.counted(began..ended));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{arguments:?}: {counts:?}, {:?} with the start of the process: {told}", ended - began);
        (told, counts)
    }
}

fn endpoints(aws: &Proxy, codepipeline: &Proxy) -> Endpoints {
    Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() }
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_back_is_one_read_and_one_conditional_write() {
    let counted = Counted::start().await;
    create(&counted.world, "billing", (None, "true")).await;
    let old = go_live(&counted.world, "billing", &plain()).await;
    let new = go_live(&counted.world, "billing", &plain().with("note", "2")).await;
    let switch_back = ["switch-back", "billing", "--stage", "test"];

    let (told, asked) = counted.bluestage(&switch_back, &[]).await;
    assert!(told.contains(&format!("billing {old} is live")), "{told}");
    assert_eq!(asked, counts(&[("S3 GET stages", 1), ("S3 PUT-IF stages", 1)]));

    // The answer to the write is lost, and the SDK's second try finds its own first one in the way.
    let (told, asked) = counted.bluestage(&switch_back, &[("PUT-IF stages", Fault::LoseAnswer)]).await;
    assert!(told.contains(&format!("billing {new} is live")), "{told}");
    assert_eq!(asked, counts(&[("S3 GET stages", 2), ("S3 PUT-IF stages", 2)]));

    // S3 tells of a conflict although it has written.
    let conflict = Fault::RefuseAfterwards(Trouble::Conflict);
    let (told, asked) = counted.bluestage(&switch_back, &[("PUT-IF stages", conflict)]).await;
    assert!(told.contains(&format!("billing {old} is live")), "{told}");
    assert_eq!(asked["S3 GET stages"], 2, "{asked:?}");
    let stage = counted.world.stage().await;
    let switches = stage.recent.iter().filter(|event| event.what.starts_with("was switched back to"));
    assert_eq!(switches.count(), 3, "{:#?}", stage.recent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_without_events_looks_at_its_stack_once_and_writes_once() {
    let counted = Counted::start().await;
    create(&counted.world, "billing", (None, "true")).await;
    go_live(&counted.world, "billing", &plain()).await;
    let exchanges = counted.codepipeline.exchanges();
    let (began, ended) = of_action(&exchanges, "Promote");
    let mut asked = counted.aws.counted(began..ended);
    println!("Promote: {asked:?} in {:?}", ended - began);
    assert_eq!(asked.remove("S3 PUT-IF stages"), Some(1), "the one write");
    assert_eq!(asked.remove("CloudFormation DescribeStacks"), Some(1), "whether it is still the stack that passed");
    assert_eq!(asked.remove("S3 PUT-IF journal"), Some(1), "whether the job is still its worker's, beside the rest");
    assert_eq!(asked.remove("S3 GET stages"), Some(1), "which stack it is, and what the write is made on");
    assert_eq!(asked, BTreeMap::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_and_its_tests_write_the_stage_twice_each() {
    let counted = Counted::start().await;
    create(&counted.world, "billing", (None, "true")).await;
    go_live(&counted.world, "billing", &plain()).await;
    let exchanges = counted.codepipeline.exchanges();
    let mut deploys = counted.aws.counted(of_all_jobs(&exchanges, "DeployBlue"));
    println!("DeployBlue: {deploys:?}");
    deploys.retain(|call, _| !depends_on_time(call));
    let expected = [
        ("CloudFormation CreateChangeSet", 1),
        ("CloudFormation DescribeChangeSet", 1),
        ("CloudFormation ExecuteChangeSet", 1),
        ("CloudFormation ValidateTemplate", 1),
        ("S3 GET artifacts", 1),
        ("S3 GET stages", 2),
        // The version with its view, and that it is ready.
        ("S3 PUT-IF stages", 2),
    ];
    assert_eq!(deploys, counts(&expected));

    let mut tests = counted.aws.counted(of_all_jobs(&exchanges, "RunIsolatedTests"));
    println!("RunIsolatedTests: {tests:?}");
    assert_eq!(
        tests.remove("CloudFormation DescribeStacks"),
        Some(2),
        "its one stack, as the run begins and as it ends"
    );
    // For each job that goes on with a run the stage is read, and how many there are depends on how long the run takes.
    tests.retain(|call, _| !depends_on_time(call) && call != "S3 GET stages");
    // That they run, and that they passed.
    assert_eq!(tests, counts(&[("S3 GET artifacts", 1), ("S3 PUT artifacts", 1), ("S3 PUT-IF stages", 2)]));
}

/// The services that orders is tested with, more than are asked for one by one, and other stacks of the account, so that a
/// listing is of two pages.
const DEPENDENCIES: [&str; 6] = ["accounts", "billing", "catalog", "invoices", "mail", "search"];
const OTHER_STACKS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_reaches_many_stacks_asks_for_none_of_them_by_itself() {
    let counted = Counted::start().await;
    let world = &counted.world;
    for name in DEPENDENCIES {
        create(world, name, (None, "true")).await;
    }
    join_all(DEPENDENCIES.map(|name| async move { go_live(world, name, &plain()).await })).await;
    let cloudformation = world.cloudformation();
    for number in 0..OTHER_STACKS {
        let request = cloudformation.create_stack().stack_name(format!("other-{number}"));
        request.template_body(NOTHING).send().await.expect("somebody makes a stack");
    }
    let orders = PipelineOptions::service("orders")
        .deploy("ParameterOverrides", r#"{"Version":{"Fn::GetBlue":"Version"}}"#)
        .deploy("DependsOn", &DEPENDENCIES.join(","));
    world.create_pipeline("orders", &orders).await;
    let before = counted.codepipeline.exchanges().len();
    go_live(world, "orders", &plain()).await;
    let exchanges = counted.codepipeline.exchanges().split_off(before);
    let asked = counted.aws.counted(of_all_jobs(&exchanges, "RunIsolatedTests"));
    println!("RunIsolatedTests of seven stacks among a hundred: {asked:?}");
    let of_stacks: BTreeMap<String, usize> =
        asked.into_iter().filter(|(call, _)| call.starts_with("CloudFormation")).collect();
    assert_eq!(of_stacks, counts(&[("CloudFormation ListStacks", 4)]), "two pages as it begins, and as it ends");
}

/// How often a stack in the making, a run and the journal are looked at and kept alive depends on how long things take.
fn depends_on_time(call: &str) -> bool {
    call == "CloudFormation DescribeStacks" || call.ends_with(" journal") || call.ends_with(" runs")
}

/// When the first job of the only execution of an action was acknowledged, and when the last one was answered.
fn of_all_jobs(exchanges: &[Exchange], provider: &str) -> Range<Instant> {
    let polls = exchanges.iter().filter(|exchange| exchange.request["actionTypeId"]["provider"] == provider);
    let jobs: Vec<_> = polls.filter_map(|poll| poll.answer["jobs"].get(0)).map(|job| &job["id"]).collect();
    let times = |operation: &'static str| {
        let own = exchanges.iter().filter(|exchange| jobs.contains(&&exchange.request["jobId"]));
        own.filter(move |exchange| exchange.operation == operation).map(|exchange| exchange.at)
    };
    times("AcknowledgeJob").min().expect("taken")..times("PutJobSuccessResult").max().expect("answered")
}

/// When the only job of an action was acknowledged, and when it was answered.
fn of_action(exchanges: &[Exchange], provider: &str) -> (Instant, Instant) {
    let polled = exchanges.iter().find(|exchange| exchange.request["actionTypeId"]["provider"] == provider);
    let job = &polled.expect("a job was handed out").answer["jobs"][0]["id"];
    let when = |operation: &str| {
        let found =
            exchanges.iter().find(|exchange| exchange.operation == operation && exchange.request["jobId"] == *job);
        found.expect("the job was worked on").at
    };
    (when("AcknowledgeJob"), when("PutJobSuccessResult"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_streams_what_is_large_and_loses_only_what_it_is_told_to() {
    let counted = Counted::start().await;
    let s3 = counted.world.s3_at(&endpoints(&counted.aws, &counted.codepipeline));
    let large: Vec<u8> = (0..12_000_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let put = |key: &str| s3.put_object().bucket("sources").key(key).body(ByteStream::from(large.clone()));
    put("large").send().await.unwrap();
    let got = s3.get_object().bucket("sources").key("large").send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == large, "another content");

    counted.aws.spoil("PUT sources", Fault::Drop);
    counted.aws.spoil("PUT sources", Fault::Refuse(Trouble::Throttled));
    put("third time").send().await.unwrap();
    let faults = counted.aws.faults();
    assert_eq!(faults, BTreeMap::from([("reset before", 1), ("throttled before", 1)]));
}

/// What `src/aws/fault.rs` says of clocks rests on this.
#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_signs_by_the_clock_of_the_service_when_its_own_is_refused() {
    let counted = Counted::start().await;
    let through = endpoints(&counted.aws, &counted.codepipeline);
    let put = counted.world.s3().put_object().bucket("sources").key("there").body(ByteStream::from_static(b"x"));
    put.send().await.unwrap();
    counted.aws.spoil("GET sources", Fault::Refuse(Trouble::ClockSkewed));
    let got = counted.world.s3_at(&through).get_object().bucket("sources").key("there").send().await;
    assert!(got.is_ok(), "{got:?}");
    assert_eq!(counted.aws.faults(), BTreeMap::from([("refused before", 1)]));
}
