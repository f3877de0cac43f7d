//! What is recorded of a run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::{Bench, LONG, Memory, quick};
use bluestage::clock::Clock;
use bluestage::ports::{Here, RunRecord, RunStatus, TestRuns};

/// The beats of these records.
fn beats(records: &[RunRecord]) -> Vec<u64> {
    records.iter().map(|record| record.beat).collect()
}

#[tokio::test]
async fn a_run_is_recorded_before_start_returns() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("known", "sleep 60")).await;
    let first = bench.memory.of(&run).remove(0);
    assert_eq!(first.worker, "worker-1");
    assert_eq!(first.beat, 0);
    assert!(matches!(first.status, RunStatus::Running { .. }));
    bench.runner.stop_all().await;
}

#[tokio::test]
async fn the_beat_moves_and_tells_the_progress_until_the_end_is_recorded() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("beating", "echo begun; sleep 0.3")).await;
    assert_eq!(bench.runner.wait(&run, LONG).await, Here::No);
    let records = bench.memory.of(&run);
    assert!(records.len() > 3, "{records:?}");
    let expected: Vec<u64> = (0..records.len() as u64).collect();
    assert_eq!(beats(&records), expected);
    let (last, before) = records.split_last().unwrap();
    assert!(matches!(last.status, RunStatus::Ended(_)));
    for record in before {
        assert!(matches!(record.status, RunStatus::Running { .. }));
    }
    let progress = "begun".to_owned();
    assert_eq!(before.last().unwrap().status, RunStatus::Running { progress });
}

#[tokio::test]
async fn waiting_ends_with_patience_and_tells_the_last_line() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("slow", "printf '1\\n42\\n'; sleep 60")).await;
    assert_eq!(bench.number_printed_by(&run).await, 42);
    let here = bench.runner.wait(&run, Duration::from_millis(1)).await;
    assert_eq!(here, Here::Running("42".into()));
    bench.runner.stop_all().await;
    let unknown = "unknown".parse().unwrap();
    assert_eq!(bench.runner.wait(&unknown, LONG).await, Here::No);
}

#[tokio::test]
async fn a_run_whose_first_record_cannot_be_written_is_not_started() {
    let bench = Bench::new();
    bench.memory.failing.store(1, Ordering::SeqCst);
    let spec = bench.spec("unknown", "true");
    assert!(bench.runner.start(spec).await.is_err());
    bench.is_clean();
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_recorded_as_stopped() {
    let bench = Bench::new();
    let mut spec = bench.spec("nowhere", "true");
    spec.work = spec.home.path().join("missing");
    let run = spec.run.clone();
    let fault = bench.runner.start(spec).await.unwrap_err();
    assert!(fault.to_string().starts_with("could not start the test command: "));
    let last = bench.memory.of(&run).pop().unwrap();
    assert_eq!((last.beat, last.status), (1, RunStatus::Stopped));
    bench.is_clean();
}

#[tokio::test]
async fn writes_that_fail_for_a_while_are_tried_again() {
    let mut pace = quick();
    pace.beat = LONG;
    let bench = Bench::with(pace, Memory::default());
    let run = bench.start(bench.spec("patient", "sleep 0.1")).await;
    bench.memory.failing.store(5, Ordering::SeqCst);
    let end = bench.end_of(&run).await;
    assert!(end.passed());
    bench.bundle_of("patient");
    assert_eq!(bench.memory.failing.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_store_that_is_gone_for_good_does_not_hold_the_place_for_ever() {
    let bench = Bench::new();
    let run = bench.start(bench.spec("lost", "sleep 0.1")).await;
    bench.memory.failing.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(bench.runner.wait(&run, LONG).await, Here::No);
    bench.is_clean();
}

#[tokio::test]
async fn a_bug_while_following_a_run_frees_its_place_and_stills_its_beat() {
    let broken = Memory { broken: true, ..Memory::default() };
    let bench = Bench::with(quick(), broken);
    let run = bench.start(bench.spec("unlucky", "sleep 0.1")).await;
    assert_eq!(bench.runner.wait(&run, LONG).await, Here::No);
    bench.is_clean();
    let still = bench.memory.of(&run);
    bench.clock.sleep(quick().beat * 3).await;
    assert_eq!(bench.memory.of(&run), still);
    assert!(matches!(still.last().unwrap().status, RunStatus::Running { .. }));
}
