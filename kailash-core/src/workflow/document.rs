//! A workflow as its author wrote it: not validated, nothing lost.

use crate::{
    Map, Text, Value,
    exec::{FailurePolicy, NodeOptions},
};

/// The document form a workflow came from, and goes back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Kailash's own form, with a `format` version.
    #[default]
    Own,
    /// What the Kailash SDK for Python exports: `nodes` by id with `node_type`.
    Export,
    /// The builder form: nodes as `{id, type, config}`, a list or a map by id.
    Builder,
}

/// A workflow as its author wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// The form it came from.
    pub dialect: Dialect,
    /// Whether `nodes` is a list there, rather than a map by id.
    pub nodes_as_list: bool,
    /// The name.
    pub name: Text,
    /// Default run parameters: `{node: {name: value}}` or `{name: value}`.
    pub parameters: Map,
    /// What a failed node means for the rest of a run.
    pub on_failure: Option<FailurePolicy>,
    /// The longest time for a run, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The nodes, in order.
    pub nodes: Vec<NodeDraft>,
    /// The connections, in order.
    pub connections: Vec<ConnectionDraft>,
    /// What else the document says: description, version, author, metadata, and fields only its dialect knows.
    pub extra: Map,
}

/// A node as its author wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeDraft {
    /// The id, unique in the workflow.
    pub id: Text,
    /// The name of its type.
    pub type_name: Text,
    /// Its parameters.
    pub config: Map,
    /// How it is run.
    pub options: NodeOptions,
    /// What else the document says of it, such as its position on a canvas.
    pub extra: Map,
}

/// A connection as its author wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionDraft {
    /// The node it leaves.
    pub from: Text,
    /// The output, with a dot path into it: `result.rows.0`.
    pub output: Text,
    /// The node it enters.
    pub to: Text,
    /// The input.
    pub input: Text,
    /// Set on a connection that leads back.
    pub cycle: Option<CycleDraft>,
    /// Whether items flow over it one batch at a time instead of as one value.
    pub stream: bool,
    /// What else the document says of it.
    pub extra: Map,
}

/// What makes a cycle of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleDraft {
    /// The most turns it may take.
    pub max_iterations: u32,
    /// The expression that ends it when it holds.
    pub convergence: Option<Text>,
    /// The expression that ends it when it no longer holds.
    pub condition: Option<Text>,
    /// Connections with the same id close the same cycle.
    pub id: Option<Text>,
    /// The id of the cycle around it.
    pub parent: Option<Text>,
}

impl Default for CycleDraft {
    fn default() -> Self {
        Self { max_iterations: 100, convergence: None, condition: None, id: None, parent: None }
    }
}

impl CycleDraft {
    /// A cycle of at most `max_iterations` turns.
    #[must_use]
    pub fn new(max_iterations: u32) -> Self {
        Self { max_iterations, ..Self::default() }
    }

    /// The same cycle, which ends when `expression` holds over the outputs of the node it leaves.
    #[must_use]
    pub fn until(mut self, expression: &str) -> Self {
        self.convergence = Some(expression.into());
        self
    }
}

impl Document {
    /// Where node `index` stands in the document.
    #[must_use]
    pub fn node_place(&self, index: usize) -> String {
        match self.nodes.get(index) {
            Some(node) if !self.nodes_as_list => format!("nodes.{}", node.id),
            _ => format!("nodes[{index}]"),
        }
    }

    /// A piece of text that the document carries beside the workflow: `description`, `version`, `author`.
    #[must_use]
    pub fn note(&self, field: &str) -> Option<&str> {
        self.extra.get(field).and_then(Value::as_str)
    }
}
