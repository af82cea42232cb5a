//! Equality and order of values: numbers compare by value whatever their type.

use std::cmp::Ordering;

use super::Value;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            _ => numbers(self, other) == Some(Ordering::Equal),
        }
    }
}

impl PartialOrd for Value {
    /// Order of two numbers, texts, truth values, byte strings, or lists of such; `None` across kinds.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => Some(Ordering::Equal),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Str(a), Self::Str(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::List(a), Self::List(b)) => a.partial_cmp(b),
            _ => numbers(self, other),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "mixed comparison of a double and an integer is in doubles")]
fn numbers(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::UInt(a), Value::UInt(b)) => Some(a.cmp(b)),
        (Value::UInt(_), Value::Int(_)) => Some(Ordering::Greater),
        (Value::Int(_), Value::UInt(_)) => Some(Ordering::Less),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::UInt(b)) => a.partial_cmp(&(*b as f64)),
        (Value::UInt(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::value;

    #[test]
    fn numbers_compare_by_value_across_types() {
        assert_eq!(value!(10), value!(10.0));
        assert!(value!(3) < value!(3.5));
        assert!(value!(u64::MAX) > value!(i64::MAX));
    }

    #[test]
    fn kinds_do_not_compare_across() {
        assert_ne!(value!(1), value!(true));
        assert!(value!("a").partial_cmp(&value!(1)).is_none());
    }
}
