//! Kailash's own form as types, for its JSON Schema.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};

use crate::{
    Text,
    exec::{BreakerPolicy, FailurePolicy, RetryPolicy},
    workflow::CycleDraft,
};

type Json = serde_json::Value;
type Open = BTreeMap<String, Json>;

/// The JSON Schema (draft 2020-12) of Kailash's own form.
#[must_use]
pub fn schema() -> Json {
    SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<Workflow>().to_value()
}

/// A workflow of Kailash.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its schema is used; documents are read by hand, to find every problem at once"
)]
struct Workflow {
    /// The version of this form, `major.minor` in quotes.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+$"))]
    format: String,
    /// The workflow's name.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// The author's own version of it.
    version: Option<String>,
    /// Who wrote it.
    author: Option<String>,
    /// Anything that tools keep beside it.
    metadata: Option<Open>,
    /// Default run parameters: `{node: {name: value}}`, or `{name: value}` for every node that declares the name.
    parameters: Option<Open>,
    /// What a failed node means for the rest of a run.
    on_failure: Option<FailurePolicy>,
    /// The longest time for a run, in milliseconds.
    timeout_ms: Option<u64>,
    /// The nodes: a map by id, or a list.
    nodes: Nodes,
    /// What leads where.
    connections: Option<Vec<Connection>>,
    /// Fields of other forms, kept for the way back.
    #[schemars(default)]
    extra: Open,
}

/// Nodes by id, or as a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Nodes {
    /// By id, in order.
    Map(BTreeMap<String, Node>),
    /// In order, each with its `id`.
    List(Vec<Node>),
}

/// A node.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Node {
    /// The id, where nodes are a list.
    id: Option<String>,
    /// The name of its type, such as `CSVReader`.
    #[schemars(rename = "type")]
    type_name: String,
    /// Its parameters.
    config: Option<Open>,
    /// Try again when it fails.
    retry: Option<RetryPolicy>,
    /// Stop calling it while it keeps failing.
    breaker: Option<BreakerPolicy>,
    /// The longest time for one attempt, in milliseconds.
    timeout_ms: Option<u64>,
    /// Where it stands on a canvas: `[x, y]`.
    position: Option<[f64; 2]>,
    /// Fields of other forms, kept for the way back.
    #[schemars(default)]
    extra: Open,
}

/// A connection.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Connection {
    /// The output it leaves, `node.output`, with a dot path into it: `read.data.rows.0`.
    from: From,
    /// The input it enters: `node.input`.
    to: To,
    /// Makes it lead back: its end is run again with what its start gave.
    cycle: Option<CycleForm>,
    /// Whether items flow over it one batch at a time instead of as one value.
    stream: Option<bool>,
    /// Fields of other forms, kept for the way back.
    #[schemars(default)]
    extra: Open,
}

/// An output.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum From {
    /// `node.output`.
    Text(String),
    /// For ids with dots.
    Parts(Output),
}

/// An output of a node whose id has dots.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Output {
    /// The node's id.
    node: String,
    /// The output, with a dot path into it.
    output: String,
}

/// An input.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum To {
    /// `node.input`.
    Text(String),
    /// For ids with dots.
    Parts(Input),
}

/// An input of a node whose id has dots.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Input {
    /// The node's id.
    node: String,
    /// The input.
    input: String,
}

/// What makes a cycle of a connection.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CycleForm {
    /// The most turns it may take.
    max_iterations: u32,
    /// The expression that ends it when it holds, such as `error < 0.01`.
    until: Option<Text>,
    /// The expression that ends it when it no longer holds.
    #[serde(rename = "while")]
    condition: Option<Text>,
    /// Connections with the same id close the same cycle.
    id: Option<Text>,
    /// The id of the cycle around it.
    parent: Option<Text>,
}

impl Default for CycleForm {
    fn default() -> Self {
        let CycleDraft { max_iterations, convergence: until, condition, id, parent } = CycleDraft::default();
        Self { max_iterations, until, condition, id, parent }
    }
}

impl std::convert::From<CycleForm> for CycleDraft {
    fn from(form: CycleForm) -> Self {
        let CycleForm { max_iterations, until: convergence, condition, id, parent } = form;
        Self { max_iterations, convergence, condition, id, parent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::form::Form, workflow::Dialect};

    fn properties(part: &Json) -> Vec<&str> {
        let mut names: Vec<_> = part["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    fn sorted(names: &'static [&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_schema_and_the_reader_know_the_same_fields() {
        let (schema, form) = (schema(), Form::of(Dialect::Own));
        assert_eq!(properties(&schema), sorted(form.top));
        assert_eq!(properties(&schema["$defs"]["Node"]), sorted(form.node));
        assert_eq!(properties(&schema["$defs"]["Connection"]), sorted(form.connection));
    }
}
