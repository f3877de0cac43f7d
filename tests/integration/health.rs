//! What a real worker tells about itself, and the exit codes of one that is told to stop.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use bluestage::health::ask;
use serde_json::Value;

use crate::bluestage;
use crate::queue::Gate;
use crate::slow;
use crate::world::{Endpoints, Fault, Options, PipelineOptions, Process, Proxy, Trouble, World};

/// Longer than three rounds of polling with these workers' flags, with the pauses after faults.
const PATIENCE: Duration = Duration::from_secs(40);

/// A world, and one worker of it that reaches CodePipeline through a proxy and tells how it is.
struct Observed {
    world: World,
    codepipeline: Proxy,
    worker: Process,
    address: SocketAddr,
}

impl Observed {
    async fn start(flags: &[&str]) -> Self {
        let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
        let options = Options {
            local_flags: owned(&["--no-start-on-create"]),
            worker_flags: owned(&[&["--health-address", "0", "--lease-seconds", "2"], flags].concat()),
            ..Options::default()
        };
        let world = World::start(&bluestage(), options).await;
        let registered = world.bluestage(&["actions", "register"]);
        assert!(registered.status.success(), "{registered:?}");
        let codepipeline = Proxy::before(&world.codepipeline_url).await;
        let endpoints = Endpoints { aws: world.aws_url.clone(), codepipeline: codepipeline.url.clone() };
        let mut worker = world.worker_at(&endpoints);
        let line: Value = serde_json::from_str(&worker.first_line()).expect("one JSON line");
        let url = line["health"].as_str().expect("where it tells how it is");
        let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address");
        assert!(address.ip().is_loopback(), "a port alone is one that only this machine reaches: {address}");
        Self { world, codepipeline, worker, address }
    }

    /// Whether it says yes, and what it says.
    async fn asked(&self, path: &str) -> (bool, Value) {
        let (fine, said) = ask(self.address, path).await.unwrap();
        (fine, serde_json::from_str(&said).expect("JSON"))
    }

    /// Waits until it says yes or no, and as much as this test wants.
    async fn says(&self, path: &str, fine: bool, enough: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (is_fine, said) = self.asked(path).await;
            if is_fine == fine && enough(&said) {
                return said;
            }
            assert!(Instant::now() < deadline, "{path}: {said:#}\n{}", self.worker.last_lines(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What `bluestage health` answers, by its exit code and on standard output.
    fn health_verb(&self, flags: &[&str]) -> (Option<i32>, Value) {
        let address = self.address.to_string();
        let output = self.world.bluestage(&[&["health", "--address", &address], flags].concat());
        (output.status.code(), serde_json::from_slice(&output.stdout).expect("JSON"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_whether_it_is_of_use_and_not_only_that_it_lives() {
    let mut observed = Observed::start(&["--hold-seconds", "1"]).await;
    observed.says("/readyz", true, |_| true).await;
    assert_eq!(observed.health_verb(&[]).0, Some(0));
    assert_eq!(observed.health_verb(&["--ready"]), (Some(0), serde_json::json!({"ready": true})));

    observed.codepipeline.cut();
    let all_three = |said: &Value| {
        let overdue = said["overdue"].as_array().map(Vec::as_slice).unwrap_or_default();
        overdue.iter().filter(|sign| sign["trouble"].is_string()).count() == 3
    };
    let said = observed.says("/healthz", false, all_three).await;
    assert_eq!(said["healthy"], false);
    let first = &said["overdue"][0];
    assert_eq!(first["sign"], "poll DeployBlue", "{said:#}");
    assert!(first["last_success"].as_str().is_some_and(|at| at.ends_with('Z')), "{said:#}");
    assert_eq!(first["since"], first["last_success"]);
    assert!(first["seconds"].as_f64() >= first["limit_seconds"].as_f64(), "{said:#}");
    assert!(first["trouble"].as_str().is_some_and(|why| why.contains("DeployBlue")), "{said:#}");
    let (code, said) = observed.health_verb(&[]);
    assert_eq!((code, &said["healthy"]), (Some(1), &Value::Bool(false)));
    assert!(observed.worker.runs(), "it lives all the while");

    let (_, said) = observed.asked("/loops").await;
    let loops: Vec<&str> = said["loops"].as_array().unwrap().iter().filter_map(|told| told["loop"].as_str()).collect();
    assert_eq!(loops, ["poll", "sweep", "adopt", "page"]);
    assert!(said["loops"][0]["doing"].is_string() && said["loops"][0]["since"].is_string(), "{said:#}");

    observed.codepipeline.calm();
    let said = observed.says("/healthz", true, |_| true).await;
    assert_eq!(said, serde_json::json!({"healthy": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopping_says_so_and_a_second_signal_ends_it_with_a_code_of_its_own() {
    let mut observed = Observed::start(&["--hold-seconds", "60", "--stop-grace-seconds", "60"]).await;
    observed.says("/readyz", true, |_| true).await;
    let gate = Gate::closed(&observed.world);
    observed.world.create_pipeline("slow", &PipelineOptions::service("slow")).await;
    let execution = observed.world.release("slow", &slow::source(&gate)).await;
    slow::await_summary(&observed.world, ("slow", &execution), "is being made").await;
    let plays = |said: &Value| said.to_string().contains("plays DeployBlue of slow in stage test");
    observed.says("/loops", true, plays).await;

    // Nothing can be handed over.
    for _ in 0..1_000 {
        observed.codepipeline.spoil("PutJobSuccessResult", Fault::Refuse(Trouble::Away));
    }
    observed.worker.signal("TERM");
    observed.says("/readyz", false, |said| said["because"][0] == "the worker is stopping").await;
    assert_eq!(observed.health_verb(&["--ready"]).0, Some(1));
    observed.says("/loops", true, |said| said.to_string().contains("reports its verdict again")).await;
    assert!(observed.asked("/healthz").await.0, "it is not to be killed for that");
    assert!(observed.worker.runs(), "its grace is not over");
    observed.worker.signal("TERM");
    let code = observed.worker.ended(Duration::from_secs(10)).and_then(|status| status.code());
    assert_eq!(code, Some(3), "{}", observed.worker.last_lines(10));

    gate.open("stack");
    observed.world.start_worker();
    observed.world.await_execution("slow", &execution).await.succeeded();
    assert_eq!(observed.world.stacks().await.len(), 1);
}

#[test]
fn a_worker_that_cannot_be_asked_is_not_well() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ask = |arguments: &[&str]| {
        let output = Command::new(bluestage()).arg("health").args(arguments).env_clear().output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = ask(&["--address", &free.to_string()]);
    assert_eq!(code, Some(1));
    assert!(told.contains(&format!("nobody answers at {free}")), "{told}");
    let (code, told) = ask(&[]);
    assert_eq!(code, Some(2), "{told}");
    let (code, _) = ask(&["--address", "nowhere"]);
    assert_eq!(code, Some(2));
}

#[test]
fn a_worker_whose_health_address_is_taken_says_so_and_does_not_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let mut worker = Command::new(bluestage());
    let worker = worker.args(["worker", "--state", "s3://bucket/state", "--health-address", &at]).env_clear();
    let output = worker.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&format!("could not listen at --health-address {at}")), "{told}");
}
