//! Nodes that speak HTTP.

mod auth;
mod client;
mod config;
mod error;
mod exchange;
mod graphql;
mod message;
mod oauth;
mod origin;
mod pages;
mod parts;
mod probe;
mod rate;
mod request;
mod response;
mod rest;
mod send;
#[cfg(test)]
mod tests;
mod websocket;

pub use auth::Auth;
pub use client::HttpClient;
pub use graphql::{ConnectionPages, GraphQl};
use kailash_core::{Registry, Result};
pub use oauth::{ClientCredentials, CredentialsIn, OAuthTokens};
pub(crate) use probe::probe;
pub use rate::{RateLimitedApi, RateLimits, Strategy};
pub use request::HttpRequest;
pub use response::ResponseFormat;
pub use rest::{PageKind, Pagination, RestClient};
pub use websocket::{MessageFormat, OnFull, WebSocket};

pub use crate::secret::SecretRef;

/// Adds the types of this family.
///
/// # Errors
/// A name that is taken.
pub fn register(registry: &mut Registry) -> Result<()> {
    registry.register::<HttpRequest>()?;
    registry.register::<RestClient>()?;
    registry.register::<RateLimitedApi>()?;
    registry.register::<GraphQl>()?;
    registry.register::<WebSocket>()
}
