//! Nodes that speak MQTT.

mod address;
mod clients;
mod config;
mod error;
mod inbox;
mod link;
mod message;
mod payload;
mod publish;
mod publishing;
mod receiving;
mod sessions;
mod settings;
mod subscribe;
#[cfg(test)]
mod tests;
mod topic;

pub use crate::messaging::MessageFormat;
pub use clients::MqttClients;
use kailash_core::{Registry, Result};
pub use publish::MqttPublish;
pub use subscribe::MqttSubscribe;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<MqttPublish>()?;
    registry.register::<MqttSubscribe>()
}
