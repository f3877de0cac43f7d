//! Run records: what one worker writes, another reads.

use aws_config::SdkConfig;
use bluestage::ports::{Bundle, RunEnd, RunRecord, RunStatus, Totals};
use bluestage::release::{RunId, StageName};
use tempfile::TempDir;

use super::adapters;

fn place() -> (StageName, RunId) {
    ("test".parse().unwrap(), RunId::new("3f2a9c1e-1111", 1))
}

fn ended() -> RunRecord {
    RunRecord {
        worker: "w-1".to_owned(),
        beat: 7,
        status: RunStatus::Ended(RunEnd {
            exit_code: Some(0),
            signal: None,
            exceeded_seconds: None,
            overrun: None,
            totals: Some(Totals { tests: 3, failed: 0, skipped: 1, flaky: 0 }),
            failed_tests: Vec::new(),
            report_problem: None,
            tail: "3 tests, all well\n".to_owned(),
            started_at: 1,
            ended_at: 2,
            build: None,
        }),
        build: None,
    }
}

pub(crate) async fn the_first_record_of_a_run_is_written_by_one(sdk: &SdkConfig) {
    let records = adapters(sdk).await.run_records;
    let (stage, run) = place();
    let of = |worker: &str| RunRecord { worker: worker.to_owned(), ..ended() };
    assert!(records.create(&stage, &run, &of("a")).await.unwrap());
    assert!(!records.create(&stage, &run, &of("b")).await.unwrap());
    assert!(records.create(&stage, &run, &of("a")).await.unwrap(), "our own write, whose answer was lost");
    assert_eq!(records.read(&stage, &run).await.unwrap(), Some(of("a")));
}

pub(crate) async fn a_record_is_read_as_it_was_written(sdk: &SdkConfig) {
    let records = adapters(sdk).await.run_records;
    let (stage, run) = place();
    assert_eq!(records.read(&stage, &run).await.unwrap(), None);
    let running = RunRecord { status: RunStatus::Running { progress: "1 of 3".to_owned() }, ..ended() };
    for record in [running, ended()] {
        records.write(&stage, &run, &record).await.unwrap();
        assert_eq!(records.read(&stage, &run).await.unwrap(), Some(record));
    }
}

pub(crate) async fn a_bundle_is_fetched_as_it_was_stored(sdk: &SdkConfig) {
    let records = adapters(sdk).await.run_records;
    let (stage, run) = place();
    assert!(records.read_bundle(&stage, &run).await.unwrap().is_none());
    let home = TempDir::new().unwrap();
    let file = home.path().join("any.zip");
    let content = b"PK reports ".repeat(100_000);
    std::fs::write(&file, &content).unwrap();
    let page = home.path().join("any.html");
    std::fs::write(&page, "<p>ü").unwrap();
    let bundle = Bundle { home, file, page: Some(page) };
    records.write_bundle(&stage, &run, &bundle).await.unwrap();
    let fetched = records.read_bundle(&stage, &run).await.unwrap().unwrap();
    assert_eq!(std::fs::read(&fetched.file).unwrap(), content);
    let address = format!("{}report.html", records.place(&stage, &run));
    let (bucket, key) = address.strip_prefix("s3://").and_then(|place| place.split_once('/')).unwrap();
    let stored = aws_sdk_s3::Client::new(sdk).get_object().bucket(bucket).key(key).send().await.unwrap();
    assert_eq!(stored.content_type(), Some("text/html; charset=utf-8"));
    assert_eq!(stored.body.collect().await.unwrap().to_vec(), "<p>ü".as_bytes());
}
