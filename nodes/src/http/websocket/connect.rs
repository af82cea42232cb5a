//! The opening handshake (RFC 6455, 4), by the host's HTTP client, so that trust, proxies and secrets are those of
//! requests.

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Map, Result, Retry, Value,
    node::{Context, Inputs},
};
use reqwest::{
    Method, Response, StatusCode, Upgraded, Url,
    header::{
        CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as Frame,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    frame,
    node::{HEADERS, MESSAGE, MESSAGES, URL},
};
use crate::http::{
    error::{self, shown},
    exchange::Exchange,
    message::Message,
    parts::header_map,
    send,
};

/// A connection.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// What a run asks for.
#[derive(Clone)]
pub(super) struct Given {
    url: Url,
    headers: HeaderMap,
    /// What is sent after connecting, in order.
    pub(super) messages: Vec<Frame>,
}

impl Given {
    /// Reads the inputs.
    ///
    /// # Errors
    /// Kind `Invalid`: codes `http.url`, `http.header`, `websocket.message`.
    pub(super) fn read(mut inputs: Inputs) -> Result<Self> {
        let url = address(&inputs.text(URL)?)?;
        let nothing = Map::new();
        let headers = header_map(inputs.get(HEADERS).and_then(Value::as_map).unwrap_or(&nothing))?;
        if let Some(name) = headers.keys().find(|name| name.as_str().starts_with("sec-websocket-")) {
            let message = format!("header `{name}` follows from the request and cannot be given");
            return Err(Error::invalid("http.header", message));
        }
        let given = |value: &Value| !value.is_null();
        let messages = match (inputs.take(MESSAGE).filter(given), inputs.get(MESSAGES).is_some_and(given)) {
            (Some(_), true) => {
                let message = "`message` and `messages` exclude each other";
                return Err(Error::invalid("websocket.message", message));
            }
            (Some(message), false) => vec![message],
            (None, true) => inputs.list(MESSAGES)?,
            (None, false) => Vec::new(),
        };
        let messages = messages.into_iter().map(frame::message).collect::<Result<_>>()?;
        Ok(Self { url, headers, messages })
    }

    /// The address without what may be secret in it.
    pub(super) fn place(&self) -> String {
        shown(&self.url).replacen("http", "ws", 1)
    }
}

/// Reads an address of a WebSocket server, as the address of its handshake.
///
/// # Errors
/// Kind `Invalid`, code `http.url`.
pub(super) fn address(text: &str) -> Result<Url> {
    let wrong =
        |message: String| Error::invalid("http.url", message).with_hint("write it as wss://host/path");
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(format!("not an address: {error}")))?;
    let scheme = match url.scheme() {
        "ws" => "http",
        "wss" => "https",
        other => return Err(wrong(format!("`{other}` is not ws or wss"))),
    };
    url.set_scheme(scheme).map_err(|()| wrong("not an address".to_owned()))?;
    url.set_fragment(None);
    Ok(url)
}

/// How a node connects.
pub(super) struct Connecting {
    pub(super) exchange: Exchange,
    pub(super) subprotocols: Vec<String>,
    pub(super) timeout: Duration,
    pub(super) max_message_bytes: usize,
}

impl Connecting {
    /// Connects, within the time limit.
    ///
    /// # Errors
    /// Those of requests; kind `Invalid`, code `websocket.handshake`, if the server speaks no WebSocket.
    pub(super) async fn connect(&self, given: &Given, cx: &Context) -> Result<Socket> {
        let shaken = tokio::time::timeout(self.timeout, self.handshake(given, cx)).await;
        let socket = shaken.unwrap_or_else(|_| Err(error::timeout(&given.url, Some(self.timeout), true)));
        let socket = socket.map_err(|error| error.at(given.place()))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .max_message_size(Some(self.max_message_bytes))
            .max_frame_size(Some(self.max_message_bytes));
        Ok(WebSocketStream::from_raw_socket(socket, Role::Client, Some(config)).await)
    }

    async fn handshake(&self, given: &Given, cx: &Context) -> Result<Upgraded> {
        let client = self.exchange.client.upgrading(cx).await?;
        let mut renewed = false;
        loop {
            let key = generate_key();
            let message = self.request(given, &key)?;
            let secret = self.exchange.secret(&client, cx).await?;
            let response = send::exchange(&client, &message, secret.as_ref()).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && !renewed && self.exchange.renew(secret.as_ref()).await {
                renewed = true;
                continue;
            }
            if status != StatusCode::SWITCHING_PROTOCOLS {
                let after = send::retry_after(response.headers(), cx);
                return Err(match status.is_success() {
                    true => refused("the server answers as a web server"),
                    false => error::status(status, &given.url, after, true, false),
                });
            }
            self.check(&response, &key)?;
            return response.upgrade().await.map_err(|error| error::sending(error, &given.url, true));
        }
    }

    fn request(&self, given: &Given, key: &str) -> Result<Message> {
        let mut headers = given.headers.clone();
        let mut add = |name: HeaderName, value: &str| {
            let value = HeaderValue::try_from(value)
                .map_err(|_| Error::invalid("http.header", format!("header `{name}` cannot be sent")))?;
            headers.insert(name, value);
            Ok::<_, Error>(())
        };
        add(CONNECTION, "Upgrade")?;
        add(UPGRADE, "websocket")?;
        add(SEC_WEBSOCKET_VERSION, "13")?;
        add(SEC_WEBSOCKET_KEY, key)?;
        if !self.subprotocols.is_empty() {
            add(SEC_WEBSOCKET_PROTOCOL, &self.subprotocols.join(", "))?;
        }
        Ok(Message::new(Method::GET, given.url.clone(), headers, None))
    }

    /// Whether the answer is that of a WebSocket server to this very request.
    fn check(&self, response: &Response, key: &str) -> Result<()> {
        let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if !text(UPGRADE).is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket")) {
            return Err(refused("the server changes to another protocol"));
        }
        if text(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(refused("the server's answer belongs to another request"));
        }
        if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err(refused("the server wants an extension that was not offered"));
        }
        let chosen = text(SEC_WEBSOCKET_PROTOCOL);
        if chosen.is_some_and(|chosen| !self.subprotocols.iter().any(|offered| offered == chosen)) {
            return Err(refused("the server wants a subprotocol that was not offered"));
        }
        Ok(())
    }
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, "websocket.handshake", message)
        .with_retry(Retry::Never)
        .with_hint("is that the address of a WebSocket server?")
}
