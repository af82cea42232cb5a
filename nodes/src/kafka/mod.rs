//! Nodes that speak Kafka.

mod config;
mod consume;
mod consuming;
mod ear;
mod error;
mod format;
mod producers;
mod publish;
mod publishing;
mod record;
mod request;
mod settings;
#[cfg(test)]
mod tests;
mod topic;

pub use crate::messaging::MessageFormat;
pub use consume::KafkaConsumer;
use kailash_core::{Registry, Result};
pub use producers::KafkaProducers;
pub use publish::{Compression, StreamPublisher};
pub use settings::Brokers;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<KafkaConsumer>()?;
    registry.register::<StreamPublisher>()
}
