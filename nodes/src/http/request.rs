//! Sends an HTTP request and gives the answer.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Error, Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
    validate::Issue,
};
use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Auth, HttpClient, ResponseFormat, error,
    message::{Message, method},
    send::{Sending, retry_after},
};

pub(super) const URL: usize = 0;
pub(super) const METHOD: usize = 1;
pub(super) const HEADERS: usize = 2;
pub(super) const PARAMS: usize = 3;
pub(super) const BODY: usize = 4;
pub(super) const JSON_DATA: usize = 5;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Sends an HTTP request and gives the answer.
///
/// Its method may come with a run, so it always counts as effectful: after a crash a request in doubt is repeated only if
/// `idempotent` is set. Methods that are not idempotent carry an `Idempotency-Key` that is the same for every attempt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Seconds that one attempt may take, redirects and content included.
    #[serde(default = "default_timeout", alias = "timeout")]
    timeout_s: f64,
    /// The most bytes an answer may have, decompressed.
    #[serde(default = "default_max")]
    max_response_bytes: usize,
    /// Whether redirects are followed, 10 at most.
    #[serde(default = "yes")]
    follow_redirects: bool,
    /// How the request proves who sends it: `{"bearer": SECRET}`, `{"basic": {"username": NAME, "password": SECRET}}` or
    /// `{"api_key": {"header": NAME, "value": SECRET}}`, where a secret is `env:NAME` or `file:PATH`.
    #[serde(default)]
    auth: Option<Auth>,
    /// How often a request is tried again when there is no connection, and if repeating is harmless also after a time
    /// limit and the statuses 429 and 5xx. A `Retry-After` of up to 60 seconds is honoured.
    #[serde(default)]
    retry_count: u32,
    /// Seconds before the second attempt; doubled for each further one.
    #[serde(default = "default_backoff", alias = "retry_backoff")]
    retry_backoff_s: f64,
    /// What the content of the answer becomes.
    #[serde(default)]
    response_format: ResponseFormat,
    /// Whether a status other than 2xx fails the node.
    #[serde(default)]
    raise_for_status: bool,
    /// Whether repeating the request is harmless whatever its method: the server recognises the `Idempotency-Key`, or the
    /// request only reads.
    #[serde(default)]
    idempotent: bool,
    /// Certificates are always checked: only true is accepted.
    #[serde(default = "yes")]
    verify_ssl: bool,
    #[serde(default)]
    #[schemars(skip)]
    auth_type: Option<String>,
}

fn default_timeout() -> f64 {
    30.0
}

fn default_max() -> usize {
    16 << 20
}

fn default_backoff() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

impl NodeType for HttpRequest {
    fn spec() -> Spec {
        Spec::new("HTTPRequest", "http", "Sends an HTTP request and gives the answer.")
            .inputs([
                Input::required("url", Kind::Text, "The address, http or https."),
                Input::with_default("method", Kind::Text, "GET", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS"),
                Input::optional("headers", Kind::Map, "Headers by name; not for secrets, which `auth` is for."),
                Input::optional("params", Kind::Map, "Query parameters by name; a list repeats the parameter."),
                Input::optional("body", Kind::Any, "The content: text, bytes, or a map, list or other value sent as JSON."),
                Input::optional("json_data", Kind::Any, "Content that is sent as JSON whatever it is, in place of body."),
            ])
            .outputs([
                Output::new(
                    "response",
                    Kind::Map,
                    "Status_code, headers, content_type, content, response_time_ms (of the last attempt) and url.",
                ),
                Output::new("status_code", Kind::Int, "The status of the answer."),
                Output::new("success", Kind::Bool, "Whether the status is 2xx."),
            ])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.idempotent;
        for (name, seconds, least) in
            [("timeout_s", self.timeout_s, f64::MIN_POSITIVE), ("retry_backoff_s", self.retry_backoff_s, 0.0)]
        {
            if seconds < least || Duration::try_from_secs_f64(seconds).is_err() {
                let issue =
                    Issue::error("config.seconds", format!("{name} is {seconds}, no number of seconds"));
                setup.issues.push(issue.at(format!("config.{name}")));
            }
        }
        if !self.verify_ssl {
            let issue = Issue::error("http.tls", "certificates are always checked").at("config.verify_ssl");
            setup.issues.push(issue.hint("add the server's authority to those that this machine trusts"));
        }
        if self.auth_type.as_deref().is_some_and(|kind| kind != "none") {
            let issue = Issue::error("http.auth", "`auth_type` is not supported").at("config.auth_type");
            setup.issues.push(issue.hint("use `auth`, with secrets as `env:NAME` or `file:PATH`"));
        }
        if let Some(name) = setup.config.get("method").and_then(Value::as_str) {
            method(name).map_err(|error| error.at("method"))?;
        }
        self.auth.as_ref().map_or(Ok(()), |auth| auth.check().map_err(|error| error.at("auth")))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let seconds = |seconds| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|error| Error::invalid("config.seconds", error.to_string()))
        };
        let work = Arc::new(Work {
            client: cx.services.get::<HttpClient>().cloned().unwrap_or_default(),
            sending: Sending {
                timeout: seconds(self.timeout_s)?,
                most: self.max_response_bytes,
                follow: self.follow_redirects,
                retries: self.retry_count,
                backoff: seconds(self.retry_backoff_s)?,
                idempotent: self.idempotent,
            },
            auth: self.auth.clone(),
            format: self.response_format,
            raise: self.raise_for_status,
        });
        Ok(Body::future(move |inputs, cx| {
            let work = Arc::clone(&work);
            async move { work.run(inputs, cx).await }
        }))
    }
}

/// What a body needs for its requests.
struct Work {
    client: HttpClient,
    sending: Sending,
    auth: Option<Auth>,
    format: ResponseFormat,
    raise: bool,
}

impl Work {
    async fn run(&self, inputs: Inputs, cx: Context) -> Result<Outcome> {
        let mut message = Message::read(inputs)?;
        if !message.is_idempotent()
            && let Ok(key) = HeaderValue::try_from(cx.idempotency_key())
        {
            message.headers.entry(IDEMPOTENCY_KEY).or_insert(key);
        }
        let secret = match &self.auth {
            Some(auth) => Some(auth.header(&cx).await?),
            None => None,
        };
        let client = self.client.get(&cx).await?;
        let answer = self.sending.send(&client, message, secret, &cx).await?;
        let status = answer.status;
        if self.raise && !status.is_success() {
            return Err(error::status(status, &answer.url, retry_after(&answer.headers, &cx)));
        }
        let response = answer.describe(self.format)?;
        let outputs = [response, status.as_u16().into(), status.is_success().into()];
        Ok(outputs.into_iter().map(Some).collect::<Outputs>().into())
    }
}
