//! A host that runs somewhere, asked over HTTP.

mod client;
mod sse;
mod trouble;

pub(super) use client::Client;
pub(super) use sse::{Message, Parser, TooLong};
pub(super) use trouble::Trouble;

use super::refusal::Refusal;

/// Which host is asked, and with which key.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The host
    #[arg(long, value_name = "URL", env = "KAILASH_URL", default_value = "http://127.0.0.1:8470")]
    url: String,
    /// Where the API key is found: env:NAME or file:PATH
    #[arg(long, value_name = "REFERENCE")]
    key: Option<String>,
}

impl Place {
    /// A client of that host.
    pub(super) fn client(&self) -> Result<Client, Refusal> {
        Ok(Client::new(&self.url, self.key.as_deref())?)
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::of(*trouble.issue)
    }
}
