//! Where the numbers and spans go: into the text of `/metrics`, and to a collector by OTLP over HTTP.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use prometheus::{Registry, TextEncoder};
use tokio::runtime::Handle;

use super::metrics::Metrics;

/// Who counts.
pub(super) const SCOPE: &str = "bluestage";

/// A collector is near. One that does not answer in this time gets the next batch, not this one; and twice this, for spans
/// and for numbers, may a worker take that is to end.
const PATIENCE: Duration = Duration::from_secs(3);

static SCRAPED: OnceLock<Registry> = OnceLock::new();

/// What is exported, and to whom.
#[derive(Clone, Debug, Default)]
pub struct Exports {
    /// Whether somebody may ask for `/metrics`.
    pub scraped: bool,
    /// The collector, as an OTLP endpoint for all signals: `http://localhost:4318`.
    pub collector: Option<String>,
    /// Of this program: its version, and the commit that it was built from.
    pub build: (&'static str, &'static str),
}

/// What cannot be started.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// What exports, until it is told to end.
#[derive(Default)]
pub struct Exporters {
    meters: Option<SdkMeterProvider>,
    tracers: Option<SdkTracerProvider>,
}

/// Starts to count and to export. To be called once, where a runtime runs.
///
/// # Errors
/// When the collector's address is none.
pub fn start(told: &Exports) -> Result<Exporters, Trouble> {
    if !told.scraped && told.collector.is_none() {
        return Ok(Exporters::default());
    }
    // OTEL_RESOURCE_ATTRIBUTES goes before what is said here.
    let resource = Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", SCOPE), KeyValue::new("service.version", told.build.0)])
        .with_detectors(&[Box::new(opentelemetry_sdk::resource::EnvResourceDetector::new())])
        .build();
    let mut meters = SdkMeterProvider::builder().with_resource(resource.clone());
    if told.scraped {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_counter_suffixes()
            .without_units()
            .without_target_info()
            .scope_info_enabled(false)
            .build()?;
        meters = meters.with_reader(reader);
        // Nothing else starts this.
        let _ = SCRAPED.set(registry);
    }
    let mut tracers = None;
    if let Some(collector) = &told.collector {
        let client: Arc<dyn HttpClient> = Arc::new(OnRuntime::new()?);
        meters = meters.with_periodic_exporter(metric_exporter(collector, &client)?);
        let spans = SdkTracerProvider::builder().with_resource(resource);
        tracers = Some(spans.with_batch_exporter(span_exporter(collector, &client)?).build());
    }
    let meters = meters.build();
    let metrics = Metrics::of(&meters.meter(SCOPE));
    metrics.program_began(told.build.0, told.build.1);
    let _ = super::STARTED.set(metrics);
    Ok(Exporters { meters: Some(meters), tracers })
}

/// The numbers as Prometheus reads them; `None` where nobody may ask for them.
#[must_use]
pub fn text() -> Option<String> {
    let families = SCRAPED.get()?.gather();
    TextEncoder::new().encode_to_string(&families).ok()
}

impl Exporters {
    /// Who makes spans, if they are exported.
    #[must_use]
    pub fn tracer(&self) -> Option<SdkTracer> {
        self.tracers.as_ref().map(|tracers| tracers.tracer(SCOPE))
    }

    /// Exports what is left. The runtime must still run, and not wait for this.
    pub fn end(self) {
        let ended = [
            self.tracers.map(|tracers| tracers.shutdown_with_timeout(PATIENCE)),
            self.meters.map(|meters| meters.shutdown_with_timeout(PATIENCE)),
        ];
        for error in ended.into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(%error, "the last numbers or spans could not be exported");
        }
    }
}

fn span_exporter(collector: &str, client: &Arc<dyn HttpClient>) -> Result<SpanExporter, Trouble> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_timeout(PATIENCE);
    let exporter = exporter.with_endpoint(signal(collector, "traces")).with_shared_http_client(Arc::clone(client));
    Ok(exporter.build()?)
}

fn metric_exporter(collector: &str, client: &Arc<dyn HttpClient>) -> Result<MetricExporter, Trouble> {
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_timeout(PATIENCE);
    let exporter = exporter.with_endpoint(signal(collector, "metrics")).with_shared_http_client(Arc::clone(client));
    Ok(exporter.build()?)
}

/// Where one signal goes, by the rule of OTLP.
fn signal(collector: &str, name: &str) -> String {
    format!("{}/v1/{name}", collector.trim_end_matches('/'))
}

/// Sends on the worker's runtime: those who export do so on threads of their own, which have none. Says when the collector
/// goes away and when it is back, which nobody else does.
#[derive(Debug)]
struct OnRuntime {
    client: HyperClient<HttpsConnector<HttpConnector>>,
    runtime: Handle,
    is_away: AtomicBool,
}

impl OnRuntime {
    fn new() -> Result<Self, Trouble> {
        let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let client = HyperClient::new(connector, PATIENCE, None);
        Ok(Self { client, runtime: Handle::try_current()?, is_away: AtomicBool::new(false) })
    }
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move { client.send_bytes(request).await }).await?;
        let trouble = match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers with the status {}", answer.status())),
            Err(error) => Some(error.to_string()),
        };
        let was_away = self.is_away.swap(trouble.is_some(), Ordering::Relaxed);
        match trouble {
            Some(error) if !was_away => {
                tracing::warn!(%error, "the collector takes nothing; numbers and spans are lost until it does");
            }
            None if was_away => tracing::info!("the collector takes numbers and spans again"),
            Some(_) | None => {}
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_has_its_own_path_below_the_collector() {
        assert_eq!(signal("http://localhost:4318", "traces"), "http://localhost:4318/v1/traces");
        assert_eq!(signal("https://collector/otlp/", "metrics"), "https://collector/otlp/v1/metrics");
    }
}
