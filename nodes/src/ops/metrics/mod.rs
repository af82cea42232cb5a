//! Counters, gauges and histograms that workflows keep.

mod family;
mod names;
mod node;
mod registry;
mod text;

pub use family::{Family, MetricKind, Sample, Series};
pub use node::MetricsCollector;
pub use registry::{MetricsLimits, NodeMetrics};
