//! What there is to draw: nodes with their category, lines with what is worth writing on them.

use std::collections::HashMap;

use kailash_core::{
    RegisteredType, Registry,
    node::Ports,
    workflow::{ConnectionDraft, CycleDraft, Document},
};

use super::{dot, mermaid, svg};

/// Nodes that a picture in SVG holds: more could not be read.
pub const MAX_DRAWN: usize = 2000;

/// A workflow to be drawn.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its name.
    pub title: String,
    /// Its nodes, in the order of the document.
    pub nodes: Vec<Shape>,
    /// Its connections, as far as both ends exist.
    pub lines: Vec<Line>,
}

/// A node.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its id.
    pub id: String,
    /// The name of its type, as the document has it.
    pub kind: String,
    /// The category of its type; empty for an unknown one.
    pub category: &'static str,
    /// What the type does.
    pub summary: &'static str,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Line {
    /// The position of the node that it leaves.
    pub from: usize,
    /// The output that it leaves.
    pub output: String,
    /// The position of the node that it enters.
    pub to: usize,
    /// The input that it enters.
    pub input: String,
    /// Whether the output's and the input's name tell anything.
    pub named: [bool; 2],
    /// Set on a line that leads back: what ends the cycle.
    pub back: Option<String>,
    /// Whether it carries a stream.
    pub stream: bool,
}

/// Names that a lone port has anyway.
const PLAIN: [&str; 8] = ["result", "data", "output", "input", "input_data", "item", "text", "value"];

impl Picture {
    /// The picture of `document`, and how many connections it has that lead to no node.
    #[must_use]
    pub fn of(document: &Document, registry: &Registry) -> (Self, usize) {
        let types: Vec<Option<&RegisteredType>> =
            document.nodes.iter().map(|node| registry.get(&node.type_name).ok().map(AsRef::as_ref)).collect();
        let nodes = document.nodes.iter().zip(&types).map(|(node, registered)| Shape {
            id: node.id.to_string(),
            kind: node.type_name.to_string(),
            category: registered.map_or("", |registered| registered.spec().category),
            summary: registered.map_or("", |registered| registered.spec().summary),
        });
        let positions: HashMap<&str, usize> =
            document.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let line = |draft: &ConnectionDraft| {
            let from = *positions.get(draft.from.as_str())?;
            let to = *positions.get(draft.to.as_str())?;
            let ports = |at: usize| types[at].map(|registered| &registered.spec().ports);
            Some(Line {
                from,
                output: draft.output.to_string(),
                to,
                input: draft.input.to_string(),
                named: [tells_output(&draft.output, ports(from)), tells_input(&draft.input, ports(to))],
                back: draft.cycle.as_ref().map(ending),
                stream: draft.stream,
            })
        };
        let lines: Vec<Line> = document.connections.iter().filter_map(line).collect();
        let lost = document.connections.len() - lines.len();
        (Self { title: document.name.to_string(), nodes: nodes.collect(), lines }, lost)
    }

    /// A picture that stands for itself, with a style for light pages and one for dark ones. Its time grows with nodes
    /// and lines: see [`MAX_DRAWN`].
    #[must_use]
    pub fn svg(&self) -> String {
        svg::draw(self)
    }

    /// A digraph for Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        dot::draw(self)
    }

    /// A Mermaid flowchart.
    #[must_use]
    pub fn mermaid(&self) -> String {
        mermaid::draw(self)
    }
}

impl Line {
    /// What is written on the line: `output → input`, as far as it tells anything.
    pub(super) fn label(&self) -> String {
        match self.named {
            [true, true] => format!("{} → {}", self.output, self.input),
            [true, false] => self.output.clone(),
            [false, true] => format!("→ {}", self.input),
            [false, false] => String::new(),
        }
    }
}

fn tells_output(name: &str, ports: Option<&Ports>) -> bool {
    match ports {
        Some(ports) if ports.outputs.len() <= 1 && ports.output(name).is_some() => false,
        _ => !PLAIN.contains(&name),
    }
}

fn tells_input(name: &str, ports: Option<&Ports>) -> bool {
    match ports {
        Some(ports) if ports.inputs.len() <= 1 && ports.input(name).is_some() => false,
        Some(ports) if ports.input(name).is_some_and(|at| ports.inputs[at].required) => {
            ports.inputs.iter().filter(|input| input.required).count() > 1 && !PLAIN.contains(&name)
        }
        _ => !PLAIN.contains(&name),
    }
}

fn ending(cycle: &CycleDraft) -> String {
    let until = cycle.convergence.as_ref().map(|until| format!("until {until}, "));
    let condition = cycle.condition.as_ref().map(|condition| format!("while {condition}, "));
    let parts = [until.unwrap_or_default(), condition.unwrap_or_default()].concat();
    format!("{parts}at most {}x", cycle.max_iterations)
}
