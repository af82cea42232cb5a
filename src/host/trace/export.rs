//! The way of spans to an OTLP collector: in batches, off the threads of runs, flushed at the end.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    registry::LookupSpan,
};

use super::{NODES, RUNS, TraceParent};
use crate::host::config::{Endpoint, TelemetrySection};

/// How long one request to the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the exporter may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Sends spans until it is shut down.
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Sends what is left. Blocks for some seconds at most.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `otlp.flush`, if the collector did not take it in time.
    pub fn shut_down(self) -> Result<()> {
        // Only the flush tells whether the collector took them; it has 5 s.
        let flushed = self.0.force_flush();
        flushed.and(self.0.shutdown_with_timeout(PATIENCE)).map_err(|error| {
            let message = format!("the last spans did not reach the collector: {error}");
            Error::new(ErrorKind::Unavailable, "otlp.flush", message)
        })
    }
}

/// The layer that sends spans of runs and nodes to `endpoint`, and what flushes it.
///
/// # Errors
/// Kind `Internal`, code `otlp.start`, if there is no thread or no client for it.
pub fn export<S>(endpoint: &Endpoint, section: &TelemetrySection) -> Result<(impl Layer<S>, Exporter)>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.traces())
        .with_timeout(TIMEOUT)
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, "otlp.start", error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name(section.service_name.clone())
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_tracer(provider.tracer("kailash"));
    // Spans of others stay out: those of the exporter's own requests would never end.
    let ours = Targets::new().with_targets([(RUNS, LevelFilter::DEBUG), (NODES, LevelFilter::DEBUG)]);
    Ok((layer.with_filter(ours), Exporter(provider)))
}

/// Makes `span` a child of a span elsewhere.
pub(super) fn adopt(span: &Span, parent: TraceParent) {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, id) = (TraceId::from(parent.trace), SpanId::from(parent.span));
    let context = SpanContext::new(trace, id, flags, true, TraceState::default());
    if let Err(error) = span.set_parent(Context::new().with_remote_span_context(context)) {
        tracing::trace!(%error, "nobody exports this span");
    }
}
