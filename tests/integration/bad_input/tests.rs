//! Tests that fail, and tests that tell nothing.

use super::{Case, all_fail_in, nothing_stays};
use crate::queue;

const RED: &str = r#"<testsuite tests="2" failures="1"><testcase classname="shop" name="sells"/>
<testcase classname="shop" name="buys"><failure message="expected 1, got 2">at line 7</failure></testcase></testsuite>"#;

#[tokio::test(flavor = "multi_thread")]
async fn tests_that_fail_are_named_and_their_version_stays_only_until_the_sweep() {
    let world = queue::world(&[], &["--failed-grace-seconds", "0"]).await;
    let fails = |name, command, says: &[&str]| {
        let mut case = Case::new(name, ("JobFailed", says)).test("Command", command);
        case.says.extend([
            "failed its tests in stage test".to_owned(),
            "Report of run-".to_owned(),
            "What is live is as it was.".to_owned(),
        ]);
        case
    };
    let cases = [
        fails("exits", "echo out of luck >&2; exit 3", &["the command ended with exit code 3", "out of luck"]),
        fails("killed", "kill -KILL $$", &["the command was ended by signal 9"]),
        fails("missing", "make-it-so --now", &["the command ended with exit code 127", "make-it-so", "not found"]),
        fails("red", "true", &["1 of 2 tests failed", "\n- shop::buys: expected 1, got 2"])
            .file("red.xml", RED)
            .test("Command", "mkdir reports && cp red.xml reports/")
            .test("Reports", "reports/*.xml"),
        fails("silent", "true", &["reports/*.xml"]).test("Reports", "reports/*.xml"),
        fails("stale", "true", &["old/*.xml"])
            .file("old/green.xml", r#"<testsuite tests="1"><testcase name="a"/></testsuite>"#)
            .test("Reports", "old/*.xml"),
        fails(
            "empty",
            "echo '<testsuite tests=\"0\"/>' > a.xml",
            &["no test is in the 1 report(s) that match \"a.xml\""],
        )
        .test("Reports", "a.xml"),
        fails("malformed", "echo '<testsuite><testcase' > a.xml", &["report a.xml cannot be read"])
            .test("Reports", "a.xml"),
        fails("glob", "true", &["a***"]).test("Reports", "a***"),
    ];
    all_fail_in(&world, "RunIsolatedTests", &cases).await;
    nothing_stays(&world).await;
}
