//! What a run may use at most.

use crate::Bench;
use bluestage::ports::Overrun;
use bluestage::runner::Limits;

#[tokio::test]
async fn a_run_that_fills_the_disk_is_ended_with_a_clear_reason() {
    let bench = Bench::limited(Limits { disk_mib: 8, ..Limits::default() });
    let command = "i=0; while :; do head -c 1000000 /dev/zero > $TMPDIR/$i; i=$((i+1)); sleep 0.02; done";
    let end = bench.run(bench.spec("filler", command)).await;
    assert_eq!(end.overrun, Some(Overrun::Disk { mib: 8 }), "{end:?}");
    assert!(!end.passed());
    bench.is_clean();
}

#[tokio::test]
async fn files_without_content_take_disk_too() {
    let bench = Bench::limited(Limits { disk_mib: 2, ..Limits::default() });
    let command = "i=0; while [ $i -lt 5000 ]; do : > $TMPDIR/$i; i=$((i+1)); done; sleep 60";
    let end = bench.run(bench.spec("crumbs", command)).await;
    assert_eq!(end.overrun, Some(Overrun::Disk { mib: 2 }), "{end:?}");
    bench.is_clean();
}

#[tokio::test]
async fn a_single_file_cannot_exceed_the_disk_either() {
    let bench = Bench::limited(Limits { disk_mib: 4, ..Limits::default() });
    let end = bench.run(bench.spec("giant", "head -c 5000000 /dev/zero > giant; stat -c %s giant")).await;
    assert!(end.tail.contains(&(4 << 20).to_string()), "{end:?}");
}

#[tokio::test]
async fn a_run_that_takes_too_much_memory_is_ended_with_a_clear_reason() {
    let bench = Bench::limited(Limits { memory_mib: Some(64), ..Limits::default() });
    let command = "python3 -c 'import time; held = bytearray(b\"x\" * (200 << 20)); time.sleep(60)'";
    let end = bench.run(bench.spec("hog", command)).await;
    assert_eq!(end.overrun, Some(Overrun::Memory { mib: 64 }), "{end:?}");
}

#[tokio::test]
async fn addresses_that_are_only_reserved_are_no_memory() {
    let bench = Bench::limited(Limits { memory_mib: Some(64), ..Limits::default() });
    let command = "python3 -c 'import mmap, time; held = mmap.mmap(-1, 8 << 30); time.sleep(0.7)'";
    let end = bench.run(bench.spec("reserving", command)).await;
    assert!(end.passed(), "{end:?}");
}

#[tokio::test]
async fn a_process_that_takes_too_much_processor_time_is_ended() {
    /// `SIGXCPU`, or `SIGKILL` when it ignores that.
    const ENDED_BY: [i32; 2] = [24, 9];
    let bench = Bench::limited(Limits { cpu_seconds: Some(1), ..Limits::default() });
    let end = bench.run(bench.spec("spinning", "while :; do :; done")).await;
    assert!(end.signal.is_some_and(|signal| ENDED_BY.contains(&signal)), "{end:?}");
}

#[tokio::test]
async fn threads_count_as_processes_do() {
    let bench = Bench::limited(Limits { processes: 40, ..Limits::default() });
    let command = "python3 -c 'import threading, time\nfor _ in range(80): threading.Thread(target=time.sleep, args=(60,)).start()'";
    let end = bench.run(bench.spec("threads", command)).await;
    assert_eq!(end.overrun, Some(Overrun::Processes { most: 40 }), "{end:?}");
}

#[tokio::test]
async fn open_files_and_core_dumps_are_limited() {
    let bench = Bench::limited(Limits { open_files: 50, ..Limits::default() });
    let end =
        bench.run(bench.spec("open", "ulimit -n; ulimit -Hn; ulimit -c; ulimit -n 51 2>/dev/null || echo no")).await;
    assert_eq!(end.tail, "50\n50\n0\nno\n");
}
