//! Payloads: values into bytes and back.

use bytes::Bytes;
use kailash_core::{Result, Value};

use crate::messaging;

/// The code of errors of payloads.
pub(super) const CODE: &str = "mqtt.payload";

/// The bytes of `value`: text and bytes as they are, everything else as JSON.
///
/// # Errors
/// Kind `Invalid`, code `mqtt.payload`, for what JSON has no form for.
pub(super) fn write(value: &Value) -> Result<Bytes> {
    messaging::write(value, CODE)
}
