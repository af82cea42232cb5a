//! Reading single fields, with their problems noted.

use serde::de::DeserializeOwned;

use super::findings::{At, Findings};
use crate::{Map, Text, Value, from_value, nearest, validate::Issue};

/// Text; anything else is noted.
pub(super) fn text(value: Value, at: At<'_>, field: &str, findings: &mut Findings) -> Option<Text> {
    match value {
        Value::Str(text) => Some(text),
        other => {
            findings.shape(at, field, "text", &other);
            None
        }
    }
}

/// A whole number from 0; anything else is noted.
pub(super) fn whole(value: &Value, at: At<'_>, field: &str, findings: &mut Findings) -> Option<u64> {
    let number = value.as_u64();
    if number.is_none() {
        findings.shape(at, field, "a whole number from 0", value);
    }
    number
}

/// A map, and nothing for null; anything else is noted.
pub(super) fn map(value: Value, at: At<'_>, field: &str, findings: &mut Findings) -> Map {
    match value.into_map() {
        Ok(map) => map,
        Err(Value::Null) => Map::new(),
        Err(other) => {
            findings.shape(at, field, "a map", &other);
            Map::new()
        }
    }
}

/// Data of a typed struct; what does not fit is noted.
pub(super) fn data<T: DeserializeOwned>(
    value: &Value,
    at: At<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<T> {
    if matches!(value, Value::List(_)) {
        findings.shape(at, field, "a map", value);
        return None;
    }
    let error = match from_value(value) {
        Ok(data) => return Some(data),
        Err(error) => error,
    };
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let issue = match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(unknown)) => {
            let issue = Issue::error("document.field.unknown", format!("unknown field `{unknown}`"));
            match nearest(unknown, quoted) {
                Some(near) => issue.hint(format!("did you mean `{near}`?")),
                None => issue,
            }
        }
        _ if message.starts_with("missing field") => Issue::error("document.field.missing", message),
        _ => Issue::error("document.shape", message),
    };
    findings.push(
        at,
        field,
        match error.place() {
            Some(place) => issue.at(place),
            None => issue,
        },
    );
    None
}

/// What a spelling of an optional struct means; `None` if it means nothing.
pub(super) fn meaning<T: DeserializeOwned>(spelt: &Value) -> Option<Option<T>> {
    if spelt.as_list().is_some() { None } else { from_value(spelt).ok() }
}

/// Whether `value` is null or an empty map.
pub(super) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_map().is_some_and(Map::is_empty)
}

/// Whether `value` is a place on a canvas: `[x, y]`.
pub(super) fn is_position(value: &Value) -> bool {
    value.as_list().is_some_and(|items| items.len() == 2 && items.iter().all(|item| item.as_f64().is_some()))
}
