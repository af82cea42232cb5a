//! Nodes for operating workflows: batches, a cache, metrics, health, audit.

mod audit;
mod batch;
mod cache;
mod health;
mod metrics;

pub use audit::{AuditLog, AuditLogs};
pub use batch::BatchProcessor;
pub use cache::{Cache, CacheNode, CacheSettings};
pub use health::HealthCheck;
use kailash_core::{Registry, Result};
pub use metrics::{Family, MetricKind, MetricsCollector, MetricsLimits, NodeMetrics, Sample, Series};

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<AuditLog>()?;
    registry.register::<BatchProcessor>()?;
    registry.register::<CacheNode>()?;
    registry.register::<HealthCheck>()?;
    registry.register::<MetricsCollector>()
}
