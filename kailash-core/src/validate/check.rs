//! From a document to a workflow, or to the list of everything that is wrong with it.

use std::{collections::HashMap, sync::Arc};

use super::{Issue, Issues, Nesting, cycles};
use crate::{
    Registry, Text,
    workflow::{Cycle, Document, Edge, Node, Workflow},
};

/// The longest id of a node, in bytes.
pub(crate) const MAX_ID: usize = 256;

/// How many problems are told, so that a document that is nothing but wrong costs no more than one that is right.
const MAX_ISSUES: usize = 1000;

/// How many unknown names are compared with all known ones.
const MAX_SUGGESTIONS: u32 = 50;

/// The position of an id that two nodes have: what its connections mean cannot be checked.
const AMBIGUOUS: usize = usize::MAX;

/// Validates `document` against the types of `registry`. `nesting` is where it stands.
/// `fed` names inputs that get a value from outside, as (node, input).
pub(crate) fn validate(
    document: Arc<Document>,
    registry: &Registry,
    nesting: &Nesting,
    fed: &[(Text, Text)],
) -> Result<Workflow, Issues> {
    nesting.enter(document.nodes.len()).map_err(|issue| Issues(vec![issue]))?;
    let mut check = Check {
        document: &document,
        issues: Vec::new(),
        positions: HashMap::new(),
        cycles: Vec::new(),
        cycle_positions: HashMap::new(),
        suggestions: MAX_SUGGESTIONS,
    };
    let mut nodes = check.nodes(registry, nesting);
    for (id, input) in fed {
        let node = check.positions.get(id.as_str()).and_then(|at| nodes.get_mut(*at)?.as_mut());
        if let Some(node) = node.filter(|node| node.config.ports.open_inputs && !node.inputs.contains(input))
        {
            node.inputs.push(input.clone());
        }
    }
    if document.nodes.is_empty() {
        check.issues.push(Issue::error("workflow.empty", "the workflow has no nodes").at("nodes"));
    }
    if document.timeout_ms == Some(0) {
        let issue = Issue::error("timeout.zero", "timeout_ms is 0: the workflow could never run");
        check.issues.push(issue.at("timeout_ms"));
    }
    if nesting.depth() > 0 && (document.timeout_ms.is_some() || document.on_failure.is_some()) {
        let message =
            "an inner workflow has no time limit or failure policy of its own: those of the run count";
        check.issues.push(Issue::warning("workflow.inner.policy", message));
    }
    let edges = check.connections(&mut nodes);
    check.parents();
    for path in cycles::unmarked_cycles(nodes.len(), &edges) {
        check.issues.push(cycles::unmarked_issue(&path, &document).at("connections"));
    }
    check.doubly_fed(&nodes, &edges);
    let Check { mut issues, cycles, .. } = check;
    issues.sort_by_key(|issue| !issue.is_error());
    issues.truncate(MAX_ISSUES);
    if issues.iter().any(Issue::is_error) {
        return Err(Issues(issues));
    }
    let nodes = nodes.into_iter().flatten().collect();
    Ok(Workflow::new(document, nodes, edges, cycles, issues))
}

pub(super) struct Check<'d> {
    pub(super) document: &'d Document,
    pub(super) issues: Vec<Issue>,
    /// Where each id is; [`AMBIGUOUS`] for one that two nodes have.
    pub(super) positions: HashMap<&'d str, usize>,
    pub(super) cycles: Vec<Cycle>,
    pub(super) cycle_positions: HashMap<Text, usize>,
    /// How many more unknown ids are compared with the known ones.
    pub(super) suggestions: u32,
}

impl<'d> Check<'d> {
    /// Every node whose id, type and config are good, at its position.
    fn nodes(&mut self, registry: &Registry, nesting: &Nesting) -> Vec<Option<Node>> {
        let document = self.document;
        self.positions.reserve(document.nodes.len());
        (0..)
            .zip(&document.nodes)
            .map(|(index, draft)| {
                if draft.id.is_empty() || draft.id.len() > MAX_ID {
                    let message = format!("a node's id has 1 to {MAX_ID} bytes");
                    let issue = Issue::error("node.id.invalid", message);
                    self.issues.push(issue.at(document.node_place(index)));
                }
                if self.positions.insert(&draft.id, index).is_some() {
                    self.positions.insert(&draft.id, AMBIGUOUS);
                    let issue =
                        Issue::error("node.id.duplicate", format!("two nodes are called `{}`", draft.id));
                    self.issues.push(issue.in_node(&draft.id, &document.node_place(index)));
                }
                self.node(index, registry, nesting)
            })
            .collect()
    }

    fn node(&mut self, index: usize, registry: &Registry, nesting: &Nesting) -> Option<Node> {
        let draft = &self.document.nodes[index];
        let place = || self.document.node_place(index);
        let registered = match registry.get(&draft.type_name) {
            Ok(registered) => registered,
            Err(error) => {
                self.issues.push(Issue::from_error(&error).at("type").in_node(&draft.id, &place()));
                return None;
            }
        };
        if let Err(error) = draft.options.validate() {
            self.issues.push(Issue::from_error(&error).in_node(&draft.id, &place()));
        }
        match registered.configure(&draft.config, registry, nesting) {
            Ok(mut config) => {
                let warnings = std::mem::take(&mut config.warnings);
                self.issues.extend(warnings.into_iter().map(|issue| issue.in_node(&draft.id, &place())));
                let inputs = config.ports.inputs.iter().map(|input| input.name.clone()).collect();
                let (registered, options) = (Arc::clone(registered), draft.options.clone());
                Some(Node { id: draft.id.clone(), registered, config, options, inputs })
            }
            Err(issues) => {
                self.issues.extend(issues.into_iter().map(|issue| issue.in_node(&draft.id, &place())));
                None
            }
        }
    }

    /// Warns of inputs that several connections feed: right for branches that exclude each other, else a slip.
    fn doubly_fed(&mut self, nodes: &[Option<Node>], edges: &[Edge]) {
        let mut inputs = 0;
        let first_input: Vec<usize> = nodes
            .iter()
            .map(|node| {
                let first = inputs;
                inputs += node.as_ref().map_or(0, |node| node.inputs.len());
                first
            })
            .collect();
        // For each input the connections that lead forward, and those that lead back.
        let mut feeds = vec![[0_u32; 2]; inputs];
        for edge in edges {
            let count = &mut feeds[first_input[edge.to] + edge.input][usize::from(edge.cycle.is_some())];
            *count += 1;
            if *count == 2 && !edge.stream {
                let Some(node) = &nodes[edge.to] else { continue };
                let message = format!(
                    "input `{}` has several connections; the last one alive wins",
                    node.inputs[edge.input]
                );
                let issue = Issue::warning("connection.several", message);
                self.issues.push(issue.in_node(&node.id, &self.document.node_place(edge.to)));
            }
        }
    }
}
