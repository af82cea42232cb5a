//! The workflow inside a Workflow or ForEach node: read, validated, and joined to the ports of the node.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::Read,
};

use kailash_core::{
    Error, Kind, Path, Text, Value, Workflow, WorkflowBuilder,
    format::{self, Syntax},
    nearest,
    node::{Effect, Feed, Input, Setup, Tap},
    validate::{Issue, Issues},
    workflow::{Document, Node, Params},
};

use super::mapping::End;

/// An input of the outer node with the inner inputs that get its value.
pub(super) struct Mapped {
    pub(super) name: Text,
    pub(super) ends: Vec<End>,
}

/// Reads the inner document from the config or a file; problems go to `setup`.
pub(super) fn document(
    inline: Option<&Value>,
    file: Option<&str>,
    setup: &mut Setup<'_>,
) -> Option<Document> {
    let read = match (inline, file) {
        (Some(inline), None) => format::document_of(inline),
        (None, Some(file)) => read_file(file),
        _ => {
            let message = "exactly one of `workflow` and `workflow_file` is needed";
            setup.issues.push(Issue::error("workflow.source", message).in_config());
            return None;
        }
    };
    read.map_err(|issues| report(issues.0, file, setup)).ok()
}

fn read_file(path: &str) -> Result<Document, Issues> {
    let failed = |error| Error::io(path.as_ref(), error);
    let mut text = String::new();
    // One byte more than is allowed, whatever length the file claims to have.
    let most = format::MAX_TEXT as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)).map_err(failed)?;
    format::read(&text, Syntax::of_path(path.as_ref()))
}

/// Validates the inner document, where `fed` get their value from outside; problems and warnings go to `setup`. `file`
/// is where it was read from.
pub(super) fn workflow(
    document: Document,
    fed: &[End],
    file: Option<&str>,
    setup: &mut Setup<'_>,
) -> Option<Workflow> {
    let built = WorkflowBuilder::from(document).build_inner(setup.registry, &setup.nesting.inner(), fed);
    match built {
        Ok(workflow) => {
            report(workflow.warnings().to_vec(), file, setup);
            setup.effect = effect(&workflow);
            Some(workflow)
        }
        Err(issues) => {
            report(issues.0, file, setup);
            None
        }
    }
}

/// Hands problems of the inner workflow on as problems of the node around it. A place in a file of its own is no place
/// in the document around: the message tells it.
fn report(issues: Vec<Issue>, file: Option<&str>, setup: &mut Setup<'_>) {
    for mut issue in issues {
        if let Some(node) = issue.node.take() {
            issue.message = format!("inner node `{node}`: {}", issue.message);
        }
        issue.place = Some(match (file, issue.place) {
            (Some(file), inner) => {
                let inner = inner.map(|inner| format!(" {inner}")).unwrap_or_default();
                issue.message = format!("{file}{inner}: {}", issue.message);
                "config.workflow_file".to_owned()
            }
            (None, Some(inner)) => format!("config.workflow.{inner}"),
            (None, None) => "config.workflow".to_owned(),
        });
        setup.issues.push(issue);
    }
}

/// The strongest effect of the workflow's nodes.
pub(super) fn effect(workflow: &Workflow) -> Effect {
    let has = |effect| workflow.nodes().iter().any(|node| node.config.effect == effect);
    if has(Effect::Effectful) {
        Effect::Effectful
    } else if has(Effect::Idempotent) {
        Effect::Idempotent
    } else {
        Effect::Pure
    }
}

/// The inner workflow, with what is asked of it for each of its inputs.
pub(super) struct Inside<'w> {
    workflow: &'w Workflow,
    positions: HashMap<&'w str, usize>,
    parameters: Params,
    /// Inputs, as (node, input), that a connection leading forward feeds.
    connected: HashSet<(usize, usize)>,
    /// Inputs that a connection leading back feeds.
    fed_back: HashSet<(usize, usize)>,
    /// Nodes that another one follows.
    followed: HashSet<usize>,
}

