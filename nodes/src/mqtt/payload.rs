//! Payloads: values into bytes and back.

use bytes::Bytes;
use kailash_core::{Error, Result, Value};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the payload of a message becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayloadFormat {
    /// A value read from JSON.
    Json,
    /// Text in UTF-8.
    #[default]
    Text,
    /// Bytes.
    Bytes,
}

impl PayloadFormat {
    /// The value of `payload`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `mqtt.payload`.
    pub(super) fn read(self, payload: Bytes) -> Result<Value> {
        match self {
            Self::Bytes => Ok(Value::bytes(payload)),
            Self::Text => match std::str::from_utf8(&payload) {
                Ok(text) => Ok(Value::from(text)),
                Err(_) => Err(wrong("the payload is not text in UTF-8").with_hint("set `format` to bytes")),
            },
            Self::Json => Value::from_json_slice(&payload)
                .map_err(|error| wrong(format!("the payload is not JSON: {}", error.message()))),
        }
    }
}

/// The bytes of `value`: text and bytes as they are, everything else as JSON.
///
/// # Errors
/// Kind `Invalid`, code `mqtt.payload`, for what JSON has no form for.
pub(super) fn write(value: &Value) -> Result<Bytes> {
    match value {
        Value::Str(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Bytes(bytes) => Ok((**bytes).clone()),
        other => other.to_json().map(Bytes::from).map_err(|error| wrong(error.message())),
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("mqtt.payload", message)
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn a_payload_comes_back_as_what_it_was_sent() {
        for (value, format) in [
            (value!("23.5 °C"), PayloadFormat::Text),
            (Value::bytes(vec![0_u8, 255]), PayloadFormat::Bytes),
            (value!({"t": 23.5, "ok": true, "none": null}), PayloadFormat::Json),
            (value!([1, "a"]), PayloadFormat::Json),
            (value!(7), PayloadFormat::Json),
            (value!(null), PayloadFormat::Json),
        ] {
            assert_eq!(format.read(write(&value).unwrap()).unwrap(), value);
        }
    }

    #[test]
    fn what_is_not_of_the_format_is_refused() {
        let binary = Bytes::from_static(b"\xff\xfe");
        assert_eq!(PayloadFormat::Text.read(binary.clone()).unwrap_err().code(), "mqtt.payload");
        assert_eq!(PayloadFormat::Json.read(binary).unwrap_err().code(), "mqtt.payload");
        assert_eq!(write(&value!(f64::NAN)).unwrap_err().code(), "mqtt.payload");
    }
}
