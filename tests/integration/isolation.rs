//! No pipeline ever disturbs another pipeline's tests.

use std::collections::{BTreeMap, BTreeSet};

use bluestage::release::{Stage, State};
use serde_json::Value;

use crate::queue::{self, Gate};
use crate::sample_world;
use crate::world::{Outcome, PipelineOptions, Source, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_blue_never_disturbs_another_pipelines_tests() {
    let world = sample_world().await;
    for service in ["billing", "inventory", "orders"] {
        world.push(service, &Source::sample(service)).await;
    }
    release_all(&world, &["billing", "inventory", "orders"]).await;
    let before = live(&world.stage().await, "billing");

    let from = r#"TAX_RATE = Decimal("0.19")"#;
    let broken = Source::sample("billing").changed("app.py", from, r#"TAX_RATE = Decimal("0.91")"#);
    let broken = world.release("billing", &broken).await;
    let there = |stage: &Stage| blues(stage, "billing").contains(&State::Blue);
    world.await_stage("the broken billing is blue", there).await;
    let orders = world.start_pipeline("orders").await;

    let orders = world.await_execution("orders", &orders).await;
    orders.succeeded();
    let certificate = certificate(&world, &orders).await;
    assert_eq!(certificate["view"]["billing"]["version"], *before);
    let broken = world.await_execution("billing", &broken).await;
    let report = broken.failed_in("RunIsolatedTests");
    assert_eq!(report.error_code, "JobFailed");
    for words in
        ["failed its tests in stage test", "tests failed", "test_an_invoice_adds_the_tax", "What is live is as it was."]
    {
        assert!(report.message.contains(words), "{words} is not in: {}", report.message);
    }
    assert_eq!(live(&world.stage().await, "billing"), before);

    let mended = Source::sample("billing").changed("app.py", "TAX_RATE", "RATE_OF_TAX");
    let mended = world.release("billing", &mended).await;
    let mended = world.await_execution("billing", &mended).await;
    let version = &mended.succeeded().action("Promote").variables["Version"];
    assert_ne!(*version, before);
    assert_eq!(live(&world.stage().await, "billing"), *version);
}

/// Who is wired to whom. `alone` is wired to nobody, but its tests call `base`.
const SERVICES: [(&str, &[&str]); 5] =
    [("base", &[]), ("left", &["base"]), ("right", &["base"]), ("top", &["left", "right"]), ("alone", &[])];

#[tokio::test(flavor = "multi_thread")]
async fn each_test_sees_only_its_own_view() {
    let mut world = queue::world(&[], &[]).await;
    world.start_worker();
    let gate = Gate::closed(&world);
    for (service, wired_to) in SERVICES {
        world.create_pipeline(service, &pipeline(&world, (service, wired_to), &gate)).await;
        world.push(service, &probe()).await;
    }
    gate.open("all");
    for level in [&["base"][..], &["left", "right", "alone"], &["top"]] {
        release_all(&world, level).await;
    }
    gate.close("all");
    let seed: BTreeMap<&str, String> = {
        let stage = world.stage().await;
        SERVICES.map(|(service, _)| (service, live(&stage, service))).into()
    };

    let mut executions = vec![("base", world.start_pipeline("base").await)];
    for (service, _) in SERVICES {
        executions.push((service, world.start_pipeline(service).await));
    }
    let stage = world.await_stage("six versions are tested at once", six_are_tested).await;
    six_stacks_stand_beside_those_that_are_live(&world, &stage).await;
    promote_while_the_others_are_tested(&world, (&gate, &stage)).await;

    for (service, execution) in &executions {
        let outcome = world.await_execution(service, execution).await;
        outcome.succeeded();
        only_its_view_answered(&world, &outcome, (service, &seed)).await;
    }
}

fn six_are_tested(stage: &Stage) -> bool {
    let tested = stage.all_versions().filter(|(_, version)| version.state == State::Blue && version.run.is_some());
    tested.count() == 6
}

async fn six_stacks_stand_beside_those_that_are_live(world: &World, stage: &Stage) {
    let own: BTreeSet<String> = stage.all_versions().map(|(_, version)| version.stack.name.clone()).collect();
    assert_eq!(own.len(), 11, "two versions share a stack: {own:?}");
    assert_eq!(world.stacks().await, own.into_iter().collect::<Vec<_>>());
}

/// The two of `base` go live one after the other, then everybody else's tests may end.
async fn promote_while_the_others_are_tested(world: &World, (gate, stage): (&Gate, &Stage)) {
    let base = &stage.services[&"base".parse().unwrap()];
    let mut blues: Vec<_> = base.versions.values().filter(|version| version.state == State::Blue).collect();
    blues.sort_by_key(|version| version.ordinal);
    for blue in blues {
        gate.open(&format!("base-{}", blue.id));
        let version = blue.id.to_string();
        world.await_stage("the next base is live", |stage| live(stage, "base") == version).await;
    }
    gate.open("all");
}

/// Who answered according to the run's own log is who the run's certificate says: blue and its view, and behind them
/// only the `base` that the live ones were wired to, although it is not live any more.
async fn only_its_view_answered(world: &World, outcome: &Outcome, (service, seed): (&str, &BTreeMap<&str, String>)) {
    let tests = outcome.action("RunIsolatedTests");
    let bundle = world.bundle(tests).await;
    let log = bundle.text("log.txt");
    let answered: BTreeSet<&str> = log.lines().filter_map(|line| line.strip_prefix("answered ")).collect();

    let certificate = bundle.certificate();
    let own = outcome.action("DeployBlue").variables["Version"].clone();
    assert_eq!(certificate["blue"]["version"], *own);
    let mut expected = BTreeSet::from([format!("{service} {own}")]);
    for (other, described) in certificate["view"].as_object().unwrap() {
        assert_eq!(described["version"], *seed[other.as_str()], "{service} began with another {other}");
        expected.insert(format!("{other} {}", seed[other.as_str()]));
    }
    if service == "top" {
        expected.insert(format!("base {}", seed["base"]));
    }
    assert_eq!(answered, expected.iter().map(String::as_str).collect(), "{service}");
    let everybody = match service {
        "base" => 1,
        "top" => 4,
        _ => 2,
    };
    assert_eq!(answered.len(), everybody, "{service}: {answered:?}");
}

fn pipeline(world: &World, (service, wired_to): (&str, &[&str]), gate: &Gate) -> PipelineOptions {
    let mut parameters =
        format!(r#""Service":"{service}","Version":{{"Fn::GetBlue":"Version"}},"ApiBase":"{}""#, world.aws_url);
    for (parameter, other) in ["First", "Second"].iter().zip(wired_to) {
        parameters.push_str(&format!(r#","{parameter}":{{"Fn::GetLive":["{other}","Url"]}}"#));
    }
    let gates = format!(r#"[{{"name":"GATES","value":"{}"}}]"#, gate.directory());
    let options = PipelineOptions::service(service)
        .deploy("ParameterOverrides", &format!("{{{parameters}}}"))
        .test("EnvironmentVariables", &gates)
        .test("Reports", "junit.xml")
        .promote("OnSkew", "report");
    if service == "alone" {
        options.deploy("DependsOn", "base").test("Command", "BESIDE=$LIVE_BASE_URL python3 ask.py")
    } else {
        options.test("Command", "python3 ask.py")
    }
}

fn probe() -> Source {
    Source::empty()
        .with("template.yaml", include_str!("probe/template.yaml"))
        .with("ask.py", include_str!("probe/ask.py"))
}

/// Starts every pipeline at once and waits until all have succeeded.
async fn release_all(world: &World, pipelines: &[&str]) {
    let mut executions = Vec::new();
    for pipeline in pipelines {
        executions.push((pipeline, world.start_pipeline(pipeline).await));
    }
    for (pipeline, execution) in executions {
        world.await_execution(pipeline, &execution).await.succeeded();
    }
}

async fn certificate(world: &World, outcome: &Outcome) -> Value {
    world.bundle(outcome.action("RunIsolatedTests")).await.certificate()
}

fn live(stage: &Stage, service: &str) -> String {
    stage.live(&service.parse().unwrap()).unwrap().id.to_string()
}

/// The states of the service's versions that are on their way to going live.
fn blues(stage: &Stage, service: &str) -> Vec<State> {
    let versions =
        stage.all_versions().filter(|(of, version)| of.service.as_str() == service && version.state.is_on_its_way());
    versions.map(|(_, version)| version.state).collect()
}
