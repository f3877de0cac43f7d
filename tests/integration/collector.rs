//! What a real worker exports by OTLP, as a collector receives it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::task::JoinHandle;

use crate::bluestage;
use crate::probe::{create, go_live, plain};
use crate::world::{Options, World};

/// What has arrived: the signal and its body, in order.
type Arrived = Arc<Mutex<Vec<(String, Bytes)>>>;

/// Takes whatever it is sent.
struct Collector {
    url: String,
    arrived: Arrived,
    serving: JoinHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let arrived = Arrived::default();
        let router = Router::new().route("/v1/{signal}", post(take)).with_state(Arc::clone(&arrived));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, arrived, serving }
    }

    fn bodies(&self, signal: &str) -> Vec<Bytes> {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().filter(|(of, _)| of == signal).map(|(_, body)| body.clone()).collect()
    }

    fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.bodies("traces").into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.traces().into_iter().flat_map(|traces| traces.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(Path(signal): Path<String>, State(arrived): State<Arrived>, head: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(head["content-type"], "application/x-protobuf");
    arrived.lock().unwrap().push((signal, body));
    StatusCode::OK
}

/// The attributes that are texts.
fn texts(attributes: &[KeyValue]) -> BTreeMap<&str, &str> {
    let texts = attributes.iter().filter_map(|pair| match pair.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some((pair.key.as_str(), text.as_str())),
        _ => None,
    });
    texts.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A world with a worker that exports to there, and has one more variable.
async fn exporting(endpoint: &str, more: (&str, &str)) -> World {
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), more];
    let options = Options {
        local_flags: vec!["--no-start-on-create".to_owned()],
        worker_environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Options::default()
    };
    let world = World::with_worker(&bluestage(), options).await;
    assert!(world.bluestage(&["actions", "register"]).status.success());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_of_an_execution_and_its_tests_are_one_trace() {
    let collector = Collector::start().await;
    let mut world = exporting(&collector.url, ("OTEL_RESOURCE_ATTRIBUTES", "service.name=workers-of-a-team")).await;
    create(&world, "billing", (None, "echo $TRACEPARENT")).await;
    let execution = world.release("billing", &plain()).await;
    let outcome = world.await_execution("billing", &execution).await;
    let log = world.bundle(outcome.succeeded().action("RunIsolatedTests")).await.text("log.txt");
    // It exports what is left when it ends.
    world.workers[0].signal("TERM");
    let ended = world.workers[0].ended(Duration::from_secs(30));
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", world.logs());

    let [version, trace, parent, flags] = log.trim().split('-').collect::<Vec<_>>()[..] else {
        panic!("{log:?} is no trace context");
    };
    assert_eq!((version, trace, flags), ("00", execution.replace('-', "").as_str(), "01"));
    let spans = collector.spans();
    let jobs: Vec<&Span> = spans.iter().filter(|span| span.name == "job").collect();
    for action in ["DeployBlue", "RunIsolatedTests", "Promote"] {
        let job = jobs.iter().find(|job| texts(&job.attributes).get("action") == Some(&action));
        let job = job.unwrap_or_else(|| panic!("no span of {action}: {spans:#?}"));
        assert_eq!((hex(&job.trace_id).as_str(), hex(&job.parent_span_id).as_str()), (trace, parent), "{action}");
        let attributes = texts(&job.attributes);
        assert_eq!((attributes["service"], attributes["stage"]), ("billing", "test"));
        assert!(job.end_time_unix_nano > job.start_time_unix_nano);
        for phase in ["note", "claim", "act", "report"] {
            let found = spans.iter().find(|span| span.name == phase && span.parent_span_id == job.span_id);
            assert_eq!(found.map(|span| hex(&span.trace_id)).as_deref(), Some(trace), "{phase} of {action}");
        }
    }
    for traces in collector.traces().iter().flat_map(|traces| &traces.resource_spans) {
        let attributes = &traces.resource.as_ref().expect("a resource").attributes;
        assert_eq!(texts(attributes)["service.name"], "workers-of-a-team");
    }
    numbers_arrive_under_the_names_of_the_scrape(&collector);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_told_once_and_costs_no_job() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut world = exporting(&format!("http://{nobody}"), ("OTEL_BSP_SCHEDULE_DELAY", "50")).await;
    create(&world, "billing", (None, "true")).await;
    go_live(&world, "billing", &plain()).await;
    world.workers[0].signal("TERM");
    let ended = world.workers[0].ended(Duration::from_secs(30));
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", world.logs());
    assert_eq!(world.workers[0].logged().matches("the collector takes nothing").count(), 1, "{}", world.logs());
}

fn numbers_arrive_under_the_names_of_the_scrape(collector: &Collector) {
    let exported =
        collector.bodies("metrics").into_iter().map(|body| ExportMetricsServiceRequest::decode(body).unwrap());
    let resources = exported.flat_map(|metrics| metrics.resource_metrics);
    let names: Vec<String> = resources
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .map(|metric| metric.name)
        .collect();
    for name in ["bluestage_jobs_total", "bluestage_job_duration_seconds", "bluestage_stacks"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
}
