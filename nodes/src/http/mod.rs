//! Nodes that speak HTTP.

mod auth;
mod client;
mod error;
mod message;
mod request;
mod response;
mod send;
#[cfg(test)]
mod tests;

pub use auth::{Auth, SecretRef};
pub use client::HttpClient;
use kailash_core::{Registry, Result};
pub use request::HttpRequest;
pub use response::ResponseFormat;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<HttpRequest>()
}
