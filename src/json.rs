//! Values as JSON for people and clients, where numbers that JSON has no form for become null.

use std::cell::Cell;

use kailash_core::Value;
use serde::{Serialize, Serializer};

/// A value whose numbers without a form in JSON are written as null, and counted.
pub struct Lenient<'a>(pub &'a Value, pub &'a Cell<usize>);

impl Serialize for Lenient<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Float(number) if !number.is_finite() => {
                self.1.set(self.1.get() + 1);
                serializer.serialize_unit()
            }
            Value::List(items) => serializer.collect_seq(items.iter().map(|item| Self(item, self.1))),
            Value::Map(map) => {
                serializer.collect_map(map.iter().map(|(key, item)| (key, Self(item, self.1))))
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn numbers_without_a_form_in_json_become_null_and_are_counted() {
        let lost = Cell::new(0);
        let value = value!({"a": [(f64::NAN), 1.5, {"b": (f64::INFINITY)}], "c": "x"});
        let json = serde_json::to_string(&Lenient(&value, &lost)).unwrap();
        assert_eq!((json.as_str(), lost.get()), (r#"{"a":[null,1.5,{"b":null}],"c":"x"}"#, 2));
    }
}
