//! Kinds of values: what a port declares that it takes or gives.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Value;

/// The kind of a value, as a port declares it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every value.
    #[default]
    Any,
    /// Only null.
    Null,
    /// A truth value.
    Bool,
    /// An integer.
    Int,
    /// An integer or a double.
    Number,
    /// Text.
    Text,
    /// Raw bytes.
    Bytes,
    /// A numeric array.
    Array,
    /// A list; a numeric array counts as one.
    List,
    /// A map.
    Map,
}

impl Kind {
    /// The stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Number => "number",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Array => "array",
            Self::List => "list",
            Self::Map => "map",
        }
    }

    /// Whether a value of kind `given` may go where `self` is wanted; `Any` on either side leaves it to the run.
    #[inline]
    #[must_use]
    pub fn accepts_kind(self, given: Kind) -> bool {
        self == given
            || matches!(
                (self, given),
                (Self::Any, _) | (_, Self::Any) | (Self::Number, Self::Int) | (Self::List, Self::Array)
            )
    }

    /// Whether `value` may go where `self` is wanted. A float without fraction is an integer.
    #[inline]
    #[must_use]
    pub fn accepts(self, value: &Value) -> bool {
        self.accepts_kind(value.kind()) || (self == Self::Int && value.as_i64().is_some())
    }

    /// The JSON Schema of the kind.
    #[must_use]
    pub fn schema(self) -> serde_json::Value {
        let name = match self {
            Self::Any => return serde_json::json!({}),
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Int => "integer",
            Self::Number => "number",
            Self::Text => "string",
            Self::List => "array",
            Self::Map | Self::Bytes | Self::Array => "object",
        };
        serde_json::json!({ "type": name })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
