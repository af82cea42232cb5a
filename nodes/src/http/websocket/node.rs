//! Exchanges messages with a WebSocket server.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Error, Kind, Result, Value,
    exec::RetryPolicy,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Setup, Source, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    connect::{Connecting, Given, address},
    frame::MessageFormat,
    source::{Listening, OnFull},
    whole,
};
use crate::http::{
    Auth,
    config::{How, check_auth, check_bound, check_seconds, duration},
};

pub(super) const URL: usize = 0;
pub(super) const HEADERS: usize = 1;
pub(super) const MESSAGE: usize = 2;
pub(super) const MESSAGES: usize = 3;

/// Exchanges messages with a WebSocket server: once, or as a stream of what arrives.
///
/// Sending makes it effectful; with `listen_only` it takes no messages to send and is idempotent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebSocket {
    /// Seconds in which a connection must be made; without `duration_s` and a stream also for the whole exchange.
    #[serde(default = "crate::http::config::timeout_s", alias = "timeout")]
    timeout_s: f64,
    /// How the handshake proves who connects: `{"bearer": SECRET}`, `{"basic": {"username": NAME, "password":
    /// SECRET}}`, `{"api_key": {"header": NAME, "value": SECRET}}` or `{"oauth2": {"token_url": URL, "client_id": ID,
    /// "client_secret": SECRET}}`, where a secret is `env:NAME` or `file:PATH`. Give `url` in the config as well: the
    /// secret goes to whatever address a run gives.
    #[serde(default)]
    auth: Option<Auth>,
    /// The subprotocols to offer, the best first.
    #[serde(default)]
    subprotocols: Vec<String>,
    /// What a message that arrives becomes.
    #[serde(default)]
    message_format: MessageFormat,
    /// The most messages to receive, 0 to send only; 1 if not given, and any number over a stream connection.
    #[serde(default)]
    max_messages: Option<u64>,
    /// Seconds after connecting until the node takes what it has and closes; without it, fewer messages than
    /// `max_messages` within `timeout_s` are an error, and a stream goes on until the server or `max_messages` ends it.
    #[serde(default)]
    duration_s: Option<f64>,
    /// The most bytes a message may have.
    #[serde(default = "max_message_bytes")]
    max_message_bytes: usize,
    /// The most bytes that all messages of an exchange may have together, and those that wait in a stream.
    #[serde(default = "max_total_bytes")]
    max_total_bytes: usize,
    /// Seconds without a sign of the server until it is asked for one by a ping; without an answer for as long again
    /// the connection counts as lost. 0 for never.
    #[serde(default = "heartbeat_s")]
    heartbeat_s: f64,
    /// When a stream connects again after a connection that could not be made, was lost, or was closed because the
    /// server goes away, fails or restarts. It sends its messages again then. Without it such an end is the stream's.
    #[serde(default)]
    reconnect: Option<RetryPolicy>,
    /// The most messages that wait in a stream.
    #[serde(default = "buffer_messages")]
    buffer_messages: usize,
    /// What happens to a stream's message when so many wait already.
    #[serde(default)]
    on_full: OnFull,
    /// Whether the node only receives.
    #[serde(default)]
    listen_only: bool,
}

fn max_message_bytes() -> usize {
    1 << 20
}

fn max_total_bytes() -> usize {
    64 << 20
}

fn heartbeat_s() -> f64 {
    30.0
}

fn buffer_messages() -> usize {
    1024
}

