//! The part of an item that a node works on: a field by name or dot path, or the item itself.

use kailash_core::{Error, Path, Result, Value, expr::Expr, node::Inputs};

/// How many items are worked on between two looks at whether to go on.
pub(super) const CHECK_EVERY: usize = 4096;

/// A field of an item: `name`, or a dot path such as `address.city`. A field called just like the path goes first.
#[derive(Clone, Debug)]
pub(super) struct Field {
    name: String,
    path: Option<Path>,
}

impl Field {
    /// The field called `name`.
    pub(super) fn new(name: &str) -> Self {
        let path = name.contains('.').then(|| Path::new(name.split('.')));
        Self { name: name.to_owned(), path }
    }

    /// The field named by input `index`; `None` if that is absent or empty.
    pub(super) fn of_input(inputs: &Inputs, index: usize) -> Option<Self> {
        inputs.get(index).and_then(Value::as_str).filter(|name| !name.is_empty()).map(Self::new)
    }

    /// The name as it was given.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of the field in `item`; `None` if it is missing or the item is no map.
    pub(super) fn of(&self, item: &Value) -> Option<Value> {
        match (item.as_map()?.get(&self.name), &self.path) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(path)) => path.resolve(item).ok(),
            (None, None) => None,
        }
    }
}

/// Evaluates `expr` for an item: the names in it are the item's keys, and `item` is the item as a whole.
pub(super) fn eval(expr: &Expr, item: &Value, index: usize) -> Result<Value> {
    let mut names = item.as_map().cloned().unwrap_or_default();
    names.insert("item", item.clone());
    expr.eval(names).map_err(|error| at_item(error, index))
}

/// The error at the item at position `index`.
pub(super) fn at_item(error: Error, index: usize) -> Error {
    error.at(format!("item {index}"))
}
