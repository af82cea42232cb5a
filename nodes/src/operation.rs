//! What nodes share whose input `operation` says what they do.

use kailash_core::{
    Error, Result, Text, Value,
    node::{Inputs, Setup},
};

/// Checks the operation that the config names, if it names one.
pub(crate) fn check_configured<T>(setup: &Setup<'_>, parse: impl FnOnce(&str) -> Result<T>) -> Result<()> {
    match setup.config.get("operation").and_then(Value::as_str) {
        Some(name) => parse(name).map(drop).map_err(|error| error.at("operation")),
        None => Ok(()),
    }
}

/// There is no operation called `name`; `known` are all that there are.
pub(crate) fn unknown(code: &'static str, name: &str, known: &str) -> Error {
    Error::invalid(code, format!("unknown operation `{name}`")).with_hint(format!("one of: {known}"))
}

/// An operation lacks an input that it needs.
pub(crate) fn needs(code: &'static str, operation: &str, input: &str) -> Error {
    Error::missing(code, format!("operation `{operation}` needs `{input}`")).at(input.to_owned())
}

/// The text of an input that may be absent.
pub(crate) fn text(inputs: &mut Inputs, index: usize) -> Option<Text> {
    match inputs.take(index) {
        Some(Value::Str(text)) => Some(text),
        _ => None,
    }
}
