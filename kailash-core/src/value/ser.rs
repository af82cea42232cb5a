//! Values from typed Rust data and from `serde_json`.

use serde::Serialize;

use super::{Map, Text, Value};
use crate::{Error, Result};

/// The value of serializable data. It goes through `serde_json::Value`: for small results, not for bulk data.
///
/// # Errors
/// Kind `Invalid` where the data has no form in JSON (a map with keys that are not text, NaN).
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Result<Value> {
    serde_json::to_value(data)
        .map(Value::from)
        .map_err(|error| Error::invalid("value.serialize", error.to_string()))
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Self::Int(n),
                (_, Some(n)) => Self::UInt(n),
                _ => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::from(text),
            Json::Array(items) => items.into_iter().map(Self::from).collect(),
            Json::Object(entries) => entries
                .into_iter()
                .map(|(key, item)| (Text::from(key), Self::from(item)))
                .collect::<Map>()
                .into(),
        }
    }
}

/// JSON text, with bytes and arrays by their size: for tests and logs, not for data.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Bytes(bytes) => write!(f, "<{} bytes>", bytes.len()),
            Self::Array(array) => write!(f, "<{} {:?}>", array.numbers().dtype(), array.shape()),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Map(map) => std::fmt::Debug::fmt(map, f),
            other => f.write_str(&other.to_json().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, value};

    #[test]
    fn bytes_and_arrays_survive_json() {
        let array =
            Array::with_shape(crate::Numbers::F32(vec![1.0, 2.0, 3.0, 4.0].into()), vec![2, 2]).unwrap();
        let v = value!({"frame": (Value::bytes(vec![1_u8, 2, 255])), "tensor": array});
        let json = v.to_json().unwrap();
        assert_eq!(
            json,
            r#"{"frame":{"$bytes":"AQL/"},"tensor":{"$array":{"dtype":"f32","shape":[2,2],"data":"AACAPwAAAEAAAEBAAACAQA=="}}}"#
        );
        assert_eq!(Value::from_json(&json).unwrap(), v);
    }

    #[test]
    fn nan_and_infinities_are_refused_in_json() {
        assert!(value!([(f64::NAN)]).to_json().is_err());
        assert!(value!([(f64::INFINITY)]).to_json().is_err());
    }

    #[test]
    fn a_duplicate_key_and_too_deep_a_text_are_refused_with_their_place() {
        let error = Value::from_json("{\"a\": 1,\n \"a\": 2}").unwrap_err();
        assert_eq!((error.message(), error.place()), ("duplicate key `a`", Some("line 2 column 4")));
        let error = Value::from_json(&"[".repeat(4000)).unwrap_err();
        assert_eq!(error.code(), "json.depth");
    }

    #[test]
    fn a_broken_tag_is_refused() {
        assert!(Value::from_json(r#"{"$bytes": "???"}"#).is_err());
        assert!(Value::from_json(r#"{"$array": {"dtype": "f64", "data": "AAA="}}"#).is_err());
        assert!(Value::from_json(r#"{"$array": {"dtype": "u8", "shape": [3], "data": "AAA="}}"#).is_err());
    }
}