impl<'w> Inside<'w> {
    pub(super) fn new(workflow: &'w Workflow) -> Self {
        let positions: HashMap<&str, usize> =
            workflow.nodes().iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let given = workflow.document().parameters.clone();
        let parameters = Params::from_map(given, |name| positions.contains_key(name));
        let (forward, back): (Vec<_>, Vec<_>) =
            workflow.edges().iter().partition(|edge| edge.cycle.is_none());
        Self {
            workflow,
            positions,
            parameters,
            connected: forward.iter().map(|edge| (edge.to, edge.input)).collect(),
            fed_back: back.iter().map(|edge| (edge.to, edge.input)).collect(),
            followed: forward.iter().map(|edge| edge.from).collect(),
        }
    }

    /// Whether the input cannot do without a value from outside.
    pub(super) fn wanting(&self, at: usize, input: usize) -> bool {
        let node = &self.workflow.nodes()[at];
        let Some(declared) = node.config.ports.inputs.get(input) else { return false };
        let of_node = self.parameters.of_node(&node.id).and_then(|given| given.get(&declared.name));
        declared.required
            && declared.default.is_none()
            && node.config.inputs[input].is_none()
            && of_node.or_else(|| self.parameters.everywhere().get(&declared.name)).is_none()
            && ![&self.connected, &self.fed_back].iter().any(|fed| fed.contains(&(at, input)))
    }

    fn node(&self, id: &str, place: &str, setup: &mut Setup<'_>) -> Option<(usize, &'w Node)> {
        let at = self.positions.get(id).copied();
        if at.is_none() {
            let message = format!("the inner workflow has no node `{id}`");
            let known = self.workflow.nodes().iter().map(|node| node.id.as_str());
            setup
                .issues
                .push(with_nearest(Issue::error("workflow.node.unknown", message), id, known).at(place));
        }
        at.map(|at| (at, &self.workflow.nodes()[at]))
    }
}

/// Every inner input without a connection, as an outer input called `{node}_{input}`.
pub(super) fn all_inputs(inside: &Inside<'_>) -> Vec<Mapped> {
    let mut mapped = Vec::new();
    for (at, node) in inside.workflow.nodes().iter().enumerate() {
        for (index, name) in node.inputs.iter().enumerate() {
            if !inside.connected.contains(&(at, index)) {
                let outer = format!("{}_{name}", node.id).into();
                mapped.push(Mapped { name: outer, ends: vec![(node.id.clone(), name.clone())] });
            }
        }
    }
    mapped
}

/// The outer input of `mapped`, and what it feeds from position `outer`. An end that does not exist is a problem at
/// `place`.
pub(super) fn input(
    inside: &Inside<'_>,
    mapped: &Mapped,
    outer: usize,
    place: &str,
    setup: &mut Setup<'_>,
) -> (Input, Vec<Feed>) {
    let (mut port, mut feeds) = (None, Vec::with_capacity(mapped.ends.len()));
    for (id, name) in &mapped.ends {
        let Some((at, node)) = inside.node(id, place, setup) else { continue };
        let Some(index) = node.inputs.iter().position(|input| input == name) else {
            let known = node.inputs.iter().map(Text::as_str);
            let issue =
                Issue::error("workflow.input.unknown", format!("inner node `{id}` has no input `{name}`"));
            setup.issues.push(with_nearest(issue, name, known).at(place));
            continue;
        };
        if inside.connected.contains(&(at, index)) {
            let message = format!("input `{name}` of inner node `{id}` has a connection already");
            setup.issues.push(Issue::error("workflow.input.connected", message).at(place));
        }
        feeds.push(Feed { outer, node: id.clone(), input: name.clone() });
        let required = inside.wanting(at, index);
        let declared = node.config.ports.inputs.get(index);
        let port = port.get_or_insert_with(|| match declared {
            Some(declared) => Input { default: None, streams: false, required, ..declared.clone() },
            None => Input::optional(&mapped.name, Kind::Any, "a variable of the inner node"),
        });
        port.required |= required;
    }
    let mut port = port.unwrap_or_else(|| Input::optional(&mapped.name, Kind::Any, ""));
    port.name = mapped.name.clone();
    (port, feeds)
}

