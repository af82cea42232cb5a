//! The outputs of an operation, by name.

use kailash_core::{Value, node::Outputs};

/// The names of the outputs, in their order.
pub(super) const OUTPUTS: [&str; 21] = [
    "success",
    "key",
    "value",
    "exists",
    "metadata",
    "state",
    "old_value",
    "new_value",
    "version",
    "deleted",
    "list_size",
    "appended_value",
    "lock_name",
    "timeout_ms",
    "holder",
    "token",
    "released",
    "served_by",
    "redirect",
    "primary_edge",
    "message",
];

/// The outputs by name; those that are not there stay without a value.
pub(super) struct Told(Vec<(&'static str, Value)>);

impl Told {
    /// Of what was done.
    pub(super) fn done(rest: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self([("success", true.into())].into_iter().chain(rest).collect())
    }

    /// Of what was not done.
    pub(super) fn failed(rest: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self([("success", false.into())].into_iter().chain(rest).collect())
    }

    /// In the order of the spec.
    pub(super) fn outputs(self) -> Outputs {
        let mut outputs = Outputs::none(OUTPUTS.len());
        for (name, value) in self.0 {
            if let Some(at) = OUTPUTS.iter().position(|output| *output == name) {
                outputs.set(at, value);
            }
        }
        outputs
    }
}
