//! A value as the bytes it travels and rests in.

use bytes::Bytes;
use kailash_core::{Error, Result, Value};
use serde::{Deserialize, Serialize};

/// A value in MessagePack. Members pass it on without reading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Encoded(pub Bytes);

impl Encoded {
    /// The bytes of `value`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `value.depth`, for one that is nested too deep.
    pub fn of(value: &Value) -> Result<Self> {
        let bytes = rmp_serde::to_vec_named(value);
        bytes
            .map(|bytes| Self(bytes.into()))
            .map_err(|error| Error::invalid("value.depth", error.to_string()))
    }

    /// The value.
    ///
    /// # Errors
    /// Kind `Internal` for bytes that are none.
    pub fn value(&self) -> Result<Value> {
        rmp_serde::from_slice(&self.0)
            .map_err(|error| Error::internal(format!("a replicated value cannot be read: {error}")))
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it takes none, which no value does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
