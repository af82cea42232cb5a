//! Values as messages, messages as values, and what a connection can fail with.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, Retry, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_tungstenite::tungstenite::{self, Message, error::ProtocolError};

/// The code of a connection that the server closed.
pub(super) const CLOSED: &str = "websocket.closed";

/// What a message that arrives becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageFormat {
    /// Text, or bytes if it is binary.
    #[default]
    Auto,
    /// A value read from JSON.
    Json,
}

/// The message that `value` makes: text and bytes as they are, all else as JSON.
///
/// # Errors
/// Kind `Invalid`, code `websocket.message`.
pub(super) fn message(value: Value) -> Result<Message> {
    match value {
        Value::Str(text) => Ok(Message::text(text.as_str())),
        Value::Bytes(bytes) => Ok(Message::Binary((*bytes).clone())),
        other => other
            .to_json()
            .map(Message::text)
            .map_err(|error| Error::invalid("websocket.message", error.message().to_owned())),
    }
}

/// The value of a message with its size in bytes; none for what only keeps the connection.
///
/// # Errors
/// Kind `Invalid`, code `websocket.json`, for content that is not what `format` asks for.
pub(super) fn value(message: Message, format: MessageFormat) -> Result<Option<(Value, usize)>> {
    let size = message.len();
    let value = match (message, format) {
        (Message::Text(text), MessageFormat::Auto) => text.as_str().into(),
        (Message::Binary(bytes), MessageFormat::Auto) => Value::bytes(bytes),
        (Message::Text(text), MessageFormat::Json) => from_json(text.as_bytes())?,
        (Message::Binary(bytes), MessageFormat::Json) => from_json(&bytes)?,
        (Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_), _) => return Ok(None),
    };
    Ok(Some((value, size)))
}

fn from_json(bytes: &[u8]) -> Result<Value> {
    Value::from_json_slice(bytes).map_err(|error| {
        Error::invalid("websocket.json", format!("a message is not JSON: {error}")).with_source(error)
    })
}

/// What a failure of a connection means. Who has sent nothing can connect again.
pub(super) fn failure(error: tungstenite::Error, has_sent: bool) -> Error {
    use tungstenite::Error as Failure;
    match error {
        Failure::Capacity(limit) => {
            Error::new(ErrorKind::Limit, "websocket.too_large", format!("a message is too long: {limit}"))
                .with_retry(Retry::Never)
                .with_hint("raise `max_message_bytes`")
        }
        Failure::Io(_) | Failure::ConnectionClosed | Failure::AlreadyClosed => broken(&error, has_sent),
        Failure::Protocol(ProtocolError::ResetWithoutClosingHandshake) => broken(&error, has_sent),
        other => Error::invalid("websocket.protocol", format!("the server breaks the protocol: {other}")),
    }
}

fn broken(error: &tungstenite::Error, has_sent: bool) -> Error {
    let retry = if has_sent { Retry::Never } else { Retry::After(Duration::ZERO) };
    let message = format!("the connection broke off: {error}");
    Error::new(ErrorKind::Unavailable, "websocket.io", message).with_retry(retry)
}

/// The server closed the connection before it had all messages.
pub(super) fn closed_early(code: u16) -> Error {
    let message = format!("the server closed the connection with code {code} before everything was sent");
    Error::new(ErrorKind::Unavailable, CLOSED, message).with_retry(Retry::Never)
}

/// The time of an exchange passed before the server had all messages.
pub(super) fn unsent(limit: Duration) -> Error {
    Error::new(ErrorKind::Timeout, "websocket.timeout", format!("not everything was sent within {limit:?}"))
        .with_retry(Retry::Never)
        .with_hint("raise `duration_s`; the server may have taken a part")
}

/// The server closed the connection in a way that another one may mend.
pub(super) fn closed(code: u16) -> Error {
    let message = format!("the server closed the connection with code {code}");
    Error::new(ErrorKind::Unavailable, CLOSED, message)
}
