//! How it goes, in numbers: counted here, told by `/metrics` and by OTLP.
//!
//! [`Metrics`] has every instrument, and a method for each thing that can happen: `worker/` and `aws/` call these, as they
//! write log lines. `observed` looks at what passes through two ports, so that the stories need not know of any of this.
//! `export` starts it all; before that, and in a process that tells nobody, counting does nothing.
//!
//! What may be a label: what our own code has a fixed list of (actions, causes, operations), and stages, of which an
//! operator has few. Never what grows with use: executions, jobs, versions, services, pipelines, messages.

mod export;
mod metrics;
mod observed;
mod traces;

use std::sync::{LazyLock, OnceLock};

pub use export::{Exporters, Exports, start, text};
pub use metrics::{ApiOutcome, Attempted, Dropped, Metrics, SweepOutcome};
pub use observed::observed;
pub use traces::{PHASES, is_part_of};

static STARTED: OnceLock<Metrics> = OnceLock::new();

/// Instruments that do nothing.
static IDLE: LazyLock<Metrics> = LazyLock::new(|| Metrics::of(&opentelemetry::global::meter(export::SCOPE)));

/// The instruments of this process.
#[must_use]
pub fn metrics() -> &'static Metrics {
    STARTED.get().unwrap_or(&IDLE)
}
