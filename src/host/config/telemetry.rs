//! The section on logs and traces.

use std::{fmt, str::FromStr};

use kailash_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is logged, and where traces go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySection {
    /// What is logged on stderr: a level such as `info`, or levels for parts such as `warn,kailash=debug`. `-v` and the
    /// variable RUST_LOG go before it.
    pub log: String,
    /// The form of the log.
    pub log_format: LogFormat,
    /// Where spans of runs and nodes are sent: an OTLP collector that takes protobuf over HTTP, such as
    /// `http://127.0.0.1:4318`. Without a path, `/v1/traces` is asked. Headers, which may be secret, come from the
    /// variable OTEL_EXPORTER_OTLP_HEADERS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<Endpoint>,
    /// What this host is called in traces.
    pub service_name: String,
}

/// The form of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self {
            // What the Raft library warns of is told by the cluster itself.
            log: "info,openraft=error".to_owned(),
            log_format: LogFormat::default(),
            otlp_endpoint: None,
            service_name: "kailash".to_owned(),
        }
    }
}

impl TelemetrySection {
    /// Refuses what this build cannot do.
    pub(super) fn validate(&self) -> Result<()> {
        if cfg!(feature = "otlp") || self.otlp_endpoint.is_none() {
            return Ok(());
        }
        Err(Error::invalid("config.otlp", "this build sends no traces")
            .at("telemetry.otlp_endpoint")
            .with_hint("build Kailash with the feature `otlp`, or leave the endpoint out"))
    }
}

/// The URL of a collector. It holds no user name or password, because those would be secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL that spans are posted to.
    #[must_use]
    pub fn traces(&self) -> String {
        let base = self.0.trim_end_matches('/');
        let (_, place) = base.split_once("://").unwrap_or_default();
        if place.contains('/') { self.0.clone() } else { format!("{base}/v1/traces") }
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let uri: axum::http::Uri = text.parse().map_err(|_| "an endpoint is a URL")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("the URL of an endpoint begins with http:// or https://");
        }
        if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) || uri.query().is_some() {
            return Err("the URL of an endpoint has a host, and neither user, password nor query");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::config::Layers;

    #[test]
    fn an_endpoint_without_a_path_is_asked_at_the_usual_one() {
        let traces = |text: &str| text.parse::<Endpoint>().unwrap().traces();
        assert_eq!(traces("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces("http://127.0.0.1:4318/"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(traces("https://collect.example/otlp/traces"), "https://collect.example/otlp/traces");
    }

    #[test]
    fn an_endpoint_that_is_no_url_or_holds_a_secret_is_refused_and_not_shown() {
        for text in
            ["collector:4318", "ftp://collector", "http://ada:hunter2@collector", "http://c/?token=hunter2"]
        {
            let error = Layers::new().text(&format!("[telemetry]\notlp_endpoint = \"{text}\"")).unwrap_err();
            assert_eq!((error.code(), error.place()), ("config.invalid", Some("line 2 column 17")), "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_build_without_export_refuses_an_endpoint_and_says_what_to_do() {
        let layers = Layers::new().settings(["telemetry.otlp_endpoint=http://127.0.0.1:4318"]).unwrap();
        match (layers.config(), cfg!(feature = "otlp")) {
            (Ok(config), true) => assert!(config.telemetry.otlp_endpoint.is_some()),
            (Err(error), false) => {
                assert_eq!((error.code(), error.place()), ("config.otlp", Some("telemetry.otlp_endpoint")));
                assert!(error.hint().is_some_and(|hint| hint.contains("feature `otlp`")), "{error:?}");
            }
            (config, built) => panic!("{config:?} where the feature is {built}"),
        }
    }
}
