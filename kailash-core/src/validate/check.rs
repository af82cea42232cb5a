//! From a document to a workflow, or to the list of everything that is wrong with it.

use std::{collections::HashMap, sync::Arc};

use super::{Issue, Issues, cycles};
use crate::{
    Path, Registry, Text,
    expr::Expr,
    nearest,
    workflow::{ConnectionDraft, Cycle, CycleDraft, Document, Edge, Node, Workflow},
};

/// How many workflows may stand in each other.
const MAX_DEPTH: usize = 16;

/// Validates `document` against the types of `registry`. `depth` counts the workflows around it.
pub(crate) fn validate(document: Document, registry: &Registry, depth: usize) -> Result<Workflow, Issues> {
    if depth > MAX_DEPTH {
        let message = format!("workflows are nested more than {MAX_DEPTH} deep");
        return Err(Issues(vec![Issue::error("workflow.depth", message)]));
    }
    let mut check =
        Check { document: &document, issues: Vec::new(), positions: HashMap::new(), cycles: Vec::new() };
    let mut nodes = check.nodes(registry, depth);
    if document.nodes.is_empty() {
        check.issues.push(Issue::error("workflow.empty", "the workflow has no nodes").at("nodes"));
    }
    let edges = if check.issues.iter().any(|issue| issue.code.starts_with("node.id")) {
        Vec::new()
    } else {
        check.connections(&mut nodes)
    };
    let nodes: Vec<Node> = nodes.into_iter().flatten().collect();
    if nodes.len() == document.nodes.len() {
        if let Some(path) = cycles::unmarked_cycle(nodes.len(), &edges) {
            check.issues.push(cycles::unmarked_issue(&path, &nodes).at("connections"));
        }
        check.doubly_fed(&nodes, &edges);
    }
    let Check { issues, cycles, .. } = check;
    if issues.iter().any(Issue::is_error) {
        return Err(Issues(issues));
    }
    Ok(Workflow::new(document, nodes, edges, cycles, issues))
}

struct Check<'d> {
    document: &'d Document,
    issues: Vec<Issue>,
    positions: HashMap<&'d str, usize>,
    cycles: Vec<Cycle>,
}

impl<'d> Check<'d> {
    /// Every node whose id, type and config are good, at its position.
    fn nodes(&mut self, registry: &Registry, depth: usize) -> Vec<Option<Node>> {
        let document = self.document;
        self.positions.reserve(document.nodes.len());
        (0..)
            .zip(&document.nodes)
            .map(|(index, draft)| {
                if draft.id.is_empty() || draft.id.len() > 256 {
                    let issue = Issue::error("node.id.invalid", "a node's id has 1 to 256 bytes");
                    self.issues.push(issue.at(document.node_place(index)));
                }
                if self.positions.insert(&draft.id, index).is_some() {
                    let issue =
                        Issue::error("node.id.duplicate", format!("two nodes are called `{}`", draft.id));
                    self.issues.push(issue.in_node(&draft.id, &document.node_place(index)));
                }
                self.node(index, registry, depth)
            })
            .collect()
    }

