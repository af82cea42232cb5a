//! The inputs of a node with open inputs, as names and values.

use kailash_core::{Map, Text, node::Inputs};

/// The inputs that are present, by name; run parameters beyond the connected names come last and replace nothing.
pub(crate) fn of(names: &[Text], inputs: &Inputs) -> Map {
    let mut variables = Map::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        if let Some(value) = inputs.get(index) {
            variables.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in inputs.extra() {
        if !variables.contains_key(name) {
            variables.insert(name.clone(), value.clone());
        }
    }
    variables
}
