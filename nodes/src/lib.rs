//! The catalog of node types.

pub mod code;
pub mod data;
#[cfg(feature = "edge")]
pub mod edge;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod logic;
#[cfg(any(feature = "kafka", feature = "mqtt"))]
pub mod messaging;
#[cfg(feature = "mqtt")]
pub mod mqtt;
pub mod ops;
mod promised;
mod seconds;
mod secret;
#[cfg(feature = "sql")]
pub mod sql;
#[cfg(test)]
mod testing;
pub mod text;
pub mod wait;

pub use data::AtomicFile;
pub use secret::SecretRef;

use std::path::PathBuf;

use kailash_core::{Registry, Result, Services, ServicesBuilder};

/// Adds every type of the catalog, and names those that are promised but not built yet.
///
/// # Errors
/// A name that is taken.
pub fn register_all(registry: &mut Registry) -> Result<()> {
    data::register(registry)?;
    logic::register(registry)?;
    text::register(registry)?;
    code::register(registry)?;
    wait::register(registry)?;
    ops::register(registry)?;
    #[cfg(feature = "edge")]
    edge::register(registry)?;
    #[cfg(feature = "http")]
    http::register(registry)?;
    #[cfg(feature = "kafka")]
    kafka::register(registry)?;
    #[cfg(feature = "mqtt")]
    mqtt::register(registry)?;
    #[cfg(feature = "sql")]
    sql::register(registry)?;
    promised::announce(registry);
    Ok(())
}

/// The services that the types of the catalog need, with default settings. Starts nothing. Relative paths of files are
/// those of the process.
///
/// # Errors
/// None at present.
pub fn default_services() -> Result<Services> {
    shared_services().map(ServicesBuilder::build)
}

/// [`default_services`], with relative paths of files taken from `folder`.
///
/// # Errors
/// None at present.
pub fn default_services_in(folder: PathBuf) -> Result<Services> {
    shared_services()?.with(data::WorkDir(folder)).map(ServicesBuilder::build)
}

fn shared_services() -> Result<ServicesBuilder> {
    let services = Services::builder()
        .with(code::python::PythonPool::new(code::python::PythonSettings::default()))?
        .with(ops::AuditLogs::default())?
        .with(ops::Cache::default())?
        .with(ops::NodeMetrics::default())?;
    #[cfg(feature = "edge")]
    let services = services.with(kailash_edge::coordinate::Coordination::temporary())?;
    #[cfg(feature = "http")]
    let services = services
        .with(http::HttpClient::default())?
        .with(http::OAuthTokens::default())?
        .with(http::RateLimits::default())?;
    #[cfg(feature = "kafka")]
    let services = services.with(kafka::KafkaProducers::default())?;
    #[cfg(feature = "mqtt")]
    let services = services.with(mqtt::MqttClients::default())?;
    #[cfg(feature = "sql")]
    let services = services.with(sql::SqlPools::default())?;
    Ok(services)
}