    fn node(&mut self, index: usize, registry: &Registry, depth: usize) -> Option<Node> {
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
        match registered.configure(&draft.config, registry, depth) {
            Ok(config) => {
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

    fn connections(&mut self, nodes: &mut [Option<Node>]) -> Vec<Edge> {
        let document = self.document;
        let mut edges = Vec::with_capacity(document.connections.len());
        for (index, draft) in document.connections.iter().enumerate() {
            match self.edge(draft, nodes) {
                Ok(Some(edge)) => edges.push(edge),
                Ok(None) => {}
                Err(issue) => self.issues.push(issue.at(format!("connections[{index}]"))),
            }
        }
        edges
    }

    /// The edge of `draft`; none if one of its ends has problems of its own.
    fn edge(&mut self, draft: &ConnectionDraft, nodes: &mut [Option<Node>]) -> Result<Option<Edge>, Issue> {
        let (from, to) = (self.end(&draft.from)?, self.end(&draft.to)?);
        let cycle = match &draft.cycle {
            Some(cycle) => Some(self.cycle(cycle, draft)?),
            None => None,
        };
        let (Some(source), Some(_)) = (&nodes[from], &nodes[to]) else { return Ok(None) };
        let (output, path) = output(source, draft)?;
        let given = source.config.ports.outputs[output].kind;
        let source_streams = source.config.ports.outputs[output].streams;
        let Some(target) = &mut nodes[to] else { return Ok(None) };
        let input = input(target, draft)?;
        if let Some(declared) = target.config.ports.inputs.get(input) {
            if path.is_none() && !draft.stream && !declared.kind.accepts_kind(given) {
                let message = format!(
                    "`{}.{}` gives {given}, but `{}.{}` wants {}",
                    draft.from, draft.output, draft.to, draft.input, declared.kind
                );
                return Err(Issue::error("connection.kind", message));
            }
            if draft.stream && !(source_streams && declared.streams) {
                let (node, port) =
                    if source_streams { (&draft.to, &draft.input) } else { (&draft.from, &draft.output) };
                let message = format!("`{node}.{port}` does not stream");
                return Err(Issue::error("connection.stream", message)
                    .hint("`kailash nodes NAME` shows which ports stream"));
            }
        }
        if draft.stream && (path.is_some() || cycle.is_some()) {
            return Err(Issue::error(
                "connection.stream",
                "a stream connection has no dot path and no cycle",
            ));
        }
        Ok(Some(Edge { from, output, path, to, input, cycle, stream: draft.stream }))
    }

    fn end(&self, id: &str) -> Result<usize, Issue> {
        self.positions.get(id).copied().ok_or_else(|| {
            let issue = Issue::error("connection.node.unknown", format!("there is no node `{id}`"));
            match nearest(id, self.positions.keys().copied()) {
                Some(near) => issue.hint(format!("did you mean `{near}`?")),
                None => issue,
            }
        })
    }

    /// The position of the cycle that `draft` closes.
    fn cycle(&mut self, cycle: &CycleDraft, draft: &ConnectionDraft) -> Result<usize, Issue> {
        if cycle.max_iterations == 0 {
            return Err(Issue::error(
                "cycle.max_iterations",
                "max_iterations is 0: the cycle could never turn",
            ));
        }
        let compile = |source: &Option<Text>| {
            let expr = source.as_deref().map(Expr::compile).transpose();
            expr.map_err(|error| Issue::from_error(&error))
        };
        let id = cycle.id.clone().unwrap_or_else(|| format!("{}->{}", draft.from, draft.to).into());
        if let Some(known) = self.cycles.iter().position(|known| known.id == id) {
            return Ok(known);
        }
        self.cycles.push(Cycle {
            id,
            max_iterations: cycle.max_iterations,
            convergence: compile(&cycle.convergence)?,
            condition: compile(&cycle.condition)?,
            parent: cycle.parent.clone(),
        });
        Ok(self.cycles.len() - 1)
    }

    /// Warns of inputs that several connections feed: right for branches that exclude each other, else a slip.
    fn doubly_fed(&mut self, nodes: &[Node], edges: &[Edge]) {
        let mut feeds: HashMap<(usize, usize, bool), u32> = HashMap::with_capacity(edges.len());
        for edge in edges {
            let count = feeds.entry((edge.to, edge.input, edge.cycle.is_some())).or_default();
            *count += 1;
            if *count == 2 && !edge.stream {
                let node = &nodes[edge.to];
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

/// The output that a connection leaves, and the way into it. A name with dots that is declared as such wins.
fn output(source: &Node, draft: &ConnectionDraft) -> Result<(usize, Option<Path>), Issue> {
    let ports = &source.config.ports;
    if let Some(output) = ports.output(&draft.output) {
        return Ok((output, None));
    }
    if let Some((name, path)) = draft.output.split_once('.')
        && let Some(output) = ports.output(name)
    {
        return Ok((output, Some(Path::new(path.split('.')))));
    }
    let names: Vec<&str> = ports.outputs.iter().map(|output| output.name.as_str()).collect();
    let message = format!("`{}` has no output `{}`", draft.from, draft.output);
    Err(Issue::error("connection.output.unknown", message).hint(format!("it has: {}", names.join(", "))))
}

fn input(target: &mut Node, draft: &ConnectionDraft) -> Result<usize, Issue> {
    if let Some(input) = target.inputs.iter().position(|name| *name == draft.input) {
        return Ok(input);
    }
    if target.config.ports.open_inputs && !draft.input.is_empty() {
        target.inputs.push(draft.input.clone());
        return Ok(target.inputs.len() - 1);
    }
    let names: Vec<&str> = target.config.ports.inputs.iter().map(|input| input.name.as_str()).collect();
    let schema = target.registered.schema();
    if schema["properties"].get(draft.input.as_str()).is_some() {
        let message = format!("`{}` of `{}` is read when the workflow is built", draft.input, draft.to);
        return Err(Issue::error("connection.input.static", message)
            .hint(format!("set it in the config; inputs are: {}", names.join(", "))));
    }
    let issue =
        Issue::error("connection.input.unknown", format!("`{}` has no input `{}`", draft.to, draft.input));
    Err(match nearest(&draft.input, names.iter().copied()) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue.hint(format!("it has: {}", names.join(", "))),
    })
}
