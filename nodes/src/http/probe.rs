//! A look at an address: what status it answers with.

use kailash_core::{Error, Result, node::Context};
use reqwest::Url;

use super::{HttpClient, error::sending};

/// The status that a GET of `url` is answered with. Redirects are not followed, the content is not read.
///
/// # Errors
/// Kind `Invalid`, code `http.url`; no connection.
pub(crate) async fn probe(client: &HttpClient, url: &str, cx: &Context) -> Result<u16> {
    let url = Url::parse(url.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| {
        Error::invalid("http.url", "not an address of http or https")
            .with_hint("write it as https://host/path")
    })?;
    let answer = client.get(cx).await?.get(url.clone()).send().await;
    answer.map(|answer| answer.status().as_u16()).map_err(|error| sending(error, &url, true))
}
