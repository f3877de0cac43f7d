//! Which trace a span is part of.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::ports::TraceContext;

/// The target of the spans that are there for traces alone. Log lines do not tell them: theirs is the job.
pub const PHASES: &str = "bluestage::phase";

/// Makes the span, which nobody has entered yet, part of this trace. Where no spans are exported nothing happens.
pub fn is_part_of(span: &Span, trace: TraceContext) {
    let parent = SpanContext::new(
        TraceId::from_bytes(trace.id.to_be_bytes()),
        SpanId::from_bytes(trace.parent.to_be_bytes()),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // It fails where no spans are exported, or this one is not wanted.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}
