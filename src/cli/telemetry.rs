//! Log lines: text for people, JSON for machines, always on standard error.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::telemetry::PHASES;

/// What spans are exported of: our own jobs, and not what the libraries below them do.
const OURS: &str = "bluestage";

/// How log lines look and which there are.
#[derive(Args)]
pub(super) struct LogFlags {
    /// How log lines look
    #[arg(long, env = "BLUESTAGE_LOG_FORMAT", global = true, default_value = "text", value_enum)]
    log_format: Format,
    /// Which log lines there are: error, warn, info, debug, or a filter such as `info,bluestage=debug`
    #[arg(long, env = "BLUESTAGE_LOG", global = true, default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Starts to log, and to make spans where they are exported. A panic is logged as one line, too, so that it is not lost
/// among others.
pub(super) fn start(flags: &LogFlags, tracer: Option<SdkTracer>) {
    let filter = EnvFilter::builder().parse_lossy(&flags.log).and(filter_fn(|span| span.target() != PHASES));
    let lines =
        tracing_subscriber::fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match flags.log_format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    let spans = tracer.map(|tracer| {
        let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        spans.with_filter(Targets::new().with_target(OURS, LevelFilter::INFO))
    });
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
