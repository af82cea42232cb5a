//! What the values of messages become, and back.

use bytes::Bytes;
use kailash_core::{Error, Result, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the value of a message becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageFormat {
    /// A value read from JSON.
    Json,
    /// Text in UTF-8.
    #[default]
    Text,
    /// Bytes.
    Bytes,
}

impl MessageFormat {
    /// The value of `bytes`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `kafka.value`.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Value> {
        match self {
            Self::Bytes => Ok(Value::bytes(Bytes::copy_from_slice(bytes))),
            Self::Text => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::from(text)),
                Err(_) => Err(wrong("the value is not text in UTF-8").with_hint("set `format` to bytes")),
            },
            Self::Json => Value::from_json_slice(bytes)
                .map_err(|error| wrong(format!("the value is not JSON: {}", error.message()))),
        }
    }
}

/// The text that `bytes` are, or else the bytes: for keys and headers, which have no format.
pub(super) fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::bytes(Bytes::copy_from_slice(bytes)),
    }
}

/// The bytes of `value`: text and bytes as they are, everything else as JSON.
///
/// # Errors
/// Kind `Invalid`, code `kafka.value`, for what JSON has no form for.
pub(super) fn write(value: &Value) -> Result<Bytes> {
    match value {
        Value::Str(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Bytes(bytes) => Ok((**bytes).clone()),
        other => other.to_json().map(Bytes::from).map_err(|error| wrong(error.message())),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("kafka.value", message)
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn a_value_comes_back_as_what_it_was_sent() {
        for (value, format) in [
            (value!("23.5 °C"), MessageFormat::Text),
            (Value::bytes(vec![0_u8, 255]), MessageFormat::Bytes),
            (value!({"t": 23.5, "none": null}), MessageFormat::Json),
            (value!(7), MessageFormat::Json),
        ] {
            assert_eq!(format.read(&write(&value).unwrap()).unwrap(), value);
        }
        assert_eq!(text_or_bytes(b"key"), value!("key"));
        assert_eq!(text_or_bytes(b"\xff"), Value::bytes(vec![255_u8]));
    }

    #[test]
    fn what_is_not_of_the_format_is_refused() {
        for format in [MessageFormat::Text, MessageFormat::Json] {
            assert_eq!(format.read(b"\xff\xfe").unwrap_err().code(), "kafka.value");
        }
        assert_eq!(write(&value!(f64::NAN)).unwrap_err().code(), "kafka.value");
    }
}
