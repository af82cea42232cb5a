//! The metrics of Aggregate, each kept in constant memory.
//!
//! Mean and deviation by Welford's method (B. P. Welford, Technometrics 4, 1962); sums of doubles with Neumaier's
//! correction (A. Neumaier, ZAMM 54, 1974), of integers exactly.

use std::fmt;

use kailash_core::{Error, Result, Text, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::MapAccess};

use super::{field::Field, order::total};
use crate::data::compare::as_number;

/// What is computed of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    /// How many items there are, or with a field, how many have a value there.
    Count,
    /// The sum; an integer if all are and it fits.
    Sum,
    /// The arithmetic mean; null without values.
    Mean,
    /// The least value: numbers before text, numeric text as number; null without values.
    Min,
    /// The greatest value; null without values.
    Max,
    /// The first value; null without values.
    First,
    /// The last value; null without values.
    Last,
    /// The sample standard deviation (divided by n - 1); null with fewer than two values.
    Std,
}

/// One metric: what is computed, and of which field.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Metric {
    /// What is computed.
    pub(super) op: Op,
    /// The field, also a dot path; only `count` goes without. Null, missing and empty text are left out.
    #[serde(default)]
    pub(super) field: Option<String>,
}

/// Metrics by the name of their result, in the order of the config.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics(pub(super) Vec<(Text, Metric)>);

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of result names to metrics")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Metrics, A::Error> {
                let mut metrics = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    metrics.push(entry);
                }
                Ok(Metrics(metrics))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl JsonSchema for Metrics {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Metrics".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, Metric>::json_schema(generator)
    }
}

/// A metric of one group under way.
#[derive(Clone, Debug)]
pub(super) enum Tally {
    Count(u64),
    Sum { whole: Option<i128>, sum: f64, correction: f64 },
    Moments { n: u64, mean: f64, squares: f64, deviation: bool },
    Extreme { best: Option<Value>, greatest: bool },
    First(Option<Value>),
    Last(Option<Value>),
}

impl Tally {
    /// A metric before its first item.
    pub(super) fn new(op: Op) -> Self {
        let moments = |deviation| Self::Moments { n: 0, mean: 0.0, squares: 0.0, deviation };
        match op {
            Op::Count => Self::Count(0),
            Op::Sum => Self::Sum { whole: Some(0), sum: 0.0, correction: 0.0 },
            Op::Mean => moments(false),
            Op::Std => moments(true),
            Op::Min => Self::Extreme { best: None, greatest: false },
            Op::Max => Self::Extreme { best: None, greatest: true },
            Op::First => Self::First(None),
            Op::Last => Self::Last(None),
        }
    }

    /// Takes the next item.
    pub(super) fn add(&mut self, field: Option<&Field>, item: &Value) -> Result<()> {
        let Some(field) = field else {
            if let Self::Count(n) = self {
                *n += 1;
            }
            return Ok(());
        };
        let Some(value) = field.of(item).filter(|value| !value.is_null() && value.as_str() != Some(""))
        else {
            return Ok(());
        };
        match self {
            Self::Count(n) => *n += 1,
            Self::Sum { whole, sum, correction } => {
                let value = number(field, &value)?;
                *whole = whole.and_then(|sum| sum.checked_add(integer(&value)?));
                let x = value.as_f64().unwrap_or(f64::NAN);
                let next = *sum + x;
                *correction += if sum.abs() >= x.abs() { (*sum - next) + x } else { (x - next) + *sum };
                *sum = next;
            }
            Self::Moments { n, mean, squares, .. } => {
                let x = number(field, &value)?.as_f64().unwrap_or(f64::NAN);
                *n += 1;
                let before = x - *mean;
                *mean += before / as_f64(*n);
                *squares += before * (x - *mean);
            }
            Self::Extreme { best, greatest } => {
                let value = as_number(&value).unwrap_or(value);
                let better = best.as_ref().is_none_or(|best| {
                    let order = total(&value, best);
                    if *greatest { order.is_gt() } else { order.is_lt() }
                });
                if better {
                    *best = Some(value);
                }
            }
            Self::First(first) => {
                first.get_or_insert(value);
            }
            Self::Last(last) => *last = Some(value),
        }
        Ok(())
    }

    /// The result.
    pub(super) fn finish(self) -> Value {
        match self {
            Self::Count(n) => n.into(),
            Self::Sum { whole, sum, correction } => {
                let signed = whole.and_then(|sum| i64::try_from(sum).ok().map(Value::from));
                let unsigned = || whole.and_then(|sum| u64::try_from(sum).ok().map(Value::from));
                let exact = signed.or_else(unsigned);
                exact.unwrap_or_else(|| Value::Float(if sum.is_finite() { sum + correction } else { sum }))
            }
            Self::Moments { n, squares, deviation: true, .. } if n > 1 => {
                (squares / as_f64(n - 1)).sqrt().into()
            }
            Self::Moments { n, mean, deviation: false, .. } if n > 0 => mean.into(),
            Self::Moments { .. } => Value::Null,
            Self::Extreme { best, .. } => best.into(),
            Self::First(value) | Self::Last(value) => value.into(),
        }
    }
}

fn number(field: &Field, value: &Value) -> Result<Value> {
    as_number(value).ok_or_else(|| {
        let shown: String = value.as_str().unwrap_or(value.kind().as_str()).chars().take(40).collect();
        Error::invalid("aggregate.number", format!("field `{}` is `{shown}`, not a number", field.name()))
            .with_hint("filter such items out first, or use count, min, max, first or last")
    })
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some((*n).into()),
        Value::UInt(n) => Some((*n).into()),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count above 2^53 is out of reach")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn tally(op: Op, values: Value) -> Value {
        let (field, mut tally) = (Field::new("v"), Tally::new(op));
        for value in values.into_list().unwrap() {
            tally.add(Some(&field), &value!({"v": value})).unwrap();
        }
        tally.finish()
    }

    #[test]
    fn sums_of_integers_are_exact_and_of_doubles_corrected() {
        assert_eq!(tally(Op::Sum, value!([1, "2", null, ""])).to_json().unwrap(), "3");
        assert_eq!(tally(Op::Sum, value!([(i64::MAX), 1])), value!(1_u64 << 63));
        assert_eq!(tally(Op::Sum, value!([1.0, 1e100, 1.0, (-1e100)])), value!(2.0));
        assert_eq!(tally(Op::Sum, value!([])), value!(0));
    }

    #[test]
    fn mean_and_deviation_are_welfords() {
        let values = value!([1_000_000_004.0, 1_000_000_007.0, 1_000_000_013.0, 1_000_000_016.0]);
        assert_eq!(tally(Op::Mean, values.clone()), value!(1_000_000_010.0));
        let std = tally(Op::Std, values).as_f64().unwrap();
        assert!((std - 30_f64.sqrt()).abs() < 1e-9, "{std}");
        assert_eq!(tally(Op::Std, value!([1])), value!(null));
        assert_eq!(tally(Op::Mean, value!([])), value!(null));
    }

    #[test]
    fn extremes_compare_numeric_text_as_numbers() {
        assert_eq!(tally(Op::Min, value!(["10", "9"])), value!(9));
        assert_eq!(tally(Op::Max, value!(["2026-01-02", "2026-01-10"])), value!("2026-01-10"));
        assert_eq!(tally(Op::First, value!([null, 1, 2])), value!(1));
        assert_eq!(tally(Op::Last, value!([1, 2, null])), value!(2));
        assert_eq!(tally(Op::Count, value!([1, null, "", "a"])), value!(2));
    }
}
