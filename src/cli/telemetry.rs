//! Log lines: text for people, JSON for machines, always on standard error.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

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

/// Starts to log. A panic is logged as one line, too, so that it is not lost among others.
pub(super) fn start(flags: &LogFlags) {
    let filter = EnvFilter::builder().parse_lossy(&flags.log);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match flags.log_format {
        Format::Text => subscriber.init(),
        Format::Json => subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false).init(),
    }
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
}
