//! Which files are reports.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::ports::Totals;
use crate::runner::reports::{self, Before, Findings, before};
use crate::runner::secrets::Secrets;

const ONE_TEST: &str = r#"<testsuite><testcase name="a"/></testsuite>"#;

fn read_all(work: &Path, pattern: &str, before: &Before) -> Findings {
    let none = Secrets::new(std::iter::empty()).unwrap();
    reports::read_all((work, pattern), before, &none, false)
}

fn work_with(files: &[(&str, &str)]) -> TempDir {
    let work = TempDir::new().unwrap();
    for (name, content) in files {
        let path = work.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    work
}

fn read(work: &Path, pattern: &str) -> Findings {
    read_all(work, pattern, &Before::new())
}

#[track_caller]
fn has_problem(findings: &Findings, part: &str) {
    let problem = findings.problem.as_ref().expect("a problem");
    assert!(problem.contains(part), "{problem}");
}

#[test]
fn all_matching_reports_count_together() {
    let failing = r#"<testsuite><testcase name="b"><error/></testcase></testsuite>"#;
    let work = work_with(&[("out/TEST-a.xml", ONE_TEST), ("deep/out/TEST-b.xml", failing), ("out/TEST-c.txt", "no")]);
    let findings = read(work.path(), "**/TEST-*.xml");
    assert_eq!(findings.problem, None);
    assert_eq!((findings.totals.tests, findings.totals.failed), (2, 1));
    let expected = ["deep/out/TEST-b.xml", "out/TEST-a.xml"].map(PathBuf::from);
    assert_eq!(findings.files, expected);
}

#[test]
fn a_work_directory_with_glob_characters_is_no_glob() {
    let work = work_with(&[("a[1]*/a.xml", ONE_TEST)]);
    assert_eq!(read(&work.path().join("a[1]*"), "*.xml").totals.tests, 1);
}

#[test]
fn reports_without_a_test_are_a_problem() {
    let work = work_with(&[("a.xml", "<testsuites tests=\"7\"></testsuites>")]);
    has_problem(&read(work.path(), "*.xml"), "no test is in the 1 report(s) that match");
    has_problem(&read(work.path(), "*.json"), "no file matches \"*.json\"");
}

#[test]
fn reports_of_earlier_tests_are_not_this_runs() {
    let work = work_with(&[("old.xml", ONE_TEST), ("rewritten.xml", ONE_TEST)]);
    let seen = before(work.path(), "*.xml");
    let findings = read_all(work.path(), "*.xml", &seen);
    has_problem(&findings, "the 2 file(s) that match \"*.xml\" were there before");
    fs::write(work.path().join("rewritten.xml"), format!("{ONE_TEST}\n")).unwrap();
    let findings = read_all(work.path(), "*.xml", &seen);
    assert_eq!((findings.problem, findings.totals.tests), (None, 1));
}

#[test]
fn a_malformed_report_is_named() {
    let work = work_with(&[("good.xml", ONE_TEST), ("out/bad.xml", "<testsuite><testcase")]);
    let findings = read(work.path(), "**/*.xml");
    has_problem(&findings, "report out/bad.xml cannot be read: ");
    assert_eq!(findings.totals.tests, 1);
    assert_eq!(findings.files.len(), 2, "the malformed one is worth a look");
}

#[test]
fn links_and_what_is_outside_are_refused() {
    let outside = work_with(&[("secret.xml", ONE_TEST)]);
    let work = work_with(&[("a.xml", ONE_TEST)]);
    symlink(outside.path().join("secret.xml"), work.path().join("b.xml")).unwrap();
    let findings = read(work.path(), "*.xml");
    has_problem(&findings, "report b.xml cannot be read: it is a symbolic link");
    assert_eq!(findings.files, [PathBuf::from("a.xml")]);

    symlink(outside.path(), work.path().join("linked")).unwrap();
    let findings = read(work.path(), "linked/*.xml");
    has_problem(&findings, "no file matches \"linked/*.xml\"");
    assert!(findings.files.is_empty());
}

#[test]
fn what_is_not_a_file_is_never_opened() {
    let work = work_with(&[("dir.xml/a.xml", ONE_TEST)]);
    has_problem(&read(work.path(), "*.xml"), "the run wrote no report");
    let made = std::process::Command::new("mkfifo").arg(work.path().join("pipe.xml")).status();
    assert!(made.unwrap().success());
    has_problem(&read(work.path(), "*.xml"), "pipe.xml cannot be read: it is not a regular file");
}

#[test]
fn a_report_that_is_too_large_is_refused() {
    let work = work_with(&[]);
    let file = fs::File::create(work.path().join("a.xml")).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    let findings = read(work.path(), "*.xml");
    has_problem(&findings, "report a.xml cannot be read: it is larger than 16 MiB");
}

#[test]
fn a_glob_that_leaves_the_directory_is_refused() {
    let work = work_with(&[("a.xml", ONE_TEST)]);
    for pattern in ["/etc/*", "../*.xml", "a/../../*.xml", ""] {
        has_problem(&read(work.path(), pattern), "it must be relative and cannot hold \"..\"");
    }
    has_problem(&read(work.path(), "a["), "\"a[\" is not a glob");
    assert_eq!(read(work.path(), "./*.xml").totals.tests, 1);
}

#[test]
fn only_the_first_failed_tests_are_named() {
    let case = r#"<testcase name="t"><failure/></testcase>"#;
    let work = work_with(&[("a.xml", &format!("<testsuite>{}</testsuite>", case.repeat(70)))]);
    let findings = read(work.path(), "a.xml");
    assert_eq!(findings.totals.failed, 70);
    assert_eq!(findings.failed.len(), 50);
}

const TRIES: &str = r#"<testsuite><testcase name="a"><failure/></testcase><testcase name="a"><failure/></testcase>
    <testcase name="a"/><testcase name="b" time="2"/></testsuite>"#;

#[test]
fn a_test_that_was_run_again_has_passed_if_the_command_says_so() {
    let work = work_with(&[("a.xml", TRIES)]);
    let none = Secrets::new(std::iter::empty()).unwrap();
    let read = |ended_well| reports::read_all((work.path(), "*.xml"), &Before::new(), &none, ended_well);
    let Totals { tests, failed, flaky, .. } = read(true).totals;
    assert_eq!((tests, failed, flaky), (2, 0, 1));
    let Totals { tests, failed, flaky, .. } = read(false).totals;
    assert_eq!((tests, failed, flaky), (4, 2, 0));
}

#[test]
fn the_slowest_tests_of_all_reports_come_first() {
    let cases =
        |prefix: &str| (0..20).map(|n| format!("<testcase name=\"{prefix}{n}\" time=\"{n}\"/>")).collect::<String>();
    let of = |prefix: &str| format!("<testsuite>{}</testsuite>", cases(prefix));
    let work = work_with(&[("a.xml", &of("a")), ("b.xml", &of("b"))]);
    let slowest = read(work.path(), "*.xml").slowest.0;
    assert_eq!(slowest.len(), 10);
    assert_eq!((slowest[0].1, slowest[9].1), (19.0, 15.0));
}
