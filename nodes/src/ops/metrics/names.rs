//! The names that metrics and labels may have (Prometheus, "Metric names and labels").

use kailash_core::{Error, Map, Result, Value};

/// How the names of the host's own metrics begin.
const HOSTS_OWN: &str = "kailash_";

/// Whether a metric may be called `name`.
///
/// # Errors
/// Kind `Invalid`, code `metrics.name`.
pub(super) fn check_metric(name: &str) -> Result<()> {
    if name.starts_with(HOSTS_OWN) {
        let message = format!("`{name}` begins as the metrics of the host do");
        return Err(Error::invalid("metrics.name", message).with_hint("leave `kailash_` away"));
    }
    let fits = is_word(name.strip_prefix(':').unwrap_or(name), |c| c == ':') || name == ":";
    if fits && name.len() <= 200 {
        return Ok(());
    }
    let message = format!("`{name}` is no name of a metric");
    Err(Error::invalid("metrics.name", message)
        .with_hint("letters, digits, `_` and `:`, no digit first, 200 at most"))
}

/// The labels of `given`, sorted by name.
///
/// # Errors
/// Kind `Invalid`, code `metrics.label`.
pub(super) fn labels(given: &Map) -> Result<Vec<(String, String)>> {
    let mut labels = Vec::with_capacity(given.len());
    for (name, value) in given {
        if !is_word(name, |_| false) || name.starts_with("__") || name.len() > 200 {
            return Err(Error::invalid("metrics.label", format!("`{name}` is no name of a label"))
                .with_hint("letters, digits and `_`, no digit and no `__` first, 200 at most"));
        }
        let text = match value {
            Value::Str(text) if text.len() > 1000 => {
                let message = format!("the value of label `{name}` takes more than 1000 bytes");
                return Err(Error::invalid("metrics.label", message));
            }
            Value::Str(text) => text.as_str().to_owned(),
            Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => value.to_json()?,
            Value::Null => continue,
            other => {
                let message =
                    format!("the value of label `{name}` is text or a number, not {}", other.kind());
                return Err(Error::invalid("metrics.label", message));
            }
        };
        labels.push((name.as_str().to_owned(), text));
    }
    labels.sort();
    Ok(labels)
}

fn is_word(text: &str, also: impl Fn(char) -> bool) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || also(c))
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || also(c))
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn names_of_metrics_follow_the_rules_of_prometheus() {
        for good in ["a", "_a", "jobs_total", "job:rate5m", ":a", "A9"] {
            assert!(check_metric(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "ä", "a.b", "kailash_runs", &"x".repeat(201)] {
            assert_eq!(check_metric(bad).unwrap_err().code(), "metrics.name", "{bad}");
        }
    }

    #[test]
    fn labels_are_sorted_texts_and_null_is_none() {
        let given = value!({"b": "x", "a": 1, "ok": true, "none": null});
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("a", "1"), pair("b", "x"), pair("ok", "true")];
        assert_eq!(labels(given.as_map().unwrap()).unwrap(), expected);
        for bad in [value!({"9": 1}), value!({"__a": 1}), value!({"a:b": 1}), value!({"a": []})] {
            assert_eq!(labels(bad.as_map().unwrap()).unwrap_err().code(), "metrics.label");
        }
        let long = value!({"a": ("x".repeat(1001))});
        assert_eq!(labels(long.as_map().unwrap()).unwrap_err().code(), "metrics.label");
    }
}
