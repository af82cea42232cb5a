//! A total order of values of every kind, so that sorting never fails.
//!
//! `truth values < numbers < text < bytes < lists < maps and arrays < null or missing`. Within a kind: false before
//! true, numbers by exact value with NaN last, text by code points, lists item by item; maps and arrays are equal.

use std::cmp::Ordering;

use kailash_core::Value;

/// How `a` and `b` are ordered.
pub(super) fn total(a: &Value, b: &Value) -> Ordering {
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::List(a), Value::List(b)) => {
            let unequal = a.iter().zip(b.iter()).map(|(a, b)| total(a, b)).find(|order| order.is_ne());
            unequal.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan())),
        (Value::Float(x), integer) if rank(integer) == rank(a) => float_to_integer(*x, exact(integer)),
        (integer, Value::Float(x)) if rank(integer) == rank(b) => {
            float_to_integer(*x, exact(integer)).reverse()
        }
        _ => a.partial_cmp(b).unwrap_or(Ordering::Equal),
    })
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => 1,
        Value::Str(_) => 2,
        Value::Bytes(_) => 3,
        Value::List(_) => 4,
        Value::Map(_) | Value::Array(_) => 5,
        Value::Null => 6,
    }
}

fn exact(integer: &Value) -> i128 {
    match integer {
        Value::Int(n) => (*n).into(),
        Value::UInt(n) => (*n).into(),
        _ => 0,
    }
}

/// Compared exactly: by way of doubles, neighbours above 2^53 would be equal to one and unequal to each other.
fn float_to_integer(x: f64, n: i128) -> Ordering {
    if x.is_nan() {
        return Ordering::Greater;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates beyond every integer of a value")]
    let whole = x.trunc() as i128;
    whole.cmp(&n).then_with(|| x.fract().partial_cmp(&0.0).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use kailash_core::value;
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(value!(f64::NAN)),
            (-2_i64..3).prop_map(|n| Value::from((1_i64 << 53) + n)),
            Just(value!(9_007_199_254_740_992.0)),
        ];
        let leaf = prop_oneof![
            number,
            any::<bool>().prop_map(Value::from),
            "[a-c]{0,2}".prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::list))
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in any_value(), b in any_value(), c in any_value()) {
            prop_assert_eq!(total(&a, &b), total(&b, &a).reverse());
            prop_assert_eq!(total(&a, &a), Ordering::Equal);
            if total(&a, &b).is_le() && total(&b, &c).is_le() {
                prop_assert!(total(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn kinds_follow_one_another() {
        let mut values =
            vec![value!(null), value!({}), value!([]), value!("a"), value!(2), value!(1.5), value!(true)];
        values.sort_by(total);
        assert_eq!(Value::list(values), value!([true, 1.5, 2, "a", [], {}, null]));
    }
}
