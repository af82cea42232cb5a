//! Comparison of two values as Filter and Switch understand it.
//!
//! Data read from files is text, so a text that looks like a number compares with a number by value: `"10" >= 10`.
//! Two texts are equal only if they are the same text; their order is numeric if both look like numbers, else
//! lexicographic. Values without an order between them (`"n/a"` and `10`, or null) do not match `>`, `<`, `>=`, `<=`.

use std::cmp::Ordering;

use kailash_core::{Error, Result, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How two values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Operator {
    /// Equal.
    #[default]
    #[serde(rename = "==")]
    Eq,
    /// Not equal.
    #[serde(rename = "!=")]
    Ne,
    /// Greater.
    #[serde(rename = ">")]
    Gt,
    /// Less.
    #[serde(rename = "<")]
    Lt,
    /// Greater or equal.
    #[serde(rename = ">=")]
    Ge,
    /// Less or equal.
    #[serde(rename = "<=")]
    Le,
    /// The left text, list or map has the right text, item or key in it.
    #[serde(rename = "contains")]
    Contains,
    /// The left value is in the right text, list or map.
    #[serde(rename = "in")]
    In,
    /// The left value is not in the right text, list or map.
    #[serde(rename = "not_in")]
    NotIn,
    /// The left text starts with the right one.
    #[serde(rename = "starts_with")]
    StartsWith,
    /// The left text ends with the right one.
    #[serde(rename = "ends_with")]
    EndsWith,
    /// The left value is null or missing.
    #[serde(rename = "is_null")]
    IsNull,
    /// The left value is neither null nor missing.
    #[serde(rename = "not_null")]
    NotNull,
}

const NAMES: [(&str, Operator); 13] = [
    ("==", Operator::Eq),
    ("!=", Operator::Ne),
    (">", Operator::Gt),
    ("<", Operator::Lt),
    (">=", Operator::Ge),
    ("<=", Operator::Le),
    ("contains", Operator::Contains),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("starts_with", Operator::StartsWith),
    ("ends_with", Operator::EndsWith),
    ("is_null", Operator::IsNull),
    ("not_null", Operator::NotNull),
];

impl std::str::FromStr for Operator {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            Error::invalid("compare.operator", format!("unknown operator `{name}`"))
                .with_hint(format!("one of: {}", known.join(" ")))
        })
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(NAMES.iter().find(|(_, operator)| operator == self).map_or("?", |(name, _)| name))
    }
}

/// Whether `left op right` holds.
///
/// # Errors
/// Kind `Invalid`, code `compare.operand`, if `right` is of a kind that the operator can never work with.
pub fn matches(op: Operator, left: &Value, right: &Value) -> Result<bool> {
    Ok(match op {
        Operator::Eq => equal(left, right),
        Operator::Ne => !equal(left, right),
        Operator::Gt => order(left, right) == Some(Ordering::Greater),
        Operator::Lt => order(left, right) == Some(Ordering::Less),
        Operator::Ge => order(left, right).is_some_and(Ordering::is_ge),
        Operator::Le => order(left, right).is_some_and(Ordering::is_le),
        Operator::Contains => holds(left, right)?,
        Operator::In => within(op, left, right)?,
        Operator::NotIn => !within(op, left, right)?,
        Operator::StartsWith => !left.is_null() && text_of(left).starts_with(affix(op, right)?),
        Operator::EndsWith => !left.is_null() && text_of(left).ends_with(affix(op, right)?),
        Operator::IsNull => left.is_null(),
        Operator::NotNull => !left.is_null(),
    })
}

/// The number that `value` is or that its text looks like: digits with an optional sign, point and exponent, and
/// white space around. `inf`, `nan` and the empty text are not numbers.
#[must_use]
pub fn as_number(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => Some(value.clone()),
        Value::Str(text) => parse_number(text),
        _ => None,
    }
}

/// The number that `text` looks like, as [`as_number`] sees it.
#[must_use]
pub fn parse_number(text: &str) -> Option<Value> {
    let text = text.trim();
    // Words such as `inf` and `nan` are no data: only what starts like a number is tried.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        || text.bytes().any(|b| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E'))
    {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::Int(integer));
    }
    if let Ok(integer) = text.parse::<u64>() {
        return Some(Value::from(integer));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float)
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_))
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Str(text), number) | (number, Value::Str(text)) if is_number(number) => {
            parse_number(text).is_some_and(|parsed| parsed == *number)
        }
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Str(_), _) | (_, Value::Str(_)) => match (as_number(left), as_number(right)) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => left.partial_cmp(right),
        },
        _ => left.partial_cmp(right),
    }
}

/// Whether `whole` has `part` in it.
fn holds(whole: &Value, part: &Value) -> Result<bool> {
    Ok(match whole {
        Value::Null => false,
        Value::List(items) => items.iter().any(|item| equal(item, part)),
        Value::Array(array) => {
            (0..array.len()).filter_map(|i| array.numbers().get(i)).any(|item| equal(&item, part))
        }
        Value::Map(map) => part.as_str().is_some_and(|key| map.contains_key(key)),
        _ if part.is_null() => return Err(operand(Operator::Contains, "a text", part)),
        other => text_of(other).contains(text_of(part).as_ref()),
    })
}

