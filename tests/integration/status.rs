//! The command line: `bluestage status`, `bluestage actions`, help and bad flags.

use std::process::Output;

use bluestage::release::{Stage, State};

use crate::bluestage;
use crate::queue::{self, Gate};
use crate::world::{Options, PipelineOptions, World};

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_what_a_blue_is_tested_with_and_whom_it_pins() {
    let world = queue::world(&[], &[]).await;
    let gate = Gate::closed(&world);
    queue::make_live(&world, "base", &PipelineOptions::service("base")).await;
    let options = queue::wired_to("shop", "base").test("Command", &gate.wait_for("shop"));
    world.create_pipeline("shop", &options).await;
    let execution = world.release("shop", &queue::source()).await;
    let tested =
        |stage: &Stage| stage.all_versions().any(|(_, version)| version.run.is_some() && version.state == State::Blue);
    let stage = world.await_stage("the shop is tested", tested).await;
    let [base, shop] = ["base", "shop"].map(|service| only_version(&stage, service));

    the_json_tells(&world.status(), &base, &shop);
    let table = answered(&world.bluestage(&["status", "--stage", "test"]));
    for cell in
        [format!("{shop}: its tests to end"), format!("with base {base}"), format!("{base} by shop {shop} (its tests)")]
    {
        assert!(table.contains(&cell), "{cell} is not in\n{table}");
    }
    gate.open("shop");
    world.await_execution("shop", &execution).await.succeeded();
    let table = answered(&world.bluestage(&["status"]));
    assert!(!table.contains("its tests"), "{table}");
    assert!(table.contains(&format!("{base} by shop {shop} (its wiring)")), "{table}");
}

fn the_json_tells(status: &serde_json::Value, base: &str, shop: &str) {
    let (of_base, of_shop) = (&status[0]["services"][0], &status[0]["services"][1]);
    assert_eq!(status[0]["stage"], "test");
    assert_eq!(of_base["service"], "base");
    assert_eq!(of_base["live"]["version"], base);
    assert_eq!(of_base["live"]["pinnedBy"][0], format!("shop {shop} (its tests)"));
    assert_eq!(of_base["live"]["pinnedBy"][1], format!("shop {shop} (its wiring)"));
    assert_eq!(of_shop["live"], serde_json::Value::Null);
    let blue = &of_shop["blues"][0];
    assert_eq!(blue["version"], shop);
    assert_eq!(blue["waitsFor"], "its tests to end");
    assert_eq!(blue["view"][0], format!("base {base}"));
    assert_eq!(blue["stack"], format!("test-shop-{shop}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_of_an_empty_state_says_so_and_an_unknown_stage_is_an_error() {
    let world = World::start(&bluestage(), Options::default()).await;
    let table = answered(&world.bluestage(&["status"]));
    assert_eq!(table, "Nothing was released into any stage yet.\n");
    assert_eq!(world.status(), serde_json::json!([]));
    for output in ["table", "json"] {
        let unknown = world.bluestage(&["status", "--stage", "staging", "--output", output]);
        refused(&unknown, 1, &["nothing was ever released into stage staging"]);
    }
    let nowhere = world.bluestage(&["status", "--state", "s3://no-such-bucket/state"]);
    refused(&nowhere, 1, &["no-such-bucket"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_action_types_are_registered_once_shown_and_deregistered() {
    let world = World::start(&bluestage(), Options::default()).await;
    let actions = |verb| answered(&world.bluestage(&["actions", verb]));
    let each = |what: &str| {
        ["DeployBlue", "RunIsolatedTests", "Promote"].map(|name| format!("{name} version 1 {what}\n")).concat()
    };
    assert_eq!(shown(&actions("show")), Vec::<String>::new());
    assert_eq!(actions("register"), each("is registered"));
    assert_eq!(actions("register"), each("was registered before"));
    assert_eq!(shown(&actions("show")), ["DeployBlue", "Promote", "RunIsolatedTests"]);
    let deregistered = actions("deregister");
    assert_eq!(deregistered.lines().count(), 3, "{deregistered}");
    assert!(deregistered.lines().all(|line| line.ends_with(" version 1 is deregistered")), "{deregistered}");
    assert_eq!(shown(&actions("show")), Vec::<String>::new());
    assert_eq!(actions("register"), each("is registered"));
}

#[test]
fn every_verb_explains_itself() {
    let verbs: [&[&str]; 8] = [
        &[],
        &["worker"],
        &["local"],
        &["status"],
        &["actions"],
        &["actions", "register"],
        &["actions", "show"],
        &["actions", "deregister"],
    ];
    for verb in verbs {
        let help = answered(&run(&[verb, &["--help"]].concat()));
        assert!(help.contains(&["Usage: bluestage", &verb.join(" ")].join(" ").trim_end().to_owned()), "{help}");
    }
    assert!(answered(&run(&["worker", "--help"])).contains("--failed-grace-seconds"));
    assert!(answered(&run(&["--version"])).starts_with("bluestage "));
}

#[test]
fn flags_that_cannot_be_read_are_refused_with_exit_code_2() {
    let cases: [(&[&str], &[&str]); 8] = [
        (&["frobnicate"], &["frobnicate"]),
        (&["status", "--colour"], &["--colour"]),
        (&["status"], &["--state", "s3://BUCKET/PREFIX"]),
        (&["status", "--state", "somewhere"], &["--state", "s3://"]),
        (&["status", "--state", "s3://bucket/p", "--output", "xml"], &["--output", "table, json"]),
        (&["status", "--state", "s3://bucket/p", "--stage", "a b"], &["--stage", "letters, digits and hyphens"]),
        (&["worker", "--state", "s3://bucket/p", "--slots", "0"], &["--slots", "1..=1000"]),
        (&["local", "--listen", "nowhere"], &["--listen"]),
    ];
    for (arguments, says) in cases {
        refused(&run(arguments), 2, says);
    }
}

fn run(arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(bluestage());
    command.args(arguments).env_clear().output().unwrap()
}

fn answered(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts on the exit code and on what standard error says; standard output stays empty.
fn refused(output: &Output, code: i32, says: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert!(output.stdout.is_empty(), "{output:?}");
    for words in says {
        assert!(error.contains(words), "{words} is not in: {error}");
    }
}

/// The providers that `bluestage actions show` lists, in alphabetical order.
fn shown(json: &str) -> Vec<String> {
    let listed: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
    let mut providers: Vec<String> =
        listed.iter().map(|shown| shown["provider"].as_str().unwrap().to_owned()).collect();
    providers.sort();
    providers
}

fn only_version(stage: &Stage, service: &str) -> String {
    let versions = &stage.services[&service.parse().unwrap()].versions;
    assert_eq!(versions.len(), 1, "{versions:?}");
    versions.keys().next().unwrap().to_string()
}
