//! Reports that mean harm: each is refused with a sentence, or told in lines that harm nobody.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::runner::fuzzing;
use crate::runner::junit::{MOST_FAILED_TESTS, read};
use crate::runner::reports::{self, Before, Findings};
use crate::runner::secrets::Secrets;

fn read_all(work: &TempDir, pattern: &str) -> Findings {
    let none = Secrets::new(std::iter::empty()).unwrap();
    reports::read_all((work.path(), pattern), &Before::new(), &none, true)
}

/// What the reader makes of the only report.
fn findings(report: &[u8]) -> Findings {
    let work = TempDir::new().unwrap();
    fs::write(work.path().join("a.xml"), report).unwrap();
    read_all(&work, "*.xml")
}

/// The name and the message of the only test that failed.
fn failure(report: &str) -> (String, String) {
    fuzzing::junit(report.as_bytes());
    let told = findings(report.as_bytes());
    assert_eq!((told.totals.failed, &told.problem), (1, &None), "{report}");
    (told.failed[0].told.name.clone(), told.failed[0].told.message.clone())
}

#[test]
fn entities_are_not_expanded_and_nothing_is_fetched() {
    let laughs: String = (1..30).map(|n| format!("<!ENTITY l{n} \"&l{0};&l{0};&l{0};&l{0};\">", n - 1)).collect();
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY l0 \"lol\">{laughs}]><testsuite><testcase name=\"a\"><failure>&l29;</failure></testcase></testsuite>"
    );
    assert_eq!(failure(&bomb).1, "&l29;");
    let external = "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\
        <testsuite><testcase name=\"&f;\"><failure message=\"&f;\">&f;</failure></testcase></testsuite>";
    assert_eq!(failure(external), ("&f;".to_owned(), "&f;".to_owned()));
    let parameter = "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1/\">%p;]>\
        <testsuite><testcase name=\"a\"><failure message=\"m\"/></testcase></testsuite>";
    assert_eq!(failure(parameter).1, "m");
}

#[test]
fn what_would_write_into_a_terminal_is_taken_out() {
    let told = failure(
        "<testsuite><testcase name=\"a\u{1b}]0;title\u{7}&#x1b;[2Jb&#10;c\"><failure message=\"&#27;[31mred&#7;&#13;over\"/></testcase></testsuite>",
    );
    assert_eq!(told, ("ab".to_owned(), "red".to_owned()));
    let kind = "<testsuite><testcase name=\"a\"><failure type=\"&#27;[31mred\"/></testcase></testsuite>";
    assert_eq!(failure(kind).1, "red");
    let impossible =
        "<testsuite><testcase name=\"a\"><failure message=\"&#0;&#x110000;&#xD800;\"/></testcase></testsuite>";
    assert_eq!(failure(impossible).1, "&#0;&#x110000;&#xD800;");
    let complaint = read("<testsuite></a\u{1b}[2Jb\nc>").unwrap_err();
    assert!(!complaint.contains(char::is_control), "{complaint:?}");
}

#[test]
fn long_things_are_cut() {
    let megabyte = "m".repeat(1 << 20);
    let (name, message) = failure(&format!(
        "<testsuite><testcase name=\"{megabyte}\" classname=\"{megabyte}\" {megabyte}=\"\"><failure message=\"{megabyte}\">{megabyte}</failure></testcase></testsuite>"
    ));
    assert_eq!((name.chars().count(), message.chars().count()), (300, 300));
    let complaint = read(&format!("<testsuite></{megabyte}>")).unwrap_err();
    assert!(complaint.len() < 300, "{}", complaint.len());
    let pieces = "&lt;".repeat(200_000);
    let text = format!("<testsuite><testcase name=\"a\"><failure>{pieces}</failure></testcase></testsuite>");
    assert_eq!(failure(&text).1.chars().count(), 300);
}

