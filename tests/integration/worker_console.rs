//! A worker's console in a browser, and who finds it.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::bluestage;
use crate::browser::Browser;
use crate::console::{is_accessible, request};
use crate::queue::{self, Gate};
use crate::world::{PipelineOptions, Process};

/// Where a worker tells how it is, as its first line says.
fn told_at(worker: &mut Process) -> String {
    let line: Value = serde_json::from_str(&worker.first_line()).expect("one JSON line");
    line["health"].as_str().expect("where it tells how it is").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_a_worker_does_has_decided_and_knows_of_a_stage() {
    let Some(browser) = Browser::open() else { return };
    let mut world = queue::world(&[], &["--health-address", "0"]).await;
    let console = told_at(&mut world.workers[0]);
    browser.go(&console);
    browser.until("h1", "Worker");
    browser.until(".title", "Takes jobs");
    browser.until("main", "None since this worker began.");
    browser.until("#live", "Live");

    // From here on the page follows by itself.
    let gate = Gate::closed(&world);
    let waits = PipelineOptions::service("shop").test("Command", &gate.wait_for("tests"));
    world.create_pipeline("shop", &waits).await;
    let execution = world.release("shop", &queue::source()).await;
    browser.until(".events", "DeployBlue of shop in stage test");
    browser.until("main", "plays RunIsolatedTests of shop in stage test");
    browser.keep("worker");
    is_accessible(&browser);
    browser.go(&format!("{console}/console/stages"));
    browser.click("main ul a");
    browser.until("#service-shop td[data-label=Blue]", "Waits for its tests to end");
    browser.keep("worker-stage");
    is_accessible(&browser);
    gate.open("tests");
    browser.until("#service-shop td[data-label=Live]", "Live");
    world.await_execution("shop", &execution).await.succeeded();

    let broken = PipelineOptions::service("cart").test("Command", "echo '<b>no</b>'; false");
    world.create_pipeline("cart", &broken).await;
    let execution = world.release("cart", &queue::source()).await;
    world.await_execution("cart", &execution).await.failed_in("RunIsolatedTests");
    browser.without_scripts();
    browser.go(&console);
    browser.until("#live", "Reload for what is new");
    browser.until(".events li:first-child", "RunIsolatedTests of cart in stage test");
    browser.until(".events li:first-child", "Failed (TestsFailed)");
    browser.until(".events", "Promote of shop in stage test");
    browser.keep("worker-verdicts");
    is_accessible(&browser);
}

/// A worker that finds no AWS, with these flags.
fn lonely(flags: &[&str]) -> (Process, String, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(bluestage());
    command.args(["worker", "--state", "s3://bucket/state", "--max-stacks", "9"]).args(flags);
    let environment = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut worker = Process::start("worker", command, home.path(), &environment);
    let at = told_at(&mut worker).replace("http://0.0.0.0:", "http://127.0.0.1:");
    (worker, at.trim_start_matches("http://").to_owned(), home)
}

/// The status of the answer to a browser that asks for this path.
fn status(at: &str, path: &str) -> String {
    let answer = request(at, &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\n"));
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn who_is_not_on_the_machine_finds_the_probes_and_no_console_unless_a_flag_says_so() {
    let anywhere = ["--health-address", "0.0.0.0:0"];
    let loopback = ["--health-address", "0"];
    for (address, console, found) in [
        (loopback, None, true),
        (anywhere, None, false),
        (anywhere, Some("everybody"), true),
        (loopback, Some("nobody"), false),
    ] {
        let flags = [&address[..], &console.map(|to| ["--console", to]).unwrap_or(["--slots", "3"])].concat();
        let (worker, at, home) = lonely(&flags);
        // It has no AWS, so it is not ready; it answers all the same.
        assert_eq!((status(&at, "/healthz"), status(&at, "/readyz")), ("200".to_owned(), "503".to_owned()));
        for path in ["/console", "/console/assets/console.css", "/loops"] {
            assert_eq!(status(&at, path), if found { "200" } else { "404" }, "{flags:?} {path}");
        }
        drop((worker, home));
    }
}

#[test]
fn a_page_of_somebody_else_cannot_read_the_workers_console() {
    let (worker, at, home) = lonely(&["--health-address", "0"]);
    for path in ["/console", "/loops"] {
        let read = request(&at, &format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n"));
        assert!(read.starts_with("HTTP/1.1 403 ") && !read.contains("bucket"), "{read}");
    }
    let probe = request(&at, "GET /healthz HTTP/1.1\r\nHost: worker.internal\r\n");
    assert!(probe.starts_with("HTTP/1.1 200 "), "a probe may come by any name: {probe}");
    let page = request(&at, &format!("GET /console HTTP/1.1\r\nHost: {at}\r\n"));
    assert!(page.contains("default-src 'none'") && !page.contains("<script>"), "{page}");
    assert!(page.contains("No poll for DeployBlue has succeeded yet"), "it says why it takes no jobs: {page}");
    assert_eq!(status(&at, "/console/stages"), "502", "S3 does not answer, and the page says so");
    assert_eq!(status(&at, "/console/nowhere"), "404");
    drop((worker, home));
}
