//! From a document to a workflow, or to the list of everything that is wrong with it.

use std::{collections::HashMap, sync::Arc};

use super::{Issue, Issues, cycles};
use crate::{
    Path, Registry, Text,
    expr::Expr,
    nearest,
    workflow::{ConnectionDraft, Cycle, CycleDraft, Document, Edge, Node, Workflow},
};

/// How many workflows, or cycles, may stand in each other.
const MAX_DEPTH: usize = 16;

/// The position of an id that two nodes have: what its connections mean cannot be checked.
const AMBIGUOUS: usize = usize::MAX;

/// Validates `document` against the types of `registry`. `depth` counts the workflows around it.
/// `fed` names inputs that get a value from outside, as (node, input).
pub(crate) fn validate(
    document: Document,
    registry: &Registry,
    depth: usize,
    fed: &[(Text, Text)],
) -> Result<Workflow, Issues> {
    if depth > MAX_DEPTH {
        let message = format!("workflows are nested more than {MAX_DEPTH} deep");
        return Err(Issues(vec![Issue::error("workflow.depth", message)]));
    }
    let mut check = Check {
        document: &document,
        issues: Vec::new(),
        positions: HashMap::new(),
        cycles: Vec::new(),
        cycle_positions: HashMap::new(),
    };
    let mut nodes = check.nodes(registry, depth);
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
    let edges = check.connections(&mut nodes);
    check.parents();
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
    /// Where each id is; [`AMBIGUOUS`] for one that two nodes have.
    positions: HashMap<&'d str, usize>,
    cycles: Vec<Cycle>,
    cycle_positions: HashMap<Text, usize>,
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
                    self.positions.insert(&draft.id, AMBIGUOUS);
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
        if draft.output.is_empty() || draft.input.is_empty() {
            let (end, what) =
                if draft.output.is_empty() { (&draft.from, "output") } else { (&draft.to, "input") };
            return Err(Issue::error("connection.form", format!("the end at `{end}` names no {what}"))
                .hint("an end is written `node.port`"));
        }
        let (from, to) = (self.end(&draft.from)?, self.end(&draft.to)?);
        let cycle = match &draft.cycle {
            Some(cycle) => Some(self.cycle(cycle, draft)?),
            None => None,
        };
        let there = |at: usize| nodes.get(at).is_some_and(Option::is_some);
        if !there(from) || !there(to) {
            return Ok(None);
        }
        let Some(source) = &nodes[from] else { return Ok(None) };
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
            let expr = source.as_deref().map(|source| Expr::compile(source).map(Arc::new)).transpose();
            expr.map_err(|error| Issue::from_error(&error))
        };
        let id = cycle.id.clone().unwrap_or_else(|| format!("{}->{}", draft.from, draft.to).into());
        let (convergence, condition) = (compile(&cycle.convergence)?, compile(&cycle.condition)?);
        let (max_iterations, parent) = (cycle.max_iterations, cycle.parent.clone());
        let next = self.cycles.len();
        let at = *self.cycle_positions.entry(id.clone()).or_insert(next);
        if at == next {
            self.cycles.push(Cycle { id, max_iterations, convergence, condition, parent });
            return Ok(at);
        }
        // Several connections close the same cycle: what one of them leaves open another may say.
        let known = &mut self.cycles[at];
        let differ = !agree(&mut known.convergence, convergence)
            || !agree(&mut known.condition, condition)
            || matches!((&known.parent, &parent), (Some(known), Some(other)) if known != other);
        known.parent = known.parent.take().or(parent);
        if differ {
            let message =
                format!("connections of the cycle `{id}` disagree on when it ends or what is around it");
            return Err(Issue::error("cycle.conflict", message)
                .hint("give the condition at one of them only, or the same at each"));
        }
        if known.max_iterations == CycleDraft::default().max_iterations {
            known.max_iterations = max_iterations;
        }
        Ok(at)
    }

    /// Checks what is around each cycle.
    fn parents(&mut self) {
        let positions = &self.cycle_positions;
        for cycle in &self.cycles {
            let mut around = cycle.parent.as_ref();
            if let Some(parent) = around.filter(|parent| !positions.contains_key(*parent)) {
                let message =
                    format!("cycle `{}` stands in `{parent}`, but there is no such cycle", cycle.id);
                let issue = Issue::error("cycle.parent.unknown", message).at("connections");
                let known = self.cycles.iter().map(|cycle| cycle.id.as_str());
                self.issues.push(match nearest(parent, known) {
                    Some(near) => issue.hint(format!("did you mean `{near}`?")),
                    None => issue.hint("parent_cycle is the cycle_id of the cycle around it"),
                });
            }
            let mut depth = 0;
            while let Some(at) = around.and_then(|parent| positions.get(parent))
                && depth <= MAX_DEPTH
            {
                depth += 1;
                around = self.cycles[*at].parent.as_ref();
            }
            if depth > MAX_DEPTH {
                let message =
                    format!("cycle `{}` stands in itself or in more than {MAX_DEPTH} others", cycle.id);
                self.issues.push(Issue::error("cycle.depth", message).at("connections"));
            }
        }
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

/// Whether two connections of a cycle say the same; the one that says nothing takes what the other says.
fn agree(known: &mut Option<Arc<Expr>>, other: Option<Arc<Expr>>) -> bool {
    match (known.as_ref(), other) {
        (_, None) => true,
        (Some(known), Some(other)) => known.source() == other.source(),
        (None, other) => {
            *known = other;
            true
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
