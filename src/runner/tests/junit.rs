//! The dialects of JUnit XML.

use crate::ports::{FailedTest, Totals};
use crate::runner::junit::{Report, read};

fn counts(report: &Report) -> (u64, u64, u64) {
    let Totals { tests, failed, skipped, .. } = report.totals;
    (tests, failed, skipped)
}

fn told(report: &Report) -> Vec<FailedTest> {
    report.failed.iter().map(|failed| failed.told.clone()).collect()
}

fn failed(name: &str, message: &str) -> FailedTest {
    FailedTest { name: name.into(), message: message.into() }
}

#[test]
fn pytest_is_read() {
    let report = read(
        r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1"
        failures="1" skipped="1" tests="4" time="0.1" timestamp="2026-01-01T00:00:00.000000+00:00" hostname="h">
        <testcase classname="tests.test_a" name="test_ok" time="0.001" />
        <testcase classname="tests.test_a" name="test_bad" time="0.001"><failure message="assert 1 == 2&#10; +  where 1">def
        test_bad():</failure></testcase>
        <testcase classname="tests.test_a" name="test_skip" time="0"><skipped type="pytest.skip" message="no">x</skipped></testcase>
        <testcase classname="" name="tests.test_b" time="0"><error message="collection failure">ImportError</error></testcase>
        </testsuite></testsuites>"#,
    )
    .unwrap();
    assert_eq!(counts(&report), (4, 2, 1));
    assert_eq!(
        told(&report),
        [failed("tests.test_a::test_bad", "assert 1 == 2"), failed("tests.test_b", "collection failure"),]
    );
}

#[test]
fn jest_is_read() {
    let report = read(
        "<testsuites name=\"jest tests\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"1.2\">\
        <testsuite name=\"orders\" errors=\"0\" failures=\"1\" skipped=\"0\" timestamp=\"2026-01-01T00:00:00\" tests=\"2\">\
        <testcase classname=\"orders places one\" name=\"orders places one\" time=\"0.1\"></testcase>\
        <testcase classname=\"orders\" name=\"orders cancels\" time=\"0.1\">\
        <failure>\n\u{1b}[31mError: expect(received).toBe(&lt;expected&gt;)\u{1b}[0m\n  at x.js:1</failure></testcase>\
        </testsuite></testsuites>",
    )
    .unwrap();
    assert_eq!(counts(&report), (2, 1, 0));
    let message = "Error: expect(received).toBe(<expected>)";
    assert_eq!(told(&report), [failed("orders cancels", message)]);
}

#[test]
fn surefire_is_read() {
    let report = read(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="com.example.OrdersTest" time="1,234.567"
        tests="2" errors="1" skipped="0" failures="0">
        <properties><property name="java.version" value="21"/></properties>
        <testcase name="places" classname="com.example.OrdersTest" time="1,234.5"/>
        <testcase name="cancels" classname="com.example.OrdersTest" time="0">
        <error type="java.lang.NullPointerException"><![CDATA[java.lang.NullPointerException: x < y
            at com.example]]></error><system-out><![CDATA[<testcase name="printed"/>]]></system-out>
        </testcase></testsuite>"#,
    )
    .unwrap();
    assert_eq!(counts(&report), (2, 1, 0));
    let name = "com.example.OrdersTest::cancels";
    assert_eq!(told(&report), [failed(name, "java.lang.NullPointerException: x < y")]);
}

#[test]
fn go_and_nextest_are_read() {
    let go = read(
        r#"<testsuites><testsuite tests="3" failures="1" time="0.0" name="example.com/orders">
        <properties><property name="go.version" value="go1.25"></property></properties>
        <testcase classname="orders" name="TestA" time="0.0"></testcase>
        <testcase classname="orders" name="TestB" time="0.0"><skipped message="later"></skipped></testcase>
        <testcase classname="orders" name="TestC" time="0.0"><failure message="Failed" type="">x</failure></testcase>
        </testsuite></testsuites>"#,
    )
    .unwrap();
    assert_eq!(counts(&go), (3, 1, 1));
    let nextest = read(
        r#"<testsuites name="nextest-run" tests="1" failures="1" errors="0" uuid="x" timestamp="t" time="0.1">
        <testsuite name="orders::integration" tests="1" disabled="0" errors="0" failures="1">
        <testcase name="places" classname="orders::integration" timestamp="t" time="0.1">
        <failure message="thread &apos;places&apos; panicked" type="test failure with exit code 101">x</failure>
        <rerunFailure type="x"><failure message="inner"/></rerunFailure>
        <system-out>running 1 test</system-out></testcase></testsuite></testsuites>"#,
    )
    .unwrap();
    assert_eq!(counts(&nextest), (1, 1, 0));
    let expected = failed("orders::integration::places", "thread 'places' panicked");
    assert_eq!(told(&nextest), [expected]);
}

#[test]
fn a_test_that_failed_is_never_hidden() {
    let twice = r#"<testsuite><testcase name="a"><failure message="first"/><skipped/><error message="second"/>
        </testcase></testsuite>"#;
    let report = read(twice).unwrap();
    assert_eq!(counts(&report), (1, 1, 0));
    assert_eq!(told(&report), [failed("a", "first")]);
    let silent = read("<testsuite><testcase><failure/></testcase></testsuite>").unwrap();
    assert_eq!(report_names(&silent), ["it failed without a message"]);
}

fn report_names(report: &Report) -> Vec<&str> {
    report.failed.iter().map(|test| &*test.told.message).collect()
}