impl NodeType for WebSocket {
    fn spec() -> Spec {
        Spec::new("WebSocket", "http", "Exchanges messages with a WebSocket server, also as a stream.")
            .inputs([
                Input::required("url", Kind::Text, "The address, ws or wss."),
                Input::optional(
                    "headers",
                    Kind::Map,
                    "Headers of the handshake by name; not for secrets, which `auth` is for.",
                ),
                Input::optional(
                    "message",
                    Kind::Any,
                    "What is sent after connecting: text, bytes, or another value as JSON.",
                ),
                Input::optional(
                    "messages",
                    Kind::List,
                    "Several messages that are sent after connecting, in place of message.",
                ),
            ])
            .outputs([
                Output::new(
                    "messages",
                    Kind::List,
                    "What arrived: texts and bytes, or with `json` the values in them.",
                )
                .streaming(),
                Output::new("count", Kind::Int, "How many messages these are."),
                Output::new(
                    "close_code",
                    Kind::Any,
                    "The code with which the server closed or agreed to close; null if it did not.",
                ),
                Output::new("lost", Kind::Int, "How many messages found no room in a stream."),
                Output::new("reconnects", Kind::Int, "How often a stream connected again."),
            ])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        check_seconds(setup, "timeout_s", self.timeout_s, f64::MIN_POSITIVE);
        check_seconds(setup, "heartbeat_s", self.heartbeat_s, 0.0);
        if let Some(seconds) = self.duration_s {
            check_seconds(setup, "duration_s", seconds, f64::MIN_POSITIVE);
        }
        check_auth(setup, self.auth.as_ref());
        check_bound(setup, self.auth.as_ref());
        let mut wrong = |error: Error, place: &str| {
            setup.issues.push(Issue::from_error(&error.at(place)).in_config());
        };
        for protocol in self.subprotocols.iter().filter(|protocol| !is_token(protocol)) {
            let message = format!("`{protocol}` is not the name of a subprotocol");
            wrong(Error::invalid("websocket.subprotocol", message), "subprotocols");
        }
        let least = [
            ("max_message_bytes", self.max_message_bytes),
            ("max_total_bytes", self.max_total_bytes),
            ("buffer_messages", self.buffer_messages),
        ];
        for (name, value) in least {
            if value == 0 {
                wrong(Error::invalid("config.limit", format!("{name} must be at least 1")), name);
            }
        }
        if let Some(Err(error)) = self.reconnect.as_ref().map(RetryPolicy::validate) {
            wrong(error, "reconnect");
        }
        if let Some(Err(error)) = setup.config.get("url").and_then(Value::as_str).map(address) {
            wrong(error, "url");
        }
        if self.listen_only {
            for name in ["message", "messages"] {
                if setup.config.get(name).is_some_and(|value| !value.is_null()) {
                    wrong(
                        Error::invalid("websocket.message", "a node that only listens sends nothing"),
                        name,
                    );
                }
            }
            setup.effect = Effect::Idempotent;
            setup.ports.inputs = setup.ports.inputs.iter().take(MESSAGE).cloned().collect();
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let peer = Arc::new(self.peer(cx)?);
        let streamed = Arc::clone(&peer);
        let whole = move |inputs: Inputs, cx: Context| {
            let peer = Arc::clone(&peer);
            async move { whole::run(&peer, Given::read(inputs)?, &cx).await.map(Into::into) }
        };
        let source = move |inputs: Inputs, _: &Context| {
            let listening = Listening::new(Arc::clone(&streamed), Given::read(inputs)?);
            Ok(Box::new(listening) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

impl WebSocket {
    fn peer(&self, cx: &BuildContext<'_>) -> Result<Peer> {
        let how = How {
            timeout_s: self.timeout_s,
            max_response_bytes: crate::http::config::max_response_bytes(),
            follow_redirects: false,
            auth: self.auth.as_ref(),
            retry_count: 0,
            retry_backoff_s: 0.0,
            verify_ssl: true,
            auth_type: None,
        };
        let heartbeat = duration(self.heartbeat_s)?;
        Ok(Peer {
            connecting: Connecting {
                exchange: how.exchange(cx.services)?,
                subprotocols: self.subprotocols.clone(),
                timeout: duration(self.timeout_s)?,
                max_message_bytes: self.max_message_bytes,
            },
            format: self.message_format,
            max_messages: self.max_messages,
            duration: self.duration_s.map(duration).transpose()?,
            max_total_bytes: self.max_total_bytes,
            heartbeat: (!heartbeat.is_zero()).then_some(heartbeat),
            reconnect: self.reconnect.clone(),
            buffer_messages: self.buffer_messages,
            on_full: self.on_full,
        })
    }
}

/// Whether `text` may stand in a header as one word (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The server that a node speaks to, and how.
pub(super) struct Peer {
    pub(super) connecting: Connecting,
    pub(super) format: MessageFormat,
    pub(super) max_messages: Option<u64>,
    pub(super) duration: Option<Duration>,
    pub(super) max_total_bytes: usize,
    pub(super) heartbeat: Option<Duration>,
    pub(super) reconnect: Option<RetryPolicy>,
    pub(super) buffer_messages: usize,
    pub(super) on_full: OnFull,
}
