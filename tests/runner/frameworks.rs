//! The same three tests in three frameworks: one passes, one fails, one is skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bluestage::ports::{RunEnd, Totals};
use bluestage::runner::Settings;

use crate::{Bench, Memory, on_the_path, read, settings};

#[tokio::test]
async fn pytest_gives_the_right_totals_and_a_readable_verdict() {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv");
    let Some(python) = real_directory_of(&venv.join("bin/python")) else {
        eprintln!("not run: there is no pytest in target/venv; make test installs it");
        return;
    };
    let bench = bench_with(&venv.join("bin"), vec![venv, python]);
    let test = "import pytest\ndef test_adds():\n    assert 1 + 1 == 2\ndef test_breaks():\n    total = 119\n    assert total == 100\n\
                @pytest.mark.skip(reason='not here')\ndef test_later():\n    pass\n";
    let end = run(&bench, &[("test_orders.py", test)], "python -m pytest -v --junitxml=out.xml").await;
    verdict(&end, ("test_orders::test_breaks", "assert 119 == 100"));
    page_shows(&bench, "test_orders.py:6: AssertionError");
}

#[tokio::test]
async fn node_gives_the_right_totals_and_a_readable_verdict() {
    let Some(node) = on_the_path("node") else {
        eprintln!("not run: there is no node on the PATH");
        return;
    };
    let bench = bench_with(&node, vec![node.clone()]);
    let test = "const test = require('node:test');\nconst assert = require('node:assert');\n\
                test('adds', () => assert.strictEqual(1 + 1, 2));\n\
                test('breaks', () => assert.strictEqual(119, 100, 'the total has the tax'));\n\
                test('later', { skip: true }, () => {});\n";
    let command = "node --test --test-reporter=junit --test-reporter-destination=out.xml --test-reporter=tap \
                   --test-reporter-destination=stdout orders.test.js";
    let end = run(&bench, &[("orders.test.js", test)], command).await;
    verdict(&end, ("breaks", "the total has the tax"));
    page_shows(&bench, "orders.test.js:4");
}

#[tokio::test]
async fn nextest_gives_the_right_totals_and_a_readable_verdict() {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok().filter(|told| told.status.success());
    let (Some(sysroot), Some(nextest)) = (sysroot, on_the_path("cargo-nextest")) else {
        eprintln!("not run: there is no cargo-nextest on the PATH");
        return;
    };
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    let bench = bench_with(&sysroot.join("bin"), vec![sysroot, nextest.clone()]);
    let library = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n    #[test]\n    fn breaks() {\n        \
                   assert_eq!(119, 100, \"the total has the tax\");\n    }\n    #[test]\n    #[ignore]\n    fn later() {}\n}\n";
    let files = [
        ("Cargo.toml", "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
        ("src/lib.rs", library),
        (".config/nextest.toml", "[profile.default.junit]\npath = \"out.xml\"\n"),
    ];
    let command = format!("CARGO_NET_OFFLINE=true {}/cargo-nextest nextest run --no-fail-fast", nextest.display());
    let end = run(&bench, &files, &command).await;
    // It leaves out what it does not run.
    let totals = Totals { tests: 2, failed: 1, skipped: 0, flaky: 0 };
    assert_eq!(end.totals, Some(totals), "{end:?}");
    let [failed] = &end.failed_tests[..] else { panic!("{end:?}") };
    assert_eq!(failed.name, "orders::tests::breaks");
    assert!(failed.message.contains("tests::breaks"), "{failed:?}");
    page_shows(&bench, "the total has the tax");
}

fn verdict(end: &RunEnd, (name, message): (&str, &str)) {
    let totals = Totals { tests: 3, failed: 1, skipped: 1, flaky: 0 };
    assert_eq!(end.totals, Some(totals), "{end:?}");
    assert!(!end.passed());
    assert_eq!(end.why_it_failed(), "1 of 3 tests failed");
    let [failed] = &end.failed_tests[..] else { panic!("{end:?}") };
    assert_eq!(failed.name, name);
    assert!(failed.message.contains(message), "{failed:?}");
}

fn page_shows(bench: &Bench, expected: &str) {
    let html = read(bench.bundle_of("sample").path(), "report.html");
    assert!(html.contains(expected), "{html}");
}

fn bench_with(programs: &Path, readable: Vec<PathBuf>) -> Bench {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    Bench::of(Settings { path, read: readable, ..settings() }, Memory::default())
}

async fn run(bench: &Bench, files: &[(&str, &str)], command: &str) -> RunEnd {
    let mut spec = bench.spec("sample", command);
    for (name, text) in files {
        let path = spec.work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    spec.reports = Some("**/out.xml".to_owned());
    // Compiling takes longer than anything else here.
    spec.time_limit = std::time::Duration::from_mins(3);
    let run = bench.start(spec).await;
    bench.end_within(&run, std::time::Duration::from_mins(4)).await
}

/// Where the program really is, and what belongs to it.
fn real_directory_of(program: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(program).ok()?.parent()?.parent()?.to_owned())
}