#[test]
fn many_things_are_counted_and_only_the_first_are_kept() {
    let many = format!("<testsuite>{}</testsuite>", "<testcase><failure/></testcase>".repeat(200_000));
    let report = read(&many).unwrap();
    assert_eq!((report.totals.failed, report.failed.len()), (200_000, MOST_FAILED_TESTS));
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=\"\"")).collect();
    fuzzing::junit(format!("<testsuite><testcase{attributes}/></testsuite>").as_bytes());
}

#[test]
fn deep_nesting_of_every_kind_is_read_without_recursion() {
    for (open, close) in [("<testsuite>", "</testsuite>"), ("<testcase>", "</testcase>"), ("<failure>", "</failure>")] {
        let nested = format!("<testsuites>{}{}</testsuites>", open.repeat(100_000), close.repeat(100_000));
        fuzzing::junit(nested.as_bytes());
    }
    fuzzing::junit(format!("<!DOCTYPE x {}", "[".repeat(100_000)).as_bytes());
    fuzzing::junit("<!--".repeat(100_000).as_bytes());
    fuzzing::junit("<![CDATA[".repeat(100_000).as_bytes());
}

#[test]
fn what_contradicts_itself_or_is_cut_off_is_refused_with_where() {
    for (report, why) in [
        ("<testsuite><testcase name=\"a\"></failure></testsuite>", "at byte "),
        ("<testsuite><testcase name=\"a\"><![CDATA[", "at byte "),
        ("<testsuite><testcase name=\"a\"/><!--", "at byte "),
        ("<testsuite><testcase name=\"a\"/><?", "at byte "),
        ("</testsuite>", "at byte "),
        ("<x:testsuit/>", "it is not JUnit XML"),
        ("\0\0\0\0", "it is not JUnit XML"),
    ] {
        let said = read(report).unwrap_err();
        assert!(said.contains(why), "{report}: {said}");
    }
}

#[test]
fn encodings_other_than_utf8_are_named_or_read_as_far_as_they_go() {
    let plain = "<testsuite><testcase name=\"a\"/></testsuite>";
    for utf16 in [
        [&b"\xff\xfe"[..], &plain.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat(),
        [&b"\xfe\xff"[..], &plain.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()].concat(),
    ] {
        let problem = findings(&utf16).problem.unwrap();
        assert!(problem.contains("it is UTF-16; have it written as UTF-8"), "{problem}");
    }
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    assert_eq!((findings(&marked).totals.tests, findings(&marked).problem), (1, None));
    let latin1 = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite><testcase name=\"caf\xe9\"><error/></testcase></testsuite>";
    assert_eq!(findings(latin1).failed[0].told.name, "caf\u{fffd}");
}

#[test]
fn links_that_lead_back_are_not_followed_in_search_of_reports() {
    let work = TempDir::new().unwrap();
    for name in ["one", "two", "three"] {
        symlink(".", work.path().join(name)).unwrap();
    }
    fs::write(work.path().join("a.xml"), "<testsuite><testcase name=\"a\"/></testsuite>").unwrap();
    for pattern in ["**/a.xml", &format!("{}a.xml", "*/".repeat(400)), &format!("{}a.xml", "**/*/".repeat(150))] {
        assert!(read_all(&work, pattern).files.len() <= 1);
    }
    assert_eq!(read_all(&work, "**/a.xml").totals.tests, 1);
}

#[test]
fn reports_that_are_too_large_together_are_refused() {
    let work = TempDir::new().unwrap();
    for number in 0..17 {
        let file = fs::File::create(work.path().join(format!("{number:02}.xml"))).unwrap();
        file.set_len(16 << 20).unwrap();
    }
    let problem = read_all(&work, "0[0-9].xml").problem.unwrap();
    assert!(problem.contains("it is not JUnit XML"), "{problem}");
    let findings = read_all(&work, "*.xml");
    assert_eq!(findings.files.len(), 16, "the last one is not read any more");
}

#[test]
fn whatever_was_found_by_fuzzing_is_read() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/junit");
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| fuzzing::junit(&fs::read(input).unwrap()));
}
