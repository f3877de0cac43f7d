//! The ways in which a run ends.

use std::time::Duration;

use crate::{Bench, LONG, Memory, quick, read};
use bluestage::ports::{Here, RunStatus, Start, TestRuns, Totals};

#[tokio::test]
async fn a_run_passes_and_leaves_its_log_certificate_and_reports() {
    let bench = Bench::new();
    let mut spec =
        bench.spec("passing", "mkdir out; echo '<testsuite><testcase name=\"a\"/></testsuite>' > out/a.xml; echo fine");
    spec.reports = Some("out/*.xml".into());
    let end = bench.run(spec).await;
    assert!(end.passed(), "{end:?}");
    assert_eq!((end.exit_code, end.signal), (Some(0), None));
    assert_eq!(end.totals.unwrap().tests, 1);
    assert_eq!(end.tail, "fine\n");
    assert!(end.started_at > 1_700_000_000 && end.ended_at >= end.started_at);

    let bundle = bench.bundle_of("passing");
    assert_eq!(read(bundle.path(), "log.txt"), "fine\n");
    assert!(read(bundle.path(), "reports/out/a.xml").contains("testcase"));
    let certificate: serde_json::Value = serde_json::from_str(&read(bundle.path(), "certificate.json")).unwrap();
    assert_eq!(certificate["stage"], "test");
    assert_eq!(certificate["view"]["orders"], "v1-abc");
    assert_eq!(certificate["run"], "passing");
    assert_eq!(certificate["passed"], true);
    assert_eq!(certificate["exitCode"], 0);
    assert_eq!(certificate["totals"]["tests"], 1);
    let ended_at = certificate["endedAt"].as_str().unwrap();
    assert!(ended_at.starts_with("20") && ended_at.ends_with('Z'), "{ended_at}");
    bench.is_clean();
}

#[tokio::test]
async fn a_failing_command_fails_the_run() {
    let bench = Bench::new();
    let end = bench.run(bench.spec("failing", "echo broken >&2; exit 7")).await;
    assert!(!end.passed());
    assert_eq!((end.exit_code, end.totals), (Some(7), None));
    assert_eq!(end.tail, "broken\n");
}

#[tokio::test]
async fn a_failed_test_fails_the_run_although_the_command_succeeds() {
    let bench = Bench::new();
    let command = "echo '<testsuite><testcase name=\"a\"><failure message=\"no\"/></testcase></testsuite>' > a.xml";
    let mut spec = bench.spec("lenient", command);
    spec.reports = Some("a.xml".into());
    let end = bench.run(spec).await;
    assert!(!end.passed());
    let totals = Totals { tests: 1, failed: 1, skipped: 0, flaky: 0 };
    assert_eq!((end.exit_code, end.totals), (Some(0), Some(totals)));
    assert_eq!(end.failed_tests[0].name, "a");
    assert_eq!(end.failed_tests[0].message, "no");
}

#[tokio::test]
async fn a_run_that_was_to_write_reports_and_did_not_fails() {
    let bench = Bench::new();
    let mut spec = bench.spec("silent", "true");
    spec.reports = Some("**/*.xml".into());
    let end = bench.run(spec).await;
    assert!(!end.passed());
    assert_eq!(end.report_problem.unwrap(), "the run wrote no report: no file matches \"**/*.xml\"");
}

#[tokio::test]
async fn a_signal_that_ends_the_command_is_told() {
    let bench = Bench::new();
    let end = bench.run(bench.spec("killed", "kill -9 $$")).await;
    assert_eq!((end.exit_code, end.signal), (None, Some(9)));
    assert!(!end.passed());
}

#[tokio::test]
async fn the_time_limit_ends_everything_that_the_command_started() {
    let bench = Bench::new();
    let mut spec = bench.spec("endless", "sleep 60 & echo $!; wait");
    spec.time_limit = Duration::from_secs(1);
    let run = bench.start(spec).await;
    let grandchild = bench.number_printed_by(&run).await;
    let end = bench.end_of(&run).await;
    assert_eq!(end.exceeded_seconds, Some(1));
    assert!(!end.passed());
    bench.is_gone(grandchild).await;
    bench.is_clean();
}

#[tokio::test]
async fn the_time_limit_also_ends_what_does_not_want_to_end() {
    let bench = Bench::new();
    let command = "trap '' TERM; sleep 60 & echo $!; wait; sleep 60";
    let mut spec = bench.spec("stubborn", command);
    spec.time_limit = Duration::from_secs(1);
    let run = bench.start(spec).await;
    let grandchild = bench.number_printed_by(&run).await;
    let end = bench.end_of(&run).await;
    assert_eq!((end.exceeded_seconds, end.signal), (Some(1), Some(9)));
    bench.is_gone(grandchild).await;
}

#[tokio::test]
async fn a_run_may_clean_up_when_its_time_is_over() {
    let mut pace = quick();
    pace.grace_at_limit = LONG;
    let bench = Bench::with(pace, Memory::default());
    let command = "(trap 'sleep 0.2; echo cleaned; exit' TERM; while :; do sleep 0.02; done) & wait";
    let mut spec = bench.spec("tidy", command);
    spec.time_limit = Duration::from_millis(300);
    let end = bench.run(spec).await;
    assert!(end.tail.ends_with("cleaned\n"), "{}", end.tail);
}

#[tokio::test]
async fn what_the_command_leaves_running_ends_with_it() {
    let bench = Bench::new();
    let end = bench.run(bench.spec("leaving", "sleep 60 & echo $!")).await;
    assert!(end.passed(), "{end:?}");
    bench.is_gone(end.tail.trim().parse().unwrap()).await;
}

#[tokio::test]
async fn a_stopped_run_is_recorded_as_stopped() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("stopped", "sleep 60 & echo $!; wait")).await;
    let grandchild = bench.number_printed_by(&run).await;
    bench.runner.stop(&run).await;
    let last = bench.memory.of(&run).pop().unwrap();
    assert_eq!(last.status, RunStatus::Stopped);
    assert_eq!(bench.runner.wait(&run, LONG).await, Here::No);
    bench.is_gone(grandchild).await;
    bench.is_clean();
    bench.runner.stop(&run).await;
}

#[tokio::test]
async fn stopping_all_ends_stubborn_runs_too() {
    let bench = Bench::new();
    let first = bench.start(bench.spec("first", "trap '' TERM; echo $$; sleep 60; sleep 60")).await;
    let second = bench.start(bench.spec("second", "sleep 60")).await;
    let stubborn = bench.number_printed_by(&first).await;
    bench.runner.stop_all().await;
    for run in [first, second] {
        let last = bench.memory.of(&run).pop().unwrap();
        assert_eq!(last.status, RunStatus::Stopped);
    }
    bench.is_gone(stubborn).await;
    bench.is_clean();
}

#[tokio::test]
async fn a_full_machine_takes_no_more_and_a_run_is_started_once() {
    let bench = Bench::new();
    bench.start(bench.spec("one", "sleep 60")).await;
    bench.start(bench.spec("two", "sleep 60")).await;
    let third = bench.runner.start(bench.spec("three", "true")).await;
    assert_eq!(third.unwrap(), Start::Full);
    let again = bench.runner.start(bench.spec("one", "true")).await;
    assert_eq!(again.unwrap(), Start::Started);
    assert!(bench.memory.of(&"three".parse().unwrap()).is_empty());
    bench.runner.stop_all().await;
    assert_eq!(bench.runner.start(bench.spec("four", "true")).await.unwrap(), Start::Started);
    bench.end_of(&"four".parse().unwrap()).await;
}