#[test]
fn jasmine_is_read() {
    let report = read(
        r#"<?xml version="1.0" encoding="UTF-8" ?><testsuites><testsuite name="Orders" timestamp="2026-01-01T00:00:00"
        hostname="localhost" time="0.005" errors="0" tests="3" skipped="1" disabled="0" failures="1">
        <testcase classname="Orders" name="places" time="0.001" />
        <testcase classname="Orders" name="waits" time="0"><skipped /></testcase>
        <testcase classname="Orders" name="cancels" time="0.002"><failure type="exception" message="Expected 1 to be 2.">
        <![CDATA[Error: Expected 1 to be 2.\n    at <Jasmine>]]></failure></testcase></testsuite></testsuites>"#,
    );
    let report = report.unwrap();
    assert_eq!(counts(&report), (3, 1, 1));
    assert_eq!(told(&report), [failed("Orders::cancels", "Expected 1 to be 2.")]);
}

#[test]
fn node_is_read() {
    let report = read(
        r#"<?xml version="1.0" encoding="utf-8"?><testsuites>
        <testsuite name="orders" time="0.003" disabled="0" errors="0" tests="2" failures="1" skipped="0" hostname="h">
        <testcase name="places" time="0.001" classname="test"/>
        <testcase name="cancels" time="0.001" classname="test" failure="1 == 2">
        <failure type="testCodeFailure" message="1 == 2">[Error [ERR_TEST_FAILURE]: 1 == 2] {</failure></testcase>
        </testsuite><testcase name="later" time="0" classname="test"><skipped type="skipped" message="true"/></testcase>
        <!-- tests 3 --></testsuites>"#,
    );
    let report = report.unwrap();
    assert_eq!(counts(&report), (3, 1, 1));
    assert_eq!(told(&report), [failed("cancels", "1 == 2")]);
}

#[test]
fn a_flaky_test_that_passed_in_the_end_has_passed_and_is_counted() {
    let surefire = r#"<testsuite><testcase name="a"><flakyFailure message="x"><stackTrace>t</stackTrace></flakyFailure>
        <flakyError message="y"/></testcase></testsuite>"#;
    let nextest = r#"<testsuites><testsuite name="orders"><testcase name="a" classname="orders">
        <flakyFailure type="test failure"><failure/><system-err>first</system-err></flakyFailure></testcase></testsuite></testsuites>"#;
    for xml in [surefire, nextest] {
        let report = read(xml).unwrap();
        assert_eq!((counts(&report), report.totals.flaky), ((1, 0, 0), 1));
    }
}

#[test]
fn a_test_that_stands_there_twice_and_passed_once_is_told_from_one_that_only_failed() {
    let report = read(
        r#"<testsuites><testsuite name="orders"><testcase classname="orders" name="TestA"><failure message="Failed"/>
        </testcase><testcase classname="orders" name="TestB"><failure message="Failed"/></testcase>
        <testcase classname="orders" name="TestA"/></testsuite></testsuites>"#,
    );
    let report = report.unwrap();
    assert_eq!(counts(&report), (3, 2, 0));
    assert_eq!(report.tries, (1, 1));
    assert_eq!(report.failed.iter().map(|failed| failed.passed_too).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_a_failed_test_tells_and_prints_is_kept_and_cut() {
    let long = "x".repeat(20_000);
    let xml = format!(
        r#"<testsuite><testcase name="a" time="1,234.5"><system-out>it <![CDATA[said <b>]]></system-out><failure
        message="short&#10;and more">line one &lt;1&gt;
line two</failure><system-err>{long}</system-err></testcase></testsuite>"#
    );
    let report = read(&xml).unwrap();
    let output = &report.failed[0].output;
    assert!(output.starts_with("short\nand more\nline one <1>\nline two\n\nIt printed:\nit said <b>"), "{output}");
    assert!((8_000..8_200).contains(&output.len()), "{}", output.len());
    assert_eq!(report.slowest.0, [("a".to_owned(), 1234.5)]);
}

#[test]
fn what_suites_claim_is_not_believed() {
    let report = read(r#"<testsuites tests="9" failures="9"><testsuite tests="x"/></testsuites>"#);
    assert_eq!(counts(&report.unwrap()), (0, 0, 0));
}

#[test]
fn long_messages_are_cut() {
    let long = "ä".repeat(400);
    let xml = format!(r#"<testsuite><testcase name="a"><failure message="{long}"/></testcase></testsuite>"#);
    let report = read(&xml).unwrap();
    assert_eq!(report.failed[0].told.message.chars().count(), 300);
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    let depth = 200_000;
    let nested = format!("{}<testcase name=\"a\"/>{}", "<testsuite>".repeat(depth), "</testsuite>".repeat(depth));
    assert_eq!(counts(&read(&nested).unwrap()), (1, 0, 0));
}

#[test]
fn what_is_no_report_says_why() {
    for (xml, why) in [
        ("", "it is not JUnit XML"),
        ("plain text", "it is not JUnit XML"),
        ("<html><testcase name=\"a\"/></html>", "it is not JUnit XML"),
        ("<testsuite><testcase name=\"a\"/>", "it ends in the middle"),
        ("<testsuite></testcase></testsuite>", "at byte "),
        ("<testsuite><testcase name=\"a", "at byte "),
        ("<testsuite><testcase name=a/></testsuite>", "at byte "),
    ] {
        let said = read(xml).unwrap_err();
        assert!(said.contains(why), "{xml}: {said}");
    }
}
