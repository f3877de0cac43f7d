//! The main job: three services, each with its own pipeline, in one shared stage.

use bluestage::release::{Stage, State};
use serde_json::Value;

use crate::sample_world;
use crate::world::{ActionReport, Outcome, Source, World};

const SERVICES: [&str; 3] = ["orders", "billing", "inventory"];

#[tokio::test(flavor = "multi_thread")]
async fn three_services_released_at_once_into_an_empty_stage_all_go_live() {
    let world = sample_world().await;
    let mut executions = Vec::new();
    for service in SERVICES {
        let execution = world.release(service, &Source::sample(service)).await;
        executions.push((service, execution));
    }
    let mut outcomes = Vec::new();
    for (service, execution) in &executions {
        let outcome = world.await_execution(service, execution).await;
        outcome.succeeded();
        outcomes.push((*service, outcome));
    }
    let stage = world.stage().await;
    every_stack_is_live(&world, &stage).await;
    for (service, outcome) in &outcomes {
        the_console_tells(outcome, &stage, service);
        the_bundle_tells(&world, outcome.action("RunIsolatedTests"), (&stage, service)).await;
    }
}

async fn every_stack_is_live(world: &World, stage: &Stage) {
    let mut live: Vec<String> = SERVICES.map(|service| live(stage, service).1).to_vec();
    live.sort();
    assert_eq!(world.stacks().await, live);
    assert_eq!(stage.all_versions().count(), SERVICES.len());
    assert!(stage.all_versions().all(|(_, version)| version.state == State::Live));
}

/// What a person sees of each action.
fn the_console_tells(outcome: &Outcome, stage: &Stage, service: &str) {
    let (version, stack, stack_id) = live(stage, service);
    let deploy = outcome.action("DeployBlue");
    assert_eq!(deploy.external_id, stack_id);
    assert!(
        deploy.summary.contains(&format!("{service} {version} is blue in stage test, in stack {stack}")),
        "{}",
        deploy.summary
    );
    tells(deploy, &[("Version", &version), ("StackName", &stack), ("StackId", &stack_id)]);
    let api = &deploy.variables["ApiUrl"];
    assert!(api.starts_with("http://127.0.0.1:"), "{api}");
    it_tells_of_the_tests(outcome.action("RunIsolatedTests"));
    let promote = outcome.action("Promote");
    assert_eq!(promote.external_id, version);
    assert_eq!(promote.summary, format!("{service} {version} is live in stage test."));
    tells(promote, &[("Version", &version), ("StackName", &stack)]);
}

fn it_tells_of_the_tests(tests: &ActionReport) {
    assert!(tests.external_id.starts_with("run-"), "{tests:#?}");
    tells(tests, &[("Run", &tests.external_id), ("TestsFailed", "0")]);
    let total = &tests.variables["TestsTotal"];
    assert!(total.parse::<u32>().unwrap() >= 5, "{total}");
    assert!(tests.summary.starts_with(&format!("{total} tests passed in ")), "{}", tests.summary);
}

fn tells(report: &ActionReport, variables: &[(&str, &str)]) {
    for (name, value) in variables {
        assert_eq!(report.variables.get(*name).map(String::as_str), Some(*value), "{report:#?}");
    }
}

/// What the run leaves, and that it names the view: the versions that were live, which are the ones that still are.
async fn the_bundle_tells(world: &World, report: &ActionReport, (stage, service): (&Stage, &str)) {
    let bundle = world.bundle(report).await;
    assert!(bundle.text("log.txt").contains(" passed"), "{}", bundle.text("log.txt"));
    assert!(bundle.text("reports/reports/junit.xml").contains("<testcase "));
    let certificate = bundle.certificate();
    assert_eq!(certificate["run"], report.external_id);
    assert_eq!(certificate["passed"], true);
    assert_eq!(certificate["stage"], "test");
    assert_eq!(certificate["service"], service);
    names(&certificate["blue"], stage, service);
    let view = certificate["view"].as_object().unwrap();
    let others: &[&str] = if service == "orders" { &["billing", "inventory"] } else { &[] };
    assert_eq!(view.keys().collect::<Vec<_>>(), others, "{service}");
    for other in others {
        names(&view[*other], stage, other);
    }
}

fn names(described: &Value, stage: &Stage, service: &str) {
    let (version, stack, stack_id) = live(stage, service);
    assert_eq!(described["version"], version);
    assert_eq!(described["stackName"], stack);
    assert_eq!(described["stackId"], stack_id);
}

/// Name, stack name and stack id of the live version.
fn live(stage: &Stage, service: &str) -> (String, String, String) {
    let live = stage.live(&service.parse().unwrap()).unwrap();
    (live.id.to_string(), live.stack.name.clone(), live.stack.id.clone().unwrap())
}