fn within(op: Operator, part: &Value, whole: &Value) -> Result<bool> {
    match whole {
        Value::List(_) | Value::Array(_) | Value::Map(_) => holds(whole, part),
        Value::Str(text) => Ok(!part.is_null() && text.contains(text_of(part).as_ref())),
        other => Err(operand(op, "a list, map or text", other)),
    }
}

fn affix(op: Operator, right: &Value) -> Result<&str> {
    right.as_str().ok_or_else(|| operand(op, "text", right))
}

fn operand(op: Operator, wanted: &str, given: &Value) -> Error {
    let message = format!("`{op}` wants {wanted} on its right side, not {}", given.kind());
    Error::invalid("compare.operand", message).with_hint("change `value` or `operator`")
}

/// The text of a value: itself, or for a number or truth value its JSON form. Other kinds have none.
fn text_of(value: &Value) -> std::borrow::Cow<'_, str> {
    match value {
        Value::Str(text) => text.as_str().into(),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            value.to_json().unwrap_or_default().into()
        }
        _ => "".into(),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn holds_for(op: &str, left: impl Into<Value>, right: impl Into<Value>) -> bool {
        matches(op.parse().unwrap(), &left.into(), &right.into()).unwrap()
    }

    #[test]
    fn numeric_text_compares_with_a_number_by_value() {
        assert!(holds_for(">=", value!("10"), value!(10)));
        assert!(holds_for("<", value!("9"), value!(10)));
        assert!(holds_for("==", value!("10.0"), value!(10)));
        assert!(holds_for("!=", value!("10"), value!(11)));
        assert!(holds_for("in", value!("2"), value!([1, 2])));
        assert!(holds_for(">", value!(" 1e3 "), value!(999.5)));
    }

    #[test]
    fn two_texts_are_equal_only_if_they_are_the_same() {
        assert!(!holds_for("==", value!("1.0"), value!("1")));
        assert!(holds_for(">", value!("10"), value!("9")));
        assert!(holds_for("<", value!("apple"), value!("pear")));
        assert!(holds_for("<", value!("10a"), value!("9")));
    }

    #[test]
    fn large_integers_in_text_keep_all_digits() {
        assert!(holds_for("<", value!("9007199254740992"), value!(9_007_199_254_740_993_i64)));
        assert!(holds_for("==", value!("18446744073709551615"), value!(u64::MAX)));
    }

    #[test]
    fn values_without_an_order_between_them_match_no_order() {
        for op in [">", "<", ">=", "<="] {
            assert!(!holds_for(op, value!("n/a"), value!(10)), "{op}");
            assert!(!holds_for(op, value!(""), value!(0)), "{op}");
            assert!(!holds_for(op, value!(null), value!(0)), "{op}");
            assert!(!holds_for(op, value!("inf"), value!(0)), "{op}");
        }
    }

    #[test]
    fn null_equals_only_null() {
        assert!(holds_for("==", value!(null), value!(null)));
        assert!(holds_for("!=", value!(null), value!(0)));
        assert!(holds_for("is_null", value!(null), value!(null)));
        assert!(holds_for("not_null", value!(0), value!(null)));
    }

    #[test]
    fn texts_lists_and_maps_contain() {
        assert!(holds_for("contains", value!("Python Programming"), value!("Python")));
        assert!(holds_for("contains", value!([1, "2"]), value!(2)));
        assert!(holds_for("contains", value!({"a": 1}), value!("a")));
        assert!(holds_for("contains", value!(123), value!("23")));
        assert!(!holds_for("contains", value!(null), value!("a")));
        assert!(holds_for("not_in", value!("x"), value!(["a", "b"])));
        assert!(holds_for("starts_with", value!("abc"), value!("ab")));
        assert!(holds_for("ends_with", value!("abc"), value!("bc")));
    }

    #[test]
    fn an_operand_that_can_never_work_is_an_error() {
        let error = matches(Operator::In, &value!(1), &value!(1)).unwrap_err();
        assert_eq!(error.code(), "compare.operand");
        assert!(matches(Operator::StartsWith, &value!("1"), &value!(1)).is_err());
    }

    #[test]
    fn an_unknown_operator_lists_the_known_ones() {
        let error = "=>".parse::<Operator>().unwrap_err();
        assert_eq!(error.code(), "compare.operator");
        assert!(error.hint().unwrap().contains(">= <="));
    }

    #[test]
    fn the_names_in_documents_are_those_that_parse() {
        for (name, operator) in NAMES {
            let json = serde_json::to_value(operator).unwrap();
            assert_eq!(json, name);
            assert_eq!(operator.to_string(), name);
        }
    }
}
