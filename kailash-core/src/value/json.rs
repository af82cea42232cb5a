//! JSON in and out: ordered maps, duplicate keys refused, bytes and arrays as tagged base64. Binary formats of serde
//! get raw bytes, and NaN.
//!
//! ```text
//! {"$bytes": "aGVsbG8="}
//! {"$array": {"dtype": "f32", "shape": [2, 2], "data": "AACAPwAAAEAAAEBAAACAQA=="}}
//! ```

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap, SerializeStruct},
};

use super::{Array, MAX_DEPTH, Map, Numbers, Text, Value};
use crate::{Error, Result};

/// The key that marks a map of one entry as bytes in base64.
pub const BYTES_TAG: &str = "$bytes";
/// The key that marks a map of one entry as a numeric array.
pub const ARRAY_TAG: &str = "$array";

impl Value {
    /// Reads one JSON text. A duplicate key, trailing text and nesting beyond [`MAX_DEPTH`] are refused.
    ///
    /// # Errors
    /// Kind `Invalid` with line and column as its place.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| json_error(&error))
    }

    /// Like [`Value::from_json`], from UTF-8 bytes.
    ///
    /// # Errors
    /// Kind `Invalid` with line and column as its place, also where the bytes are not UTF-8.
    pub fn from_json_slice(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| json_error(&error))
    }

    /// Writes compact JSON.
    ///
    /// # Errors
    /// Kind `Invalid` if a number is NaN or infinite.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| json_error(&error))
    }
}

fn json_error(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let limit = message.contains("recursion limit");
    let kind_error = Error::invalid(if limit { "json.depth" } else { "json.syntax" }, message);
    let kind_error =
        if limit { kind_error.with_hint(format!("nest at most {MAX_DEPTH} levels")) } else { kind_error };
    if error.line() > 0 {
        kind_error.at(format!("line {} column {}", error.line(), error.column()))
    } else {
        kind_error
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(n) => serializer.serialize_i64(*n),
            Self::UInt(n) => serializer.serialize_u64(*n),
            Self::Float(x) if x.is_finite() || !serializer.is_human_readable() => {
                serializer.serialize_f64(*x)
            }
            Self::Float(x) => Err(S::Error::custom(format!("{x} has no form in JSON"))),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) if !serializer.is_human_readable() => serializer.serialize_bytes(bytes),
            Self::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES_TAG, &BASE64.encode(bytes.as_ref()))?;
                map.end()
            }
            Self::Array(array) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(ARRAY_TAG, &**array)?;
                map.end()
            }
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = serializer.is_human_readable();
        let mut parts = serializer.serialize_struct("Array", 3)?;
        parts.serialize_field("dtype", self.numbers().dtype())?;
        parts.serialize_field("shape", self.shape())?;
        if readable {
            parts.serialize_field("data", &BASE64.encode(self.numbers().to_le_bytes()))?;
        } else {
            parts.serialize_field("data", &Value::bytes(self.numbers().to_le_bytes()))?;
        }
        parts.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let readable = deserializer.is_human_readable();
        deserializer.deserialize_any(ValueVisitor { readable })
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor;
        impl<'de> Visitor<'de> for MapVisitor {
            type Value = Map;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Map, A::Error> {
                read_map(entries)
            }
        }
        deserializer.deserialize_map(MapVisitor)
    }
}

fn read_map<'de, A: MapAccess<'de>>(mut entries: A) -> Result<Map, A::Error> {
    let mut map = Map::with_capacity(entries.size_hint().unwrap_or(0).min(1024));
    while let Some(key) = entries.next_key::<Text>()? {
        if map.contains_key(&key) {
            return Err(de::Error::custom(format!("duplicate key `{key}`")));
        }
        let value = entries.next_value::<Value>()?;
        map.insert(key, value);
    }
    Ok(map)
}

struct ValueVisitor {
    /// Whether what is read is a text such as JSON, which has no form for NaN.
    readable: bool,
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Int(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        if v.is_finite() || !self.readable {
            Ok(Value::Float(v))
        } else {
            Err(E::custom(format!("{v} is not a number of JSON")))
        }
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_bytes<E>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::bytes(v.to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::list(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        let map = read_map(entries)?;
        if map.len() == 1
            && let Some((key, value)) = map.entry_at(0)
            && let Some(untagged) = untag(key, value).map_err(de::Error::custom)?
        {
            return Ok(untagged);
        }
        Ok(map.into())
    }
}

/// The bytes or array that a tagged map stands for; `None` for another key.
fn untag(key: &str, value: &Value) -> Result<Option<Value>, String> {
    let decode = |data: &Value| match data {
        Value::Str(text) => BASE64.decode(text.as_str()).map_err(|error| format!("`{key}`: {error}")),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        _ => Err(format!("`{key}` wants base64 text")),
    };
    match key {
        BYTES_TAG => decode(value).map(|bytes| Some(Value::bytes(bytes))),
        ARRAY_TAG => {
            let part = |name| value.get(name).ok_or_else(|| format!("`{key}` lacks `{name}`"));
            let dtype = part("dtype")?.as_str().unwrap_or_default();
            let numbers = Numbers::from_le_bytes(dtype, &decode(part("data")?)?)
                .ok_or_else(|| format!("`{key}`: data is not a whole number of `{dtype}`"))?;
            let array = match value.get("shape") {
                None => Some(Array::new(numbers)),
                Some(shape) => {
                    let dimensions = shape.as_list().unwrap_or_default().iter();
                    dimensions
                        .map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok()))
                        .collect::<Option<Vec<_>>>()
                        .and_then(|shape| Array::with_shape(numbers, shape))
                }
            };
            array.map(|array| Some(array.into())).ok_or_else(|| format!("`{key}`: shape and data disagree"))
        }
        _ => Ok(None),
    }
}
