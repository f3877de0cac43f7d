//! The page about a run, in a real browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{Bench, on_the_path, read};

/// As it would look to a reader; what is hostile in it must only be seen.
const REPORT: &str = r#"<testsuites><testsuite name="orders">
<testcase classname="tests.test_checkout" name="test_total_has_the_tax" time="0.412"><failure message="assert 119 == 100
 +  where 119 = total(Order(net=100))">def test_total_has_the_tax(api):
        order = api.place(net=100)
&gt;       assert order.total == 100
E       assert 119 == 100

tests/test_checkout.py:14: AssertionError</failure><system-out>POST /orders 201
GET /orders/7 200</system-out></testcase>
<testcase classname="tests.test_checkout" name="&lt;img src=x onerror=alert(1)&gt;&lt;/title&gt;&lt;script&gt;document.title='owned'&lt;/script&gt;" time="1.2">
<error message="&lt;script&gt;document.title='owned'&lt;/script&gt; &quot;&gt;&lt;h1 id=owned&gt;"/></testcase>
<testcase classname="tests.test_checkout" name="test_places_an_order" time="2.031"/>
<testcase classname="tests.test_checkout" name="test_cancels_an_order" time="0.87"><flakyFailure message="late"/></testcase>
<testcase classname="tests.test_events" name="test_an_event_is_sent_once" time="0.31"/>
<testcase classname="tests.test_events" name="test_in_another_region" time="0"><skipped message="one region"/></testcase>
</testsuite></testsuites>"#;

fn certificate() -> Value {
    let stack = |service: &str, version: &str| {
        let name = format!("test-{service}-{version}");
        json!({
            "version": version,
            "stackName": name,
            "stackId": format!("arn:aws:cloudformation:eu-central-1:111122223333:stack/{name}/0a1b"),
            "templateDigest": "41c2cb5908eb4a898d240ee48204644a",
        })
    };
    json!({
        "stage": "test",
        "service": "orders",
        "blue": stack("orders", "v8-3f2a9c1e"),
        "view": {
            "billing": stack("billing", "v5-d137c48d"),
            "inventory": stack("inventory", "v3-676abc27"),
            "<script>document.title='owned'</script>": {"version": "</svg><img src=x>"},
        },
    })
}

/// Runs the hostile tests and tells where their page is.
async fn page(bench: &Bench) -> PathBuf {
    let command = "echo 'collected 6 items'; echo '<script>document.title=1</script></pre>'; cp r.txt r.xml; exit 1";
    let mut spec = bench.spec("run-a1b2c3-1", command);
    fs::write(spec.work.join("r.txt"), REPORT).unwrap();
    spec.reports = Some("*.xml".to_owned());
    spec.certificate = certificate().as_object().unwrap().clone();
    let end = bench.run(spec).await;
    assert_eq!((end.totals.unwrap().failed, end.totals.unwrap().flaky), (2, 1), "{end:?}");
    let bundle = bench.bundle_of("run-a1b2c3-1");
    let page = bench.homes.path().join("report.html");
    fs::copy(bundle.path().join("report.html"), &page).unwrap();
    page
}

#[tokio::test]
async fn a_run_leaves_a_page_that_needs_no_script_and_escapes_what_others_wrote() {
    let bench = Bench::new();
    let page = page(&bench).await;
    let html = read(page.parent().unwrap(), "report.html");
    for expected in
        ["2 of 6 tests failed.", "tests.test_checkout::test_total_has_the_tax", "POST /orders 201", "v5-d137c48d"]
    {
        assert!(html.contains(expected), "{expected}\n{html}");
    }
    let is_before = |one: &str, other: &str| html.find(one).unwrap() < html.find(other).unwrap();
    assert!(is_before("Failed tests", "What was tested with what") && is_before("test_total", "The end of the log"));
    for hostile in ["<script", "<img", "<h1 id=owned", "onerror=alert(1)>"] {
        assert!(!html.contains(hostile), "{hostile}\n{html}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[tokio::test]
async fn a_run_that_passed_and_one_without_reports_have_a_page_too() {
    let bench = Bench::new();
    let end = bench.run(bench.spec("plain", "true")).await;
    assert!(end.passed());
    let html = read(bench.bundle_of("plain").path(), "report.html");
    for expected in ["Passed", "The command printed nothing."] {
        assert!(html.contains(expected), "{expected}\n{html}");
    }
    let mut spec = bench.spec("slow", "echo waiting; sleep 60");
    spec.time_limit = std::time::Duration::from_secs(1);
    bench.run(spec).await;
    let html = read(bench.bundle_of("slow").path(), "report.html");
    assert!(
        html.contains("The run was ended after its time limit of 1 seconds.") && html.contains("waiting"),
        "{html}"
    );
}

#[tokio::test]
async fn a_browser_shows_what_failed_first_by_day_and_by_night() {
    let Some(chromium) = chromium() else {
        eprintln!("not run: there is no chromium, chromium-browser or google-chrome on the PATH to look with");
        return;
    };
    let bench = Bench::new();
    let page = page(&bench).await;
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&screenshots).unwrap();
    for (name, scheme) in [("report-light.png", 1), ("report-dark.png", 0)] {
        let file = screenshots.join(name);
        // Of an earlier run.
        let _ = fs::remove_file(&file);
        let shot = format!("--screenshot={}", file.display());
        look(
            &chromium,
            &page,
            &[&shot, "--window-size=1000,1400", &format!("--blink-settings=preferredColorScheme={scheme}")],
        );
        let bytes = fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"), "{name} is no picture");
    }
    let light = fs::read(screenshots.join("report-light.png")).unwrap();
    assert_ne!(light, fs::read(screenshots.join("report-dark.png")).unwrap(), "night looks like day");
    let narrow = format!("--screenshot={}", screenshots.join("report-narrow.png").display());
    look(&chromium, &page, &[&narrow, "--window-size=500,1400"]);
    let dom = look(&chromium, &page, &["--dump-dom"]);
    assert!(dom.contains("<title>Failed: orders v8-3f2a9c1e</title>"), "{dom}");
    assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
}

fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find_map(|name| Some(on_the_path(name)?.join(name)))
}

/// Opens the page and tells what the browser printed.
fn look(chromium: &Path, page: &Path, flags: &[&str]) -> String {
    let profile = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(chromium);
    command
        .args(crate::chromium::ARGUMENTS)
        .arg("--hide-scrollbars")
        .args(flags)
        .arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("file://{}", page.display())).stderr(Stdio::null()).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
