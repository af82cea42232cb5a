//! Run parameters: values for inputs that come with a run.

use indexmap::IndexMap;

use crate::{Map, Text, Value};

/// Values for the inputs of one run: for one node by name, or for every node that declares the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    nodes: IndexMap<Text, Map>,
    everywhere: Map,
}

impl Params {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sorts a document's or request's parameters: a map under a name for which `is_node` holds is that node's,
    /// anything else goes to every node that declares the name.
    #[must_use]
    pub fn from_map(map: Map, is_node: impl Fn(&str) -> bool) -> Self {
        let mut params = Self::new();
        for (name, value) in map {
            match value {
                Value::Map(inner) if is_node(&name) => {
                    for (input, value) in inner.iter() {
                        params.set(name.clone(), input.clone(), value.clone());
                    }
                }
                other => params.set_everywhere(name, other),
            }
        }
        params
    }

    /// Gives `node`'s input `name` a value; a later value replaces an earlier one.
    pub fn set(&mut self, node: impl Into<Text>, name: impl Into<Text>, value: impl Into<Value>) {
        self.nodes.entry(node.into()).or_default().insert(name, value);
    }

    /// Gives every node's input `name` a value, unless the node has one of its own.
    pub fn set_everywhere(&mut self, name: impl Into<Text>, value: impl Into<Value>) {
        self.everywhere.insert(name, value);
    }

    /// [`Params::set`] that returns the parameters, for chains.
    #[must_use]
    pub fn with(mut self, node: impl Into<Text>, name: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.set(node, name, value);
        self
    }

    /// The same parameters with those of `over` on top.
    #[must_use]
    pub fn overlaid(mut self, over: Params) -> Self {
        for (node, inputs) in over.nodes {
            for (name, value) in inputs {
                self.set(node.clone(), name, value);
            }
        }
        self.everywhere.extend(over.everywhere);
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.everywhere.is_empty()
    }

    /// The parameters of single nodes.
    pub fn nodes(&self) -> impl Iterator<Item = (&Text, &Map)> {
        self.nodes.iter()
    }

    /// The parameters of node `id`.
    #[must_use]
    pub fn of_node(&self, id: &str) -> Option<&Map> {
        self.nodes.get(id)
    }

    /// The parameters for every node that declares the name.
    #[must_use]
    pub fn everywhere(&self) -> &Map {
        &self.everywhere
    }
}
