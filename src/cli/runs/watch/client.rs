//! The requests to a host that a watcher makes.

use std::time::Duration;

use kailash_core::{Error, RunId, RunStatus, Text, exec::Timestamp, validate::Issue};
use kailash_nodes::SecretRef;
use reqwest::{
    Client as Http, Response, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::trouble::Trouble;

/// How long a connection may take to be made, an answer to begin, and a stream to be silent: a host says every 15 s that
/// it is alive.
const CONNECT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(45);

/// The most bytes of an answer that is no stream.
const MAX: usize = 16 << 20;

/// The most runs of a page.
pub(super) const PAGE: usize = 1000;

/// Asks a host.
pub(super) struct Client {
    http: Http,
    base: Url,
    token: Option<HeaderValue>,
}

/// A run at a glance.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    pub(super) run_id: RunId,
    pub(super) workflow_id: Text,
    pub(super) status: RunStatus,
    pub(super) began: Timestamp,
    #[serde(default)]
    pub(super) ended: Option<Timestamp>,
}

/// What the journal knows of a unit.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Past {
    #[serde(rename = "type")]
    pub(super) what: String,
    #[serde(default)]
    pub(super) unit: Option<Text>,
    #[serde(default)]
    pub(super) code: Option<Text>,
    #[serde(default)]
    pub(super) signal: Option<Text>,
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Runs {
    runs: Vec<Head>,
}

#[derive(Deserialize)]
struct History {
    history: Vec<Past>,
    next: Option<u64>,
}

impl Client {
    /// A client of the host at `url`.
    ///
    /// # Errors
    /// What is no URL of a host; a key that cannot be read.
    pub(super) fn new(url: &str, key: Option<&str>) -> Result<Self, Trouble> {
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
    pub(super) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The events from now on, of `run` or of all.
    pub(super) async fn events(&self, run: Option<RunId>) -> Result<Response, Trouble> {
        let query = run.map(|run| ("run", run.to_string()));
        let response = self.get("events", query.as_slice(), "text/event-stream").await?;
        let media = response.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
        match media {
            Some(media) if media.starts_with("text/event-stream") => Ok(response),
            _ => Err(Trouble::stranger(self.url(), "it sends no events")),
        }
    }

    /// Up to `limit` runs, the newest first.
    pub(super) async fn runs(&self, limit: usize, status: Option<RunStatus>) -> Result<Vec<Head>, Trouble> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(status.map(|status| ("status", status.as_str().to_owned())));
        Ok(self.read::<Runs>("runs", &query).await?.runs)
    }

    /// One run. The list is asked, because a run by itself comes with everything that it gave.
    pub(super) async fn head(&self, run: RunId) -> Result<Head, Trouble> {
        let behind = RunId::from_u128(u128::from_be_bytes(*run.as_bytes()).saturating_add(1));
        let query = [("before", behind.to_string()), ("limit", "1".to_owned())];
        let found = self.read::<Runs>("runs", &query).await?.runs.pop().filter(|head| head.run_id == run);
        found.ok_or_else(|| unknown(&run.to_string()))
    }

    /// The run that is called `name`: by its id, by how that begins or ends, or `last`.
    pub(super) async fn find(&self, name: &str) -> Result<Head, Trouble> {
        if let Ok(run) = name.parse::<RunId>() {
            return self.head(run).await;
        }
        let limit = if name == "last" { 1 } else { PAGE };
        let mut runs = self.runs(limit, None).await?;
        if name != "last" {
            runs.retain(|head| {
                let id = head.run_id.to_string();
                !name.is_empty() && (id.starts_with(name) || id.ends_with(name))
            });
        }
        if runs.len() > 1 {
            let message = format!("{} runs are called `{name}`", runs.len());
            return Err(Trouble::of(
                Issue::error("run.ambiguous", message).hint("give more of the id"),
                false,
            ));
        }
        runs.pop().ok_or_else(|| unknown(name))
    }

    /// What the journal knows of a run; nothing without one.
    pub(super) async fn history(&self, run: RunId) -> Result<Vec<Past>, Trouble> {
        let (path, mut past, mut from) = (format!("runs/{run}/history"), Vec::new(), Some(0));
        while let Some(position) = from {
            let page = self.read::<History>(&path, &[("from", position.to_string())]).await?;
            past.extend(page.history);
            from = page.next;
        }
        Ok(past)
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, Trouble> {
        let content = self.content(self.get(path, query, "application/json").await?).await?;
        serde_json::from_slice(&content).map_err(|error| Trouble::stranger(self.url(), &error.to_string()))
    }

    async fn get(&self, path: &str, query: &[(&str, String)], media: &str) -> Result<Response, Trouble> {
        let unreachable = |error| Trouble::unreachable(self.url(), &error);
        let url = self.base.join(path).map_err(|_| Trouble::stranger(self.url(), "its URL takes no path"))?;
        let mut request = self.http.get(url).query(query).header(ACCEPT, media);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        if status == StatusCode::OK {
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

fn unknown(name: &str) -> Trouble {
    let issue = Issue::error("run.unknown", format!("the host has no run `{name}`"));
    Trouble::of(issue.hint("`kailash runs watch` shows those under way"), false)
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