/// Reports inner inputs that must have a value and that neither `feeds` nor anything inside gives one.
pub(super) fn check_fed(inside: &Inside<'_>, feeds: &[Feed], setup: &mut Setup<'_>) {
    let fed: HashSet<_> = feeds.iter().map(|feed| (feed.node.as_str(), feed.input.as_str())).collect();
    for (at, node) in inside.workflow.nodes().iter().enumerate() {
        for (index, name) in node.inputs.iter().enumerate() {
            if !fed.contains(&(node.id.as_str(), name.as_str())) && inside.wanting(at, index) {
                let message = format!("inner node `{}` needs `{name}`", node.id);
                let issue = Issue::error("input.missing", message).at("config.input_mapping");
                setup
                    .issues
                    .push(issue.hint("map an input to it, connect it, or give it in the inner config"));
            }
        }
    }
}

/// The tap of an inner output; one that does not exist is a problem at `place`.
pub(super) fn tap(inside: &Inside<'_>, end: &End, place: &str, setup: &mut Setup<'_>) -> Option<Tap> {
    let (id, name) = end;
    let (_, node) = inside.node(id, place, setup)?;
    let ports = &node.config.ports;
    let (head, path) = match name.split_once('.') {
        Some((head, path)) if ports.output(name).is_none() => (head, Some(Path::new(path.split('.')))),
        _ => (name.as_str(), None),
    };
    if let Some(output) = ports.output(head) {
        return Some(Tap { node: id.clone(), output, path });
    }
    let issue = Issue::error("workflow.output.unknown", format!("inner node `{id}` has no output `{head}`"));
    let known = ports.outputs.iter().map(|output| output.name.as_str());
    setup.issues.push(with_nearest(issue, head, known).at(place));
    None
}

fn with_nearest<'n>(issue: Issue, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Issue {
    match nearest(name, known.clone()) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue.hint(format!("there are: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

/// Every output of the nodes that nothing follows, as `{node}_{output}`.
pub(super) fn exit_outputs(inside: &Inside<'_>) -> Vec<(Text, End)> {
    let nodes = inside.workflow.nodes().iter().enumerate();
    let exits = nodes.filter(|(at, _)| !inside.followed.contains(at));
    exits
        .flat_map(|(_, node)| {
            node.config.ports.outputs.iter().map(|output| {
                let outer = Text::from(format!("{}_{}", node.id, output.name));
                (outer, (node.id.clone(), output.name.clone()))
            })
        })
        .collect()
}

/// Reports names of the config that are neither static parameters nor inputs.
pub(super) fn check_names<'n>(
    given: impl Iterator<Item = &'n String>,
    inputs: &[Input],
    statics: &[&str],
    setup: &mut Setup<'_>,
) {
    for name in given.filter(|name| inputs.iter().all(|input| input.name != name.as_str())) {
        let known = inputs.iter().map(|input| input.name.as_str()).chain(statics.iter().copied());
        let issue = Issue::error("config.unknown", format!("there is no parameter `{name}`"));
        setup.issues.push(with_nearest(issue, name, known).at(format!("config.{name}")));
    }
    for input in inputs.iter().filter(|input| statics.contains(&input.name.as_str())) {
        let message =
            format!("an input may not be called `{}`, like a parameter of this node type", input.name);
        setup.issues.push(Issue::error("workflow.input.name", message).at("config.input_mapping"));
    }
}

/// The names in `rest`, which are inputs or slips.
pub(super) type Rest = std::collections::BTreeMap<String, serde::de::IgnoredAny>;
