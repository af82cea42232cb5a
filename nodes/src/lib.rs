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
mod operation;
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

use kailash_core::{Registry, Result, Services};
#[cfg(feature = "edge")]
use kailash_edge::coordinate::Coordination;

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

/// What the services of the catalog are given by whoever runs it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Where relative paths of files start from; the folder of the process if it is not given.
    pub folder: Option<PathBuf>,
    /// The cluster; one of its own, for as long as the services live, if it is not given.
    #[cfg(feature = "edge")]
    pub coordination: Option<Coordination>,
}

/// The services that the types of the catalog need, with default settings. Starts nothing. Relative paths of files are
/// those of the process.
///
/// # Errors
/// None at present.
pub fn default_services() -> Result<Services> {
    services(Surroundings::default())
}

/// [`default_services`], with relative paths of files taken from `folder`.
///
/// # Errors
/// None at present.
pub fn default_services_in(folder: PathBuf) -> Result<Services> {
    services(Surroundings { folder: Some(folder), ..Surroundings::default() })
}

/// The services that the types of the catalog need, in `surroundings`. Starts nothing.
///
/// # Errors
/// None at present.
pub fn services(surroundings: Surroundings) -> Result<Services> {
    let services = Services::builder()
        .with(code::python::PythonPool::new(code::python::PythonSettings::default()))?
        .with(ops::AuditLogs::default())?
        .with(ops::Cache::default())?
        .with(ops::NodeMetrics::default())?;
    #[cfg(feature = "edge")]
    let services = services.with(surroundings.coordination.unwrap_or_else(Coordination::temporary))?;
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
    let services = match surroundings.folder {
        Some(folder) => services.with(data::WorkDir(folder))?,
        None => services,
    };
    Ok(services.build())
}
