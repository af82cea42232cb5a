//! The part of a config that says how requests are sent, the same for every node that sends them.

use std::time::Duration;

use kailash_core::{Result, Services, Value, node::Setup, validate::Issue};

use super::{Auth, HttpClient, OAuthTokens, exchange::Exchange, parts::url, send::Sending};

/// Writes a config struct: the fields that say how requests are sent, then the node's own. A macro, because the name of
/// a wrong field is lost in structs that serde flattens.
macro_rules! request_config {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Seconds that one attempt may take, redirects and content included.
            #[serde(default = "crate::http::config::timeout_s", alias = "timeout")]
            timeout_s: f64,
            /// The most bytes an answer may have, decompressed.
            #[serde(default = "crate::http::config::max_response_bytes")]
            max_response_bytes: usize,
            /// Whether redirects are followed, 10 at most.
            #[serde(default = "crate::http::config::yes")]
            follow_redirects: bool,
            /// How the request proves who sends it: `{"bearer": SECRET}`, `{"basic": {"username": NAME, "password":
            /// SECRET}}`, `{"api_key": {"header": NAME, "value": SECRET}}` or `{"oauth2": {"token_url": URL,
            /// "client_id": ID, "client_secret": SECRET}}`, where a secret is `env:NAME` or `file:PATH`. If the node has
            /// an input `url`, give that in the config as well: the secret goes to whatever address a run gives.
            #[serde(default)]
            auth: Option<crate::http::Auth>,
            /// How often a request is tried again when there is no connection, and if repeating is harmless also after
            /// a time limit and the statuses 429 and 5xx. A `Retry-After` of up to 60 seconds is honoured.
            #[serde(default)]
            retry_count: u32,
            /// Seconds before the second attempt; doubled for each further one, up to 60.
            #[serde(default = "crate::http::config::retry_backoff_s", alias = "retry_backoff")]
            retry_backoff_s: f64,
            /// Whether repeating the request is harmless whatever its method: the server recognises the
            /// `Idempotency-Key`, or the request only reads.
            #[serde(default)]
            idempotent: bool,
            /// Certificates are always checked: only true is accepted.
            #[serde(default = "crate::http::config::yes")]
            verify_ssl: bool,
            #[serde(default)]
            #[schemars(skip)]
            auth_type: Option<String>,
            $($own)*
        }

        impl $name {
            /// How its requests are sent.
            fn how(&self) -> crate::http::config::How<'_> {
                crate::http::config::How {
                    timeout_s: self.timeout_s,
                    max_response_bytes: self.max_response_bytes,
                    follow_redirects: self.follow_redirects,
                    auth: self.auth.as_ref(),
                    retry_count: self.retry_count,
                    retry_backoff_s: self.retry_backoff_s,
                    verify_ssl: self.verify_ssl,
                    auth_type: self.auth_type.as_deref(),
                }
            }
        }
    };
}
pub(super) use request_config;

pub(super) fn timeout_s() -> f64 {
    30.0
}

pub(super) fn max_response_bytes() -> usize {
    16 << 20
}

pub(super) fn retry_backoff_s() -> f64 {
    0.5
}

pub(super) fn yes() -> bool {
    true
}

/// What a config says of how requests are sent.
pub(super) struct How<'c> {
    pub(super) timeout_s: f64,
    pub(super) max_response_bytes: usize,
    pub(super) follow_redirects: bool,
    pub(super) auth: Option<&'c Auth>,
    pub(super) retry_count: u32,
    pub(super) retry_backoff_s: f64,
    pub(super) verify_ssl: bool,
    pub(super) auth_type: Option<&'c str>,
}

impl How<'_> {
    /// Reports what cannot work.
    pub(super) fn check(&self, setup: &mut Setup<'_>) {
        check_seconds(setup, "timeout_s", self.timeout_s, f64::MIN_POSITIVE);
        check_seconds(setup, "retry_backoff_s", self.retry_backoff_s, 0.0);
        if !self.verify_ssl {
            let issue = Issue::error("http.tls", "certificates are always checked").at("config.verify_ssl");
            setup.issues.push(issue.hint("add the server's authority to those that this machine trusts"));
        }
        if self.auth_type.is_some_and(|kind| kind != "none") {
            let issue = Issue::error("http.auth", "`auth_type` is not supported").at("config.auth_type");
            setup.issues.push(issue.hint("use `auth`, with secrets as `env:NAME` or `file:PATH`"));
        }
        check_auth(setup, self.auth);
    }

    /// Sends as the config says, with what the host keeps.
    pub(super) fn exchange(&self, services: &Services) -> Result<Exchange> {
        Ok(Exchange {
            client: services.get::<HttpClient>().cloned().unwrap_or_default(),
            tokens: services.get::<OAuthTokens>().cloned().unwrap_or_default(),
            auth: self.auth.cloned(),
            sending: Sending {
                timeout: duration(self.timeout_s)?,
                most: self.max_response_bytes,
                follow: self.follow_redirects,
                retries: self.retry_count,
                backoff: duration(self.retry_backoff_s)?,
                within: None,
                gate: None,
            },
        })
    }
}

/// Reports an `auth` that cannot work.
pub(super) fn check_auth(setup: &mut Setup<'_>, auth: Option<&Auth>) {
    if let Some(Err(error)) = auth.map(Auth::check) {
        setup.issues.push(Issue::from_error(&error.at("auth")).in_config());
    }
}

/// Reports a field that is no number of seconds of at least `least`.
pub(super) fn check_seconds(setup: &mut Setup<'_>, name: &str, seconds: f64, least: f64) {
    // A comparison with NaN is false.
    let fits = seconds >= least && duration(seconds).is_ok();
    if !fits {
        let issue = Issue::error("config.seconds", format!("{name} is {seconds}, no number of seconds"));
        setup.issues.push(issue.at(format!("config.{name}")));
    }
}

/// A number of seconds that was checked, 0 included; more than a year is a year, so that every clock can add it.
pub(super) fn duration(seconds: f64) -> Result<Duration> {
    if seconds == 0.0 { Ok(Duration::ZERO) } else { crate::seconds::seconds(seconds) }
}

/// Reports a `url` in the config that is no address of http or https.
pub(super) fn check_url(setup: &mut Setup<'_>) {
    let given = setup.config.get("url").and_then(Value::as_str);
    if let Some(Err(error)) = given.map(url) {
        setup.issues.push(Issue::from_error(&error.at("url")).in_config());
    }
}

/// Warns of an `auth` whose secret goes wherever a run says, because the config has no `url`.
pub(super) fn check_bound(setup: &mut Setup<'_>, auth: Option<&Auth>) {
    let is_bound = setup.config.get("url").is_some_and(|url| !url.is_null());
    if auth.is_some() && !is_bound {
        let issue =
            Issue::warning("http.auth.unbound", "what `auth` proves goes to any `url` that a run gives");
        let hint = "give `url` in the config, or use RESTClient, which sends secrets only to its `base_url`";
        setup.issues.push(issue.at("config.auth").hint(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_never_too_long_to_be_added_to_another() {
        assert_eq!(duration(1e19).unwrap(), Duration::from_secs(365 * 86_400));
        assert_eq!(duration(0.5).unwrap(), Duration::from_millis(500));
        assert_eq!(duration(0.0).unwrap(), Duration::ZERO);
        assert_eq!(duration(f64::NAN).unwrap_err().code(), "config.seconds");
        assert_eq!(duration(-1.0).unwrap_err().code(), "config.seconds");
    }
}
