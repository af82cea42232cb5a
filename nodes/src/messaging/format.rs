//! What the contents of messages become, and back.

use bytes::Bytes;
use kailash_core::{Error, Result, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the content of a message becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The value of `content`.
    ///
    /// # Errors
    /// Kind `Invalid`, with the code `code`.
    pub(crate) fn read(self, content: Bytes, code: &'static str) -> Result<Value> {
        let wrong = |message: &str| Error::invalid(code, format!("the content is not {message}"));
        match self {
            Self::Bytes => Ok(Value::bytes(content)),
            Self::Text => match std::str::from_utf8(&content) {
                Ok(text) => Ok(Value::from(text)),
                Err(_) => Err(wrong("text in UTF-8").with_hint("set `format` to bytes")),
            },
            Self::Json => {
                Value::from_json_slice(&content).map_err(|error| wrong(&format!("JSON: {}", error.message())))
            }
        }
    }
}

/// The bytes of `value`: text and bytes as they are, everything else as JSON.
///
/// # Errors
/// Kind `Invalid`, with the code `code`, for what JSON has no form for.
pub(crate) fn write(value: &Value, code: &'static str) -> Result<Bytes> {
    match value {
        Value::Str(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Bytes(bytes) => Ok((**bytes).clone()),
        other => {
            other.to_json().map(Bytes::from).map_err(|error| Error::invalid(code, error.message().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    const CODE: &str = "test.content";

    #[test]
    fn a_content_comes_back_as_what_it_was_sent() {
        for (value, format) in [
            (value!("23.5 °C"), MessageFormat::Text),
            (Value::bytes(vec![0_u8, 255]), MessageFormat::Bytes),
            (value!({"t": 23.5, "ok": true, "none": null}), MessageFormat::Json),
            (value!([1, "a"]), MessageFormat::Json),
            (value!(7), MessageFormat::Json),
            (value!(null), MessageFormat::Json),
        ] {
            assert_eq!(format.read(write(&value, CODE).unwrap(), CODE).unwrap(), value);
        }
    }

    #[test]
    fn what_has_another_form_is_refused() {
        let binary = Bytes::from_static(b"\xff\xfe");
        for format in [MessageFormat::Text, MessageFormat::Json] {
            assert_eq!(format.read(binary.clone(), CODE).unwrap_err().code(), CODE);
        }
        assert_eq!(write(&value!(f64::NAN), CODE).unwrap_err().code(), CODE);
    }
}
