//! Connections: both ends found, kinds that fit, cycles that can end.

use std::sync::Arc;

use super::{Issue, check::Check, nesting::MAX_DEPTH};
use crate::{
    Path, Text,
    expr::Expr,
    nearest,
    workflow::{ConnectionDraft, Cycle, CycleDraft, Edge, Node},
};

impl Check<'_> {
    /// The edges of the connections that are sound.
    pub(super) fn connections(&mut self, nodes: &mut [Option<Node>]) -> Vec<Edge> {
        let document = self.document;
        let mut edges = Vec::with_capacity(document.connections.len());
        for (index, draft) in document.connections.iter().enumerate() {
            self.unenforced(index, draft);
            match self.edge(draft, nodes) {
                Ok(Some(edge)) => edges.push(edge),
                Ok(None) => {}
                Err(found) => {
                    let place = format!("connections[{index}]");
                    self.issues.extend(found.into_iter().map(|issue| issue.at(place.clone())));
                }
            }
        }
        edges
    }

    /// Warns of limits that an export sets on a cycle and that only the run as a whole has here.
    fn unenforced(&mut self, index: usize, draft: &ConnectionDraft) {
        if draft.cycle.is_none() {
            return;
        }
        for field in ["timeout", "memory_limit"] {
            if draft.extra.get(field).is_some_and(|limit| !limit.is_null()) {
                let message = format!("`{field}` of a cycle is kept, but not enforced");
                let issue =
                    Issue::warning("cycle.limit", message).at(format!("connections[{index}].{field}"));
                self.issues.push(issue.hint("`max_iterations` and the time limit of the run end it"));
            }
        }
    }

    /// The edge of `draft`; none if one of its nodes has problems of its own.
    fn edge(
        &mut self,
        draft: &ConnectionDraft,
        nodes: &mut [Option<Node>],
    ) -> Result<Option<Edge>, Vec<Issue>> {
        if draft.output.is_empty() || draft.input.is_empty() {
            let (end, what) =
                if draft.output.is_empty() { (&draft.from, "output") } else { (&draft.to, "input") };
            let issue = Issue::error("connection.form", format!("the end at `{end}` names no {what}"));
            return Err(vec![issue.hint("an end is written `node.port`")]);
        }
        // Both ends and the cycle are looked at before giving up, so that all three are told.
        let ends = (self.end(&draft.from), self.end(&draft.to));
        let cycle = draft.cycle.as_ref().map(|cycle| self.cycle(cycle, draft)).transpose();
        let (from, to, cycle) = match (ends, cycle) {
            ((Ok(from), Ok(to)), Ok(cycle)) => (from, to, cycle),
            ((from, to), cycle) => {
                return Err([from.err(), to.err(), cycle.err()].into_iter().flatten().collect());
            }
        };
        let there = |at: usize| nodes.get(at).is_some_and(Option::is_some);
        if !there(from) || !there(to) {
            return Ok(None);
        }
        let left = nodes[from].as_ref().map(|source| output(source, draft));
        let entered = nodes[to].as_mut().map(|target| input(target, draft));
        let (output, path, input) = match (left, entered) {
            (Some(Ok((output, path))), Some(Ok(input))) => (output, path, input),
            (left, entered) => {
                let left = left.and_then(Result::err);
                return Err(left.into_iter().chain(entered.and_then(Result::err)).collect());
            }
        };
        let (Some(source), Some(target)) = (&nodes[from], &nodes[to]) else { return Ok(None) };
        fits(source, output, path.is_some(), target, input, draft).map_err(|issue| vec![issue])?;
        Ok(Some(Edge { from, output, path, to, input, cycle, stream: draft.stream }))
    }

    fn end(&mut self, id: &str) -> Result<usize, Issue> {
        self.positions.get(id).copied().ok_or_else(|| {
            let issue = Issue::error("connection.node.unknown", format!("there is no node `{id}`"));
            self.suggestions = self.suggestions.saturating_sub(1);
            if self.suggestions == 0 {
                return issue;
            }
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
        let unsaid = CycleDraft::default().max_iterations;
        if known.max_iterations == unsaid {
            known.max_iterations = max_iterations;
        } else if ![unsaid, known.max_iterations].contains(&max_iterations) {
            let message = format!(
                "connections of the cycle `{id}` disagree: max_iterations is {} and {max_iterations}",
                known.max_iterations
            );
            return Err(Issue::error("cycle.conflict", message).hint("give it at one of them only"));
        }
        Ok(at)
    }

    /// Checks what is around each cycle.
    pub(super) fn parents(&mut self) {
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
}

/// Checks that what leaves output `output` of `source` may enter input `input` of `target`.
fn fits(
    source: &Node,
    output: usize,
    path: bool,
    target: &Node,
    input: usize,
    draft: &ConnectionDraft,
) -> Result<(), Issue> {
    let leaves = &source.config.ports.outputs[output];
    let enters = target.config.ports.inputs.get(input);
    if !draft.stream {
        return match enters {
            Some(enters) if !path && !enters.kind.accepts_kind(leaves.kind) => {
                let (from, to) = (&draft.from, &draft.to);
                let (given, wanted) = (leaves.kind, enters.kind);
                let message = format!(
                    "`{from}.{}` gives {given}, but `{to}.{}` wants {wanted}",
                    draft.output, draft.input
                );
                Err(Issue::error("connection.kind", message))
            }
            _ => Ok(()),
        };
    }
    let refused = |message: String| Err(Issue::error("connection.stream", message));
    if path || draft.cycle.is_some() {
        return refused("a stream connection has no dot path and no cycle".to_owned());
    }
    let dumb = match enters {
        _ if !leaves.streams => Some((&draft.from, &draft.output)),
        Some(enters) if !enters.streams => Some((&draft.to, &draft.input)),
        _ => None,
    };
    match dumb {
        None => Ok(()),
        Some((node, port)) => refused(format!("`{node}.{port}` does not stream"))
            .map_err(|issue| issue.hint("`kailash nodes NAME` shows which ports stream")),
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
