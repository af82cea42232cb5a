//! Input parameters that a config already gives, checked when the workflow is built instead of when it runs.

use kailash_core::{Result, Value, node::Setup};

/// Tries `parse` on the text that the config gives for input `name`, if it gives one.
pub(super) fn check<T>(setup: &Setup<'_>, name: &str, parse: impl FnOnce(&str) -> Result<T>) -> Result<()> {
    match setup.config.get(name).and_then(Value::as_str) {
        Some(text) => parse(text).map(drop).map_err(|error| error.at(name)),
        None => Ok(()),
    }
}
