//! Fields that an audit log must not keep.

use std::sync::Arc;

use kailash_core::{Map, Value};

/// What stands in place of a value.
const MARK: &str = "[redacted]";

/// `value` with the fields called one of `names`, in any case and at any depth, replaced by a mark.
pub(super) fn redact(value: Value, names: &[String]) -> Value {
    if names.is_empty() {
        return value;
    }
    match value {
        Value::Map(map) => {
            let redacted = map.iter().map(|(name, value)| {
                let is_secret = names.iter().any(|secret| secret.eq_ignore_ascii_case(name));
                let value = if is_secret { MARK.into() } else { redact(value.clone(), names) };
                (name.clone(), value)
            });
            redacted.collect::<Map>().into()
        }
        Value::List(items) => {
            Arc::unwrap_or_clone(items).into_iter().map(|item| redact(item, names)).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn named_fields_are_replaced_at_any_depth() {
        let given = value!({"user": "a", "Password": "x", "inner": [{"token": {"deep": 1}}, "password"]});
        let names = ["password".to_owned(), "token".to_owned()];
        let expected = value!({"user": "a", "Password": MARK, "inner": [{"token": MARK}, "password"]});
        assert_eq!(redact(given.clone(), &names), expected);
        assert_eq!(redact(given.clone(), &[]), given);
    }
}
