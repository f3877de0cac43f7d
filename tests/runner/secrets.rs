//! What is secret is given to the command, and hidden in all that is kept of it.

use std::time::Duration;

use crate::{Bench, LONG, read};
use bluestage::ports::{Here, TestRuns};

const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[tokio::test]
async fn a_secret_is_hidden_in_log_progress_tail_and_reports() {
    let bench = Bench::new();
    let command = format!(
        "[ \"$KEY\" = '{KEY}' ] || exit 3; echo \"key $KEY\"; echo \"<testsuite><testcase name='t $KEY'>\
         <failure message='was $KEY'>$KEY</failure></testcase></testsuite>\" > r.xml; printf '%s' \"$KEY\""
    );
    let mut spec = bench.spec("leaky", &command);
    spec.secrets = vec![("KEY".to_owned(), KEY.into())];
    spec.reports = Some("r.xml".to_owned());
    let end = bench.run(spec).await;
    assert_eq!((end.exit_code, end.tail.as_str()), (Some(0), "key ****\n****"));
    assert_eq!((end.failed_tests[0].name.as_str(), end.failed_tests[0].message.as_str()), ("t ****", "was ****"));
    let records = format!("{:?}", bench.memory.of(&"leaky".parse().unwrap()));
    assert!(!records.contains(KEY), "{records}");
    let bundle = bench.bundle_of("leaky");
    for file in ["log.txt", "reports/r.xml", "certificate.json"] {
        assert!(!read(bundle.path(), file).contains(KEY), "{file}");
    }
    assert!(read(bundle.path(), "reports/r.xml").contains("was ****"));
}

#[tokio::test]
async fn a_secret_that_is_printed_piece_by_piece_is_hidden_too() {
    let bench = Bench::new();
    let (first, second) = KEY.split_at(7);
    let command = format!("printf '{first}'; sleep 0.3; printf '{second}\\n42\\n'; sleep 60");
    let mut spec = bench.spec("slow-leak", &command);
    spec.secrets = vec![("KEY".to_owned(), KEY.into())];
    let run = bench.start(spec).await;
    let mut seen = Vec::new();
    loop {
        let Here::Running(progress) = bench.runner.wait(&run, Duration::from_millis(10)).await else {
            panic!("it ended");
        };
        seen.push(progress.clone());
        if progress == "42" {
            break;
        }
        assert!(seen.len() < LONG.as_millis() as usize / 10, "{seen:?}");
    }
    assert!(!seen.iter().any(|progress| progress.contains(first)), "{seen:?}");
    bench.runner.stop_all().await;
}
