//! What a command sees and what it may leave.

use crate::{Bench, read};

#[tokio::test]
async fn a_command_sees_nothing_of_the_workers_environment() {
    let bench = Bench::new();
    let mut spec = bench.spec("env", "env | cut -d= -f1 | sort");
    spec.environment = vec![("BLUESTAGE_RUN".into(), "env".into())];
    let end = bench.run(spec).await;
    // The shell itself adds these.
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let names: Vec<&str> = end.tail.lines().filter(|name| !own.contains(name)).collect();
    assert_eq!(names, ["BLUESTAGE_RUN", "HOME", "LANG", "PATH", "TMPDIR"]);
}

#[tokio::test]
async fn a_command_has_a_home_and_a_temporary_directory_of_its_own() {
    let bench = Bench::new();
    let command = "pwd; echo $HOME; echo $TMPDIR; touch $HOME/a $TMPDIR/b; ls $HOME; ls $TMPDIR; echo $LANG";
    let spec = bench.spec("homes", command);
    let home = spec.home.path().canonicalize().unwrap();
    let end = bench.run(spec).await;
    let lines: Vec<&str> = end.tail.lines().collect();
    assert_eq!(lines[0], home.join("work").to_str().unwrap());
    for own in &lines[1..3] {
        assert!(own.starts_with(home.to_str().unwrap()), "{own}");
    }
    assert_ne!(lines[1], lines[2]);
    assert_eq!(lines[3..], ["a", "b", "C.UTF-8"]);
    bench.is_clean();
}

#[tokio::test]
async fn a_command_reads_nothing_from_the_worker() {
    let bench = Bench::new();
    let end = bench.run(bench.spec("stdin", "cat; echo done")).await;
    assert_eq!(end.tail, "done\n");
}

#[tokio::test]
async fn output_and_errors_stay_in_order() {
    let bench = Bench::new();
    let command = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done";
    let end = bench.run(bench.spec("order", command)).await;
    let expected: String = (1..=5).map(|i| format!("out {i}\nerr {i}\n")).collect();
    assert_eq!(end.tail, expected);
}

#[tokio::test]
async fn a_flood_of_output_is_cut_in_the_log_and_does_not_block() {
    let bench = Bench::new();
    let command = "yes 'the same line' | head -c 3000000; printf '\\033[32mthe end\\033[0m\\n'";
    let end = bench.run(bench.spec("flood", command)).await;
    assert!(end.passed(), "{end:?}");
    assert_eq!(end.tail.chars().count(), 2_000);
    assert!(end.tail.ends_with("the end\n"), "{}", end.tail);
    let bundle = bench.bundle_of("flood");
    let log = read(bundle.path(), "log.txt");
    assert!(log.len() < 10_100, "{}", log.len());
    assert!(log.ends_with("[more was printed: this log ends after 10000 bytes]\n"));
}

#[tokio::test]
async fn a_run_that_makes_its_files_read_only_leaves_nothing_either() {
    let bench = Bench::new();
    let command = "mkdir -p cache/deep; touch cache/deep/a; chmod -R a-w cache; ln -s / root";
    let end = bench.run(bench.spec("read-only", command)).await;
    assert!(end.passed(), "{end:?}");
    bench.is_clean();
}
