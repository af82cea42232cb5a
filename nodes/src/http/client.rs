//! The HTTP client of a host: connections are kept and shared by all nodes.

use std::sync::{Arc, OnceLock};

use kailash_core::{Error, Result, node::Context};
use reqwest::{Client, ClientBuilder};

/// A handle to a host's HTTP client, which is made when the first request is sent: reading the trusted certificates
/// takes more than 10 ms.
#[derive(Clone, Debug, Default)]
pub struct HttpClient(Arc<Clients>);

#[derive(Debug, Default)]
struct Clients {
    /// For requests.
    any: OnceLock<Client>,
    /// For connections that turn into something else, which only HTTP/1.1 allows.
    upgrading: OnceLock<Client>,
}

impl HttpClient {
    /// The client for requests, made now if this is its first use.
    pub(super) async fn get(&self, cx: &Context) -> Result<Client> {
        of(&self.0.any, || make(Client::builder()), cx).await
    }

    /// The client for connections that turn into something else, made now if this is its first use.
    pub(super) async fn upgrading(&self, cx: &Context) -> Result<Client> {
        of(&self.0.upgrading, || make(Client::builder().http1_only()), cx).await
    }
}

async fn of(place: &OnceLock<Client>, make: fn() -> Result<Client>, cx: &Context) -> Result<Client> {
    if let Some(client) = place.get() {
        return Ok(client.clone());
    }
    let made = cx.blocking(make).await?;
    Ok(place.get_or_init(|| made).clone())
}

fn make(builder: ClientBuilder) -> Result<Client> {
    // Redirects are followed by `send`, which knows what of a request is secret.
    let builder = builder
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("kailash/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| Error::internal("the HTTP client cannot be made").with_source(error))
}
