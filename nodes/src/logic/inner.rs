//! The workflow inside a Workflow or ForEach node: read, validated, and joined to the ports of the node.

use std::path::Path as File;

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
    let (read, place) = match (inline, file) {
        (Some(inline), None) => (format::document_of(inline), "workflow"),
        (None, Some(file)) => (read_file(File::new(file)), "workflow_file"),
        _ => {
            let message = "exactly one of `workflow` and `workflow_file` is needed";
            setup.issues.push(Issue::error("workflow.source", message).in_config());
            return None;
        }
    };
    read.map_err(|issues| report(issues.0, place, setup)).ok()
}

fn read_file(file: &File) -> Result<Document, Issues> {
    let length = std::fs::metadata(file).map_err(|error| Error::io(file, error))?.len();
    if length > format::MAX_TEXT as u64 {
        let message = format!("{}: longer than {} bytes", file.display(), format::MAX_TEXT);
        return Err(Issues(vec![Issue::error("document.limit", message)]));
    }
    let text = std::fs::read_to_string(file).map_err(|error| Error::io(file, error))?;
    format::read(&text, Syntax::of_path(file))
}

/// Validates the inner document, where `fed` get their value from outside; problems and warnings go to `setup`.
pub(super) fn workflow(document: Document, fed: &[End], setup: &mut Setup<'_>) -> Option<Workflow> {
    let built = WorkflowBuilder::from(document).build_inner(setup.registry, setup.depth + 1, fed);
    match built {
        Ok(workflow) => {
            report(workflow.warnings().to_vec(), "workflow", setup);
            setup.effect = effect(&workflow);
            Some(workflow)
        }
        Err(issues) => {
            report(issues.0, "workflow", setup);
            None
        }
    }
}

/// Hands problems of the inner workflow on as problems of the node around it.
fn report(issues: Vec<Issue>, place: &str, setup: &mut Setup<'_>) {
    for mut issue in issues {
        if let Some(node) = issue.node.take() {
            issue.message = format!("inner node `{node}`: {}", issue.message);
        }
        issue.place = Some(match issue.place {
            Some(inner) => format!("config.{place}.{inner}"),
            None => format!("config.{place}"),
        });
        setup.issues.push(issue);
    }
}

/// The strongest effect of the workflow's nodes.
fn effect(workflow: &Workflow) -> Effect {
    let has = |effect| workflow.nodes().iter().any(|node| node.config.effect == effect);
    if has(Effect::Effectful) {
        Effect::Effectful
    } else if has(Effect::Idempotent) {
        Effect::Idempotent
    } else {
        Effect::Pure
    }
}

/// Whether a connection that leads forward feeds input `input` of the node at position `node`.
fn connected(workflow: &Workflow, node: usize, input: usize) -> bool {
    workflow.edges().iter().any(|edge| edge.to == node && edge.input == input && edge.cycle.is_none())
}

/// Whether the input cannot do without a value from outside.
fn wanting(workflow: &Workflow, parameters: &Params, node: &Node, input: usize) -> bool {
    let Some(declared) = node.config.ports.inputs.get(input) else { return false };
    let of_node =
        parameters.nodes().find(|(id, _)| **id == node.id).and_then(|(_, map)| map.get(&declared.name));
    let fed_back = || {
        let at = workflow.position(&node.id);
        workflow.edges().iter().any(|edge| Some(edge.to) == at && edge.input == input)
    };
    declared.required
        && declared.default.is_none()
        && node.config.inputs[input].is_none()
        && of_node.or_else(|| parameters.everywhere().get(&declared.name)).is_none()
        && !fed_back()
}

fn parameters(workflow: &Workflow) -> Params {
    Params::from_map(workflow.document().parameters.clone(), |name| workflow.position(name).is_some())
}

/// Every inner input without a connection, as an outer input called `{node}_{input}`.
pub(super) fn all_inputs(workflow: &Workflow) -> Vec<Mapped> {
    let mut mapped = Vec::new();
    for (at, node) in workflow.nodes().iter().enumerate() {
        for (index, name) in node.inputs.iter().enumerate() {
            if !connected(workflow, at, index) {
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
    workflow: &Workflow,
    mapped: &Mapped,
    outer: usize,
    place: &str,
    setup: &mut Setup<'_>,
) -> (Input, Vec<Feed>) {
    let parameters = parameters(workflow);
    let (mut port, mut feeds) = (None, Vec::with_capacity(mapped.ends.len()));
    for (id, name) in &mapped.ends {
        let Some((at, node)) = node(workflow, id, place, setup) else { continue };
        let Some(index) = node.inputs.iter().position(|input| input == name) else {
            let known = node.inputs.iter().map(Text::as_str);
            let issue =
                Issue::error("workflow.input.unknown", format!("inner node `{id}` has no input `{name}`"));
            setup.issues.push(with_nearest(issue, name, known).at(place));
            continue;
        };
        if connected(workflow, at, index) {
            let message = format!("input `{name}` of inner node `{id}` has a connection already");
            setup.issues.push(Issue::error("workflow.input.connected", message).at(place));
        }
        feeds.push(Feed { outer, node: id.clone(), input: name.clone() });
        let required = wanting(workflow, &parameters, node, index);
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
pub(super) fn check_fed(workflow: &Workflow, feeds: &[Feed], setup: &mut Setup<'_>) {
    let parameters = parameters(workflow);
    for (at, node) in workflow.nodes().iter().enumerate() {
        for (index, name) in node.inputs.iter().enumerate() {
            let fed = feeds.iter().any(|feed| feed.node == node.id && feed.input == *name);
            if !fed && !connected(workflow, at, index) && wanting(workflow, &parameters, node, index) {
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
pub(super) fn tap(workflow: &Workflow, end: &End, place: &str, setup: &mut Setup<'_>) -> Option<Tap> {
    let (id, name) = end;
    let (_, node) = node(workflow, id, place, setup)?;
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

fn node<'w>(
    workflow: &'w Workflow,
    id: &str,
    place: &str,
    setup: &mut Setup<'_>,
) -> Option<(usize, &'w Node)> {
    let at = workflow.position(id);
    if at.is_none() {
        let issue = Issue::error("workflow.node.unknown", format!("the inner workflow has no node `{id}`"));
        let known = workflow.nodes().iter().map(|node| node.id.as_str());
        setup.issues.push(with_nearest(issue, id, known).at(place));
    }
    at.map(|at| (at, &workflow.nodes()[at]))
}

fn with_nearest<'n>(issue: Issue, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> Issue {
    match nearest(name, known.clone()) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue.hint(format!("there are: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

/// Every output of the nodes that nothing follows, as `{node}_{output}`.
pub(super) fn exit_outputs(workflow: &Workflow) -> Vec<(Text, End)> {
    let follows = |at: usize| workflow.edges().iter().any(|edge| edge.from == at && edge.cycle.is_none());
    let exits = workflow.nodes().iter().enumerate().filter(|(at, _)| !follows(*at));
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
