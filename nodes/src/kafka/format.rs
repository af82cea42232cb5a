//! What the values, keys and headers of records become, and back.

use bytes::Bytes;
use kailash_core::{Result, Value};

use crate::messaging;

/// The code of errors of contents.
pub(super) const CODE: &str = "kafka.value";

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
    messaging::write(value, CODE)
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn what_is_no_text_stays_bytes() {
        assert_eq!(text_or_bytes(b"key"), value!("key"));
        assert_eq!(text_or_bytes(b"\xff"), Value::bytes(vec![255_u8]));
    }
}
