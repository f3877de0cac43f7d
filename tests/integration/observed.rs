//! What a real worker tells of what it did, in numbers and in lines of JSON, compared with what it was seen to do.

#![expect(clippy::print_stdout, reason = "a scrape is told to whoever asks for it with --nocapture")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bluestage::health::ask;
use serde_json::Value;

use crate::bluestage;
use crate::exposition::Scrape;
use crate::probe::{create, plain};
use crate::world::{Endpoints, Fault, Options, Process, Proxy, Trouble, World, root};

const PATIENCE: Duration = Duration::from_secs(40);

const DEPLOY: (&str, &str) = ("action", "DeployBlue");
const TEST: (&str, &str) = ("action", "RunIsolatedTests");
const PROMOTE: (&str, &str) = ("action", "Promote");
const DONE: (&str, &str) = ("verdict", "done");

/// A world whose only worker asks everything through proxies that count, and may be scraped.
struct Scraped {
    world: World,
    aws: Proxy,
    codepipeline: Proxy,
    worker: Process,
    address: SocketAddr,
    began: Instant,
}

impl Scraped {
    async fn start() -> Self {
        let flags = ["--health-address", "0"].map(str::to_owned).to_vec();
        let local_flags = vec!["--no-start-on-create".to_owned()];
        let world =
            World::start(&bluestage(), Options { worker_flags: flags, local_flags, ..Options::default() }).await;
        let registered = world.bluestage(&["actions", "register"]);
        assert!(registered.status.success(), "{registered:?}");
        let (aws, codepipeline) = (Proxy::before(&world.aws_url).await, Proxy::before(&world.codepipeline_url).await);
        let began = Instant::now();
        let mut worker = world.worker_at(&Endpoints { aws: aws.url.clone(), codepipeline: codepipeline.url.clone() });
        let line: Value = serde_json::from_str(&worker.first_line()).expect("one JSON line");
        let url = line["health"].as_str().expect("where it tells how it is");
        let address = url.trim_start_matches("http://").parse().expect("an address");
        Self { world, aws, codepipeline, worker, address, began }
    }

    async fn scrape(&self) -> Scrape {
        let (fine, text) = ask(self.address, "/metrics").await.unwrap();
        assert!(fine, "{text}");
        Scrape::read(&text)
    }

