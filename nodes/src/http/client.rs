//! The HTTP client of a host: connections are kept and shared by all nodes.

use std::sync::{Arc, OnceLock};

use kailash_core::{Error, Result, node::Context};

/// A handle to a host's HTTP client, which is made when the first request is sent: reading the trusted certificates
/// takes more than 10 ms.
#[derive(Clone, Debug, Default)]
pub struct HttpClient(Arc<OnceLock<reqwest::Client>>);

impl HttpClient {
    /// The client, made now if this is its first use.
    pub(super) async fn get(&self, cx: &Context) -> Result<reqwest::Client> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let made = cx.blocking(make).await?;
        Ok(self.0.get_or_init(|| made).clone())
    }
}

fn make() -> Result<reqwest::Client> {
    // Redirects are followed by `send`, which knows what of a request is secret.
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("kailash/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| Error::internal("the HTTP client cannot be made").with_source(error))
}
