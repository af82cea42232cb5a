//! The data that flows between nodes: JSON, bytes and numeric arrays, O(1) to clone.
//!
//! ```text
//! Value ── Null | Bool | Int | UInt | Float
//!       ├─ Str   ─> up to 15 bytes in place, more of them shared
//!       ├─ Bytes ─> a reference-counted buffer, sliced without copying
//!       ├─ Array ─> one typed buffer of numbers and a shape
//!       ├─ List  ─> Arc<Vec<Value>>
//!       └─ Map   ─> Arc<ordered map of text to Value>
//! ```

mod array;
mod compare;
mod de;
mod json;
mod kind;
mod map;
mod path;
mod ser;
mod text;

use std::sync::Arc;

pub use array::{Array, Numbers};
use bytes::Bytes;
pub use de::from_value;
pub use json::{ARRAY_TAG, BYTES_TAG};
pub use kind::Kind;
pub use map::Map;
pub use path::Path;
pub use ser::to_value;
pub use text::Text;

/// How many lists and maps may stand in each other: what JSON texts may have, and less than any stack is deep.
pub const MAX_DEPTH: usize = 127;

/// A list of values, shared.
pub type List = Arc<Vec<Value>>;

/// One datum on a connection. Cloning never copies what it holds.
#[derive(Clone, Default)]
pub enum Value {
    /// Nothing: JSON `null`.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer that fits `i64`.
    Int(i64),
    /// An integer above `i64::MAX`; smaller ones are always [`Value::Int`].
    UInt(u64),
    /// A finite double. NaN and infinities may occur in memory and are refused in JSON.
    Float(f64),
    /// Text.
    Str(Text),
    /// Raw bytes; tagged base64 in JSON.
    Bytes(Arc<Bytes>),
    /// Numbers of one type in one buffer; tagged base64 in JSON.
    Array(Arc<Array>),
    /// A list.
    List(List),
    /// A map with text keys, in insertion order.
    Map(Arc<Map>),
}

impl Value {
    /// A list of `items`.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }

    /// Raw bytes, without copying them.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Arc::new(bytes.into()))
    }

    /// The kind of this value.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) | Self::UInt(_) => Kind::Int,
            Self::Float(_) => Kind::Number,
            Self::Str(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::Array(_) => Kind::Array,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
        }
    }

    /// Whether more than `most` lists and maps stand in each other. Looks at every value inside.
    #[must_use]
    pub fn is_deeper(&self, most: usize) -> bool {
        let Some(inner) = most.checked_sub(1) else { return matches!(self, Self::List(_) | Self::Map(_)) };
        match self {
            Self::List(items) => items.iter().any(|item| item.is_deeper(inner)),
            Self::Map(map) => map.values().any(|item| item.is_deeper(inner)),
            _ => false,
        }
    }

    /// Whether this is `Null`.
    #[inline]
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The integer, if this is one (a float with no fraction is) and it fits `i64`.
    #[inline]
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked before the cast")]
            Self::Float(x) if x.fract() == 0.0 && x.abs() < 9.0e15 => Some(*x as i64),
            _ => None,
        }
    }

    /// The non-negative integer, if this is one.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::UInt(n) => Some(*n),
            other => other.as_i64().and_then(|n| u64::try_from(n).ok()),
        }
    }

    /// The number as a double, if this is a number; integers above 2^53 lose digits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a double is what was asked for")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(*n as f64),
            Self::UInt(n) => Some(*n as f64),
            Self::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// The text, if this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if these are bytes.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The numeric array, if this is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The items, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The map, if this is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// Truth as Python sees it: empty, zero and null are false.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::UInt(_) => true,
            Self::Float(x) => *x != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::Array(array) => !array.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// The items of a list, moved out if nobody else holds them, else cloned one by one (O(1) each).
    ///
    /// # Errors
    /// Gives the value back if it is not a list.
    pub fn into_list(self) -> Result<Vec<Value>, Value> {
        match self {
            Self::List(items) => Ok(Arc::unwrap_or_clone(items)),
            other => Err(other),
        }
    }

    /// The map, moved out if nobody else holds it, else cloned entry by entry (O(1) each).
    ///
    /// # Errors
    /// Gives the value back if it is not a map.
    pub fn into_map(self) -> Result<Map, Value> {
        match self {
            Self::Map(map) => Ok(Arc::unwrap_or_clone(map)),
            other => Err(other),
        }
    }
}

macro_rules! from {
    ($($source:ty => |$v:ident| $build:expr;)*) => {$(
        impl From<$source> for Value {
            fn from($v: $source) -> Self {
                $build
            }
        }
    )*};
}

from! {
    bool => |v| Value::Bool(v);
    i8 => |v| Value::Int(v.into());
    i16 => |v| Value::Int(v.into());
    i32 => |v| Value::Int(v.into());
    i64 => |v| Value::Int(v);
    u8 => |v| Value::Int(v.into());
    u16 => |v| Value::Int(v.into());
    u32 => |v| Value::Int(v.into());
    u64 => |v| i64::try_from(v).map_or(Value::UInt(v), Value::Int);
    usize => |v| Value::from(v as u64);
    f32 => |v| Value::Float(v.into());
    f64 => |v| Value::Float(v);
    &str => |v| Value::Str(v.into());
    String => |v| Value::Str(v.into());
    Text => |v| Value::Str(v);
    Bytes => |v| Value::Bytes(Arc::new(v));
    Array => |v| Value::Array(Arc::new(v));
    Map => |v| Value::Map(Arc::new(v));
    Vec<Value> => |v| Value::list(v);
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::Null, Into::into)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Value::list(items.into_iter().collect())
    }
}

/// A [`Value`] written like JSON: `value!({"a": [1, 2.5, null]})`.
#[macro_export]
macro_rules! value {
    (null) => { $crate::Value::Null };
    ([ $($item:tt),* $(,)? ]) => { $crate::Value::list(vec![ $( $crate::value!($item) ),* ]) };
    ({ $($key:tt : $item:tt),* $(,)? }) => {
        $crate::Value::from($crate::Map::from_iter([ $( ($crate::Text::from($key), $crate::value!($item)) ),* ]))
    };
    ($other:expr) => { $crate::Value::from($other) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_three_words_and_so_is_an_optional_one() {
        assert_eq!(size_of::<Value>(), 24);
        assert_eq!(size_of::<Option<Value>>(), 24);
    }

    #[test]
    fn cloning_a_large_value_shares_its_buffer() {
        let frame = Value::bytes(vec![7_u8; 6_000_000]);
        let copy = frame.clone();
        assert_eq!(frame.as_bytes().map(|b| b.as_ptr()), copy.as_bytes().map(|b| b.as_ptr()));
    }

    #[test]
    fn integers_above_i64_are_kept_exactly() {
        assert_eq!(Value::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert!(matches!(Value::from(5_u64), Value::Int(5)));
    }

    #[test]
    fn the_macro_reads_like_json() {
        let v = value!({"a": [1, 2.5, null], "b": {"c": true}});
        assert_eq!(v.get("a").and_then(|a| a.as_list()).map(<[Value]>::len), Some(3));
        assert_eq!(v.get("b").and_then(|b| b.get("c")).and_then(Value::as_bool), Some(true));
    }
}
