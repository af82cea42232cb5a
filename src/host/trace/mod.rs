//! Spans of runs and nodes, for whoever subscribes to `tracing`, and their way to an OTLP collector.
//!
//! ```text
//! event ──hook──> Spans ──> run   (kailash::run)   run id, workflow, status
//!                             └──> node (kailash::node)  unit, attempt, duration, outcome
//! ```

#[cfg(feature = "otlp")]
mod export;
mod parent;
mod spans;
#[cfg(test)]
mod tests;

#[cfg(feature = "otlp")]
pub use export::{Exporter, export};
pub use parent::TraceParent;
pub use spans::{NODES, RUNS, Spans};