    /// Scrapes until it shows as much as this test wants.
    async fn shows(&self, what: &str, enough: impl Fn(&Scrape) -> bool) -> Scrape {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let scrape = self.scrape().await;
            if enough(&scrape) {
                return scrape;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}\n{scrape:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How often the proxies saw each operation asked for: those of S3 all together, for it names none.
    fn asked(&self) -> BTreeMap<String, f64> {
        let mut asked = BTreeMap::new();
        for counted in [&self.aws, &self.codepipeline].map(|proxy| proxy.counted(self.began..Instant::now())) {
            for (call, count) in counted {
                let call = if call.starts_with("S3 ") { "S3".to_owned() } else { call };
                *asked.entry(call).or_default() += f64::from(u32::try_from(count).unwrap());
            }
        }
        asked
    }
}

/// The same as the worker tells it.
fn told(scrape: &Scrape) -> BTreeMap<String, f64> {
    let mut told = BTreeMap::new();
    for (_, labels, value) in &scrape.0["bluestage_api_attempts_total"].samples {
        let call = match labels["service"].as_str() {
            "S3" => "S3".to_owned(),
            service => format!("{service} {}", labels["operation"]),
        };
        *told.entry(call).or_default() += value;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_counts_what_it_did_and_nothing_else() {
    let scraped = Scraped::start().await;
    create(&scraped.world, "billing", (None, "true")).await;
    // The SDK asks a second time by itself: two attempts, one verdict.
    scraped.codepipeline.spoil("PutJobSuccessResult", Fault::Refuse(Trouble::Throttled));
    let execution = scraped.world.release("billing", &plain()).await;
    scraped.world.await_execution("billing", &execution).await.succeeded();
    create(&scraped.world, "broken", (None, "false")).await;
    let execution = scraped.world.release("broken", &plain()).await;
    scraped.world.await_execution("broken", &execution).await.failed_in("RunIsolatedTests");

    let swept = |scrape: &Scrape| scrape.sum("bluestage_sweeps_total", &[("outcome", "whole")]) > 1.0;
    let scrape = scraped.shows("two sweeps", swept).await;
    let jobs = |labels: &[(&str, &str)]| scrape.sum("bluestage_jobs_total", labels);
    assert_eq!(jobs(&[DEPLOY, DONE]), 2.0);
    assert_eq!(jobs(&[TEST, DONE, ("cause", "none")]), 1.0);
    assert_eq!(jobs(&[TEST, ("verdict", "failed"), ("cause", "TestsFailed")]), 1.0);
    assert_eq!(jobs(&[PROMOTE, DONE]), 1.0);
    assert_eq!(jobs(&[("verdict", "failed")]), 1.0);
    for action in [DEPLOY, TEST, PROMOTE] {
        let (count, seconds) = scrape.histogram("bluestage_job_duration_seconds", &[action]);
        assert!(count == jobs(&[action]) && seconds > 0.0, "{action:?}: {count} {seconds}");
        assert!(scrape.histogram("bluestage_poll_duration_seconds", &[action, ("outcome", "ok")]).1 > 0.0);
        let of = format!("poll {}", action.1);
        assert!(scrape.sum("bluestage_last_success_age_seconds", &[("of", &of)]) < 40.0);
    }
    let stacks = |state| scrape.sum("bluestage_stacks", &[("stage", "test"), ("state", state)]);
    assert_eq!((stacks("Live"), stacks("Blue"), stacks("Previous")), (1.0, 1.0, 0.0));
    assert_eq!(scrape.sum("bluestage_document_writes_total", &[("outcome", "conflict")]), 0.0);
    assert!(scrape.sum("bluestage_document_writes_total", &[("document", "stage"), ("outcome", "written")]) > 5.0);
    assert!(scrape.histogram("bluestage_sweep_duration_seconds", &[]).1 > 0.0);
    assert_eq!((scrape.sum("bluestage_slots", &[]), scrape.sum("bluestage_held_jobs", &[])), (20.0, 0.0));
    let throttled = [("operation", "PutJobSuccessResult"), ("outcome", "throttled")];
    assert_eq!(scrape.sum("bluestage_api_attempts_total", &throttled), 1.0);

    // Polls never end, so one is mostly seen before it is told of, or the other way round: some scrape finds none.
    scraped.shows("as many calls as were seen", |scrape| told(scrape) == scraped.asked()).await;
    println!("{}", ask(scraped.address, "/metrics").await.unwrap().1);
    every_metric_is_documented_with_its_labels(&scrape);
    every_field_of_the_log_is_documented(&scraped.worker.logged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_skew_and_what_is_pinned_and_kept_are_counted() {
    let scraped = Scraped::start().await;
    let gate = crate::probe::Gate::of(&scraped.world);
    create(&scraped.world, "billing", (None, "true")).await;
    create(&scraped.world, "orders", (Some("billing"), &gate.shell())).await;
    crate::probe::go_live(&scraped.world, "billing", &plain()).await;
    let execution = scraped.world.release("orders", &plain()).await;
    let pinned = |scrape: &Scrape| scrape.sum("bluestage_pinned_stacks", &[("stage", "test")]) == 1.0;
    scraped.shows("billing to be pinned by the blue of orders", pinned).await;
    crate::probe::go_live(&scraped.world, "billing", &plain().with("note", "2")).await;
    gate.open();
    scraped.world.await_execution("orders", &execution).await.failed_in("Promote");
    let scrape = scraped.scrape().await;
    assert_eq!(scrape.sum("bluestage_refusals_total", &[PROMOTE, ("refusal", "Skewed")]), 1.0);
    assert_eq!(scrape.sum("bluestage_jobs_total", &[PROMOTE, ("cause", "OutOfDate")]), 1.0);
    assert_eq!(scrape.sum("bluestage_kept_stacks", &[("stage", "test")]), 1.0);
    assert_eq!(scrape.sum("bluestage_stacks", &[("state", "Previous")]), 1.0);
}

/// Rows of the table below this heading of the page: what stands in each cell, without the quotes of code.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(root().join(page)).expect("the page");
    let (_, section) = page.split_once(&format!("\n### {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

fn every_metric_is_documented_with_its_labels(scrape: &Scrape) {
    let documented: BTreeMap<String, (String, BTreeSet<String>)> = rows("docs/operations.md", "Every metric")
        .into_iter()
        .map(|row| {
            let labels = row[3].split(", ").filter(|label| !label.is_empty()).map(str::to_owned).collect();
            (row[0].clone(), (row[1].clone(), labels))
        })
        .collect();
    for (name, family) in &scrape.0 {
        let (kind, labels) = documented.get(name).unwrap_or_else(|| panic!("{name} is not documented"));
        assert_eq!(&family.kind, kind, "{name}");
        for (_, told, _) in &family.samples {
            let told: BTreeSet<String> = told.keys().filter(|key| *key != "le").cloned().collect();
            assert_eq!(&told, labels, "{name}");
        }
    }
}

fn every_field_of_the_log_is_documented(log: &str) {
    let names = |heading| rows("docs/operations.md", heading).into_iter().map(|row| row[0].clone());
    let (fields, of_a_job): (BTreeSet<_>, BTreeSet<_>) =
        (names("Fields of a log line").collect(), names("Fields of `span`").collect());
    assert!(log.lines().count() > 10, "{log}");
    let mut spans = 0;
    for line in log.lines() {
        assert_eq!(line.matches(r#","message":"#).count(), 1, "two of the same name: {line}");
        let line: BTreeMap<String, Value> = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        for always in ["timestamp", "level", "target", "message"] {
            assert!(line.get(always).is_some_and(Value::is_string), "{line:?} has no {always}");
        }
        for name in line.keys() {
            assert!(fields.contains(name), "{name} is not documented: {line:?}");
        }
        for name in line.get("span").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys) {
            assert!(of_a_job.contains(name), "{name} of a span is not documented: {line:?}");
            spans += 1;
        }
    }
    assert!(spans > 0, "no line tells of its job: {log}");
}
