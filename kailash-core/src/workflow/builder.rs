//! Assembling a workflow in code.

use std::sync::Arc;

use super::{ConnectionDraft, CycleDraft, Document, NodeDraft, Workflow};
use crate::{
    Map, Registry, Text, Value,
    exec::{FailurePolicy, NodeOptions},
    validate::{Issues, Nesting, validate},
};

/// Assembles node types, named by string, into a workflow. Nothing is checked before [`WorkflowBuilder::build`], which
/// reports every problem at once.
///
/// ```
/// use kailash_core::{Registry, WorkflowBuilder, value};
///
/// let mut builder = WorkflowBuilder::new("report");
/// builder
///     .add_node("CSVReader", "read", value!({"file_path": "in.csv"}))
///     .add_node("Filter", "large", value!({"field": "value", "operator": ">", "value": 10}))
///     .connect("read.data", "large.data");
/// let issues = builder.build(&Registry::new()).unwrap_err();
/// assert_eq!(issues.errors().count(), 2, "an empty registry knows neither type");
/// ```
#[derive(Clone, Debug, Default)]
pub struct WorkflowBuilder {
    document: Arc<Document>,
    malformed: Vec<crate::validate::Issue>,
}

impl WorkflowBuilder {
    /// A workflow without nodes.
    #[must_use]
    pub fn new(name: impl Into<Text>) -> Self {
        let document = Document { name: name.into(), ..Document::default() };
        Self { document: Arc::new(document), malformed: Vec::new() }
    }

    /// The document to be changed: a copy if a workflow was built of it.
    fn draft(&mut self) -> &mut Document {
        Arc::make_mut(&mut self.document)
    }

    /// Adds a node of type `type_name`. `config` is a map, or null for none.
    pub fn add_node(
        &mut self,
        type_name: impl Into<Text>,
        id: impl Into<Text>,
        config: impl Into<Value>,
    ) -> &mut Self {
        let (type_name, id) = (type_name.into(), id.into());
        let config = match config.into() {
            Value::Null => Map::new(),
            other => other.into_map().unwrap_or_else(|other| {
                let message = format!("config of `{id}` must be a map, not {}", other.kind());
                let issue = crate::validate::Issue::error("config.invalid", message).in_config();
                self.malformed.push(issue.in_node(&id, &format!("nodes.{id}")));
                Map::new()
            }),
        };
        self.draft().nodes.push(NodeDraft { id, type_name, config, ..NodeDraft::default() });
        self
    }

    /// Says how the node added last is run.
    pub fn options(&mut self, options: NodeOptions) -> &mut Self {
        if let Some(node) = self.draft().nodes.last_mut() {
            node.options = options;
        }
        self
    }

    /// Leads output `output` (with a dot path into it) of node `from` to input `input` of node `to`.
    pub fn add_connection(
        &mut self,
        from: impl Into<Text>,
        output: impl Into<Text>,
        to: impl Into<Text>,
        input: impl Into<Text>,
    ) -> &mut Self {
        let (from, output, to, input) = (from.into(), output.into(), to.into(), input.into());
        self.draft().connections.push(ConnectionDraft {
            from,
            output,
            to,
            input,
            ..ConnectionDraft::default()
        });
        self
    }

    /// [`WorkflowBuilder::add_connection`] with both ends as `node.port`: `connect("read.data", "filter.data")`.
    pub fn connect(&mut self, from: &str, to: &str) -> &mut Self {
        // An end without a port is reported with all other problems, at its connection.
        let half = |end: &str| match end.split_once('.') {
            Some((node, port)) => (Text::from(node), Text::from(port)),
            None => (Text::from(end), Text::default()),
        };
        let ((from, output), (to, input)) = (half(from), half(to));
        self.add_connection(from, output, to, input)
    }

    /// Makes the connection added last lead back: its end is run again with what its start gave.
    pub fn cycle(&mut self, cycle: CycleDraft) -> &mut Self {
        if let Some(connection) = self.draft().connections.last_mut() {
            connection.cycle = Some(cycle);
        }
        self
    }

    /// Makes items flow over the connection added last, one batch at a time.
    pub fn stream(&mut self) -> &mut Self {
        if let Some(connection) = self.draft().connections.last_mut() {
            connection.stream = true;
        }
        self
    }

    /// Says what a failed node means for the rest of a run.
    pub fn on_failure(&mut self, policy: FailurePolicy) -> &mut Self {
        self.draft().on_failure = Some(policy);
        self
    }

    /// The document so far.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Validates against the types of `registry`.
    ///
    /// # Errors
    /// Every problem found.
    pub fn build(&self, registry: &Registry) -> Result<Workflow, Issues> {
        self.build_inner(registry, &Nesting::default(), &[])
    }

    /// Validates as a workflow that stands at `nesting`; `fed` names inputs, as (node, input), that get their value
    /// from the workflow around it, so that nodes with open inputs know them.
    ///
    /// # Errors
    /// Every problem found.
    pub fn build_inner(
        &self,
        registry: &Registry,
        nesting: &Nesting,
        fed: &[(Text, Text)],
    ) -> Result<Workflow, Issues> {
        let validated = validate(Arc::clone(&self.document), registry, nesting, fed);
        if self.malformed.is_empty() {
            return validated;
        }
        let mut issues = self.malformed.clone();
        issues.extend(validated.err().into_iter().flat_map(|found| found.0));
        Err(Issues(issues))
    }
}

impl From<Document> for WorkflowBuilder {
    fn from(document: Document) -> Self {
        Self { document: Arc::new(document), malformed: Vec::new() }
    }
}
