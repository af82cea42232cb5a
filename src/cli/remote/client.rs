//! The requests to a host.

use std::time::Duration;

use kailash_core::{Error, validate::Issue};
use kailash_nodes::SecretRef;
use reqwest::{
    Client as Http, Method, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde::de::DeserializeOwned;

use super::trouble::Trouble;

/// How long a connection may take to be made, an answer to begin, and a stream to be silent: a host says every 15 s that
/// it is alive.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(45);

/// The most bytes of an answer that is no stream.
const MAX: usize = 16 << 20;

/// Asks a host.
pub(in crate::cli) struct Client {
    http: Http,
    base: Url,
    token: Option<HeaderValue>,
}

impl Client {
    /// A client of the host at `url`.
    ///
    /// # Errors
    /// What is no URL of a host; a key that cannot be read.
    pub(in crate::cli) fn new(url: &str, key: Option<&str>) -> Result<Self, Trouble> {
        let wrong = |message: &str| {
            let issue = Issue::error("url.invalid", message);
            Trouble::of(issue.hint("it looks like `http://127.0.0.1:8470`"), false)
        };
        let mut base: Url = url.parse().map_err(|_| wrong("that is no URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong("the URL of a host begins with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            return Err(wrong(
                "the URL of a host has neither user, password nor query; `--key` gives the key",
            ));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let token = key.map(token).transpose()?;
        let mut http =
            Http::builder().connect_timeout(CONNECT).read_timeout(SILENCE).redirect(Policy::none());
        if is_here(&base) {
            // What runs here is not asked for elsewhere.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Error::internal(format!("no HTTP client: {error}")))?;
        Ok(Self { http, base, token })
    }

    /// The host, for people.
    pub(in crate::cli) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A stream of events.
    pub(in crate::cli) async fn stream(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Response, Trouble> {
        let response = self.get(path, query, "text/event-stream").await?;
        let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
        match media {
            Some(media) if media.starts_with("text/event-stream") => Ok(response),
            _ => Err(Trouble::stranger(self.url(), "it sends no events")),
        }
    }

    /// What is read at `path`.
    pub(in crate::cli) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Trouble> {
        let content = self.content(self.get(path, query, "application/json").await?).await?;
        serde_json::from_slice(&content).map_err(|error| Trouble::stranger(self.url(), &error.to_string()))
    }

    /// Does what `method` of `path` does.
    pub(in crate::cli) async fn tell(&self, method: Method, path: &str) -> Result<(), Trouble> {
        self.send(method, path, &[], "application/json").await.map(drop)
    }

    async fn get(&self, path: &str, query: &[(&str, String)], media: &str) -> Result<Response, Trouble> {
        self.send(Method::GET, path, query, media).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        media: &str,
    ) -> Result<Response, Trouble> {
        let unreachable = |error| Trouble::unreachable(self.url(), &error);
        let url = self.base.join(path).map_err(|_| Trouble::stranger(self.url(), "its URL takes no path"))?;
        let mut request = self.http.request(method, url).query(query).header(ACCEPT, media);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let content = self.content(response).await?;
        Err(Trouble::refused(self.url(), status, &content))
    }

    async fn content(&self, mut response: Response) -> Result<Vec<u8>, Trouble> {
        let mut content = Vec::new();
        while let Some(part) =
            response.chunk().await.map_err(|error| Trouble::unreachable(self.url(), &error))?
        {
            if content.len() + part.len() > MAX {
                return Err(Trouble::stranger(self.url(), "its answer has no end"));
            }
            content.extend_from_slice(&part);
        }
        Ok(content)
    }
}

/// The header that carries the key which `text` refers to.
fn token(text: &str) -> Result<HeaderValue, Trouble> {
    // What stands here may be a key, so it is not shown.
    let reference = SecretRef::parse(text).ok_or_else(|| {
        let issue =
            Issue::error("key.reference", "a key is given as `env:NAME` or `file:PATH`, never by itself");
        Trouble::of(issue.hint("arguments can be seen by others on this machine"), false)
    })?;
    let token = reference.read_blocking("key.missing")?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Error::invalid("key.invalid", format!("what is at {reference} is no key")))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Whether `url` is on this machine.
fn is_here(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str, key: Option<&str>) -> Issue {
        match Client::new(url, key) {
            Ok(_) => panic!("{url} {key:?} are taken"),
            Err(trouble) => *trouble.issue,
        }
    }

    #[test]
    fn a_url_that_names_no_host_is_refused() {
        for url in ["here", "ftp://host", "http://ada:hunter2@host", "http://host?x=1", "unix:/tmp/x"] {
            let issue = refused(url, None);
            assert_eq!(issue.code, "url.invalid", "{url}");
            assert!(!format!("{issue:?}").contains("hunter2"));
        }
        assert_eq!(
            Client::new("https://proxy.example/kailash", None).unwrap().url(),
            "https://proxy.example/kailash"
        );
    }

    #[test]
    fn a_key_is_a_reference_and_is_never_shown() {
        let issue = refused("http://127.0.0.1:1", Some("hunter2"));
        assert_eq!(issue.code, "key.reference");
        assert!(!format!("{issue:?}").contains("hunter2"));
        assert_eq!(refused("http://127.0.0.1:1", Some("env:KAILASH_TEST_NO_SUCH_KEY")).code, "key.missing");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "hunter2\n").unwrap();
        let client = Client::new("http://127.0.0.1:1", Some(&format!("file:{}", file.display()))).unwrap();
        let token = client.token.unwrap();
        assert_eq!(token.to_str().unwrap(), "Bearer hunter2");
        assert!(!format!("{token:?}").contains("hunter2"));
    }

    #[test]
    fn only_what_is_on_this_machine_is_asked_without_a_proxy() {
        let here = |url: &str| is_here(&url.parse().unwrap());
        assert!(here("http://127.0.0.1:1") && here("http://[::1]:1") && here("http://localhost"));
        assert!(!here("http://10.0.0.1") && !here("http://localhost.example"));
    }
}
