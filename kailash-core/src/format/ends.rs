//! The ends of a connection: a node and one of its outputs or inputs, in the spellings of the dialects.
//!
//! ```text
//! own      from: read.data.rows     or {node: id.with.dots, output: data.rows}
//! export   source_node: read, source_output: data.rows
//! builder  from_node: read, from_output: data.rows
//!          from: read.data.rows     or just `read` for its output `result`; `to` alone means `input`
//! ```

use std::{cell::OnceCell, collections::HashSet};

use super::{
    findings::{At, Findings},
    form::Form,
    level::{Out, Rest},
    typed,
};
use crate::{Map, Text, Value, validate::MAX_ID, workflow::NodeDraft};

/// One end: its node and port.
pub(super) type End = (Text, Text);

/// Which end is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    From,
    To,
}

impl Side {
    /// The field with the whole end.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To => "to",
        }
    }

    /// The fields with node and port.
    fn fields(self, form: &Form) -> (&'static str, &'static str) {
        match self {
            Self::From => (form.ends[0], form.ends[1]),
            Self::To => (form.ends[2], form.ends[3]),
        }
    }

    /// The key of the port in Kailash's own form, and the port that the builder form means when it names none.
    fn port(self) -> (&'static str, &'static str) {
        match self {
            Self::From => ("output", "result"),
            Self::To => ("input", "input"),
        }
    }
}

/// The ids of a document's nodes, gathered when first asked for.
pub(super) struct Ids<'d> {
    nodes: &'d [NodeDraft],
    set: OnceCell<HashSet<&'d str>>,
}

impl<'d> Ids<'d> {
    pub(super) fn new(nodes: &'d [NodeDraft]) -> Self {
        Self { nodes, set: OnceCell::new() }
    }

    fn contains(&self, id: &str) -> bool {
        self.set.get_or_init(|| self.nodes.iter().map(|node| node.id.as_str()).collect()).contains(id)
    }
}

/// What `end` of the builder form means: a node alone, or a node and a port. The longest id that fits is the node.
fn short(end: &str, side: Side, ids: &Ids<'_>) -> End {
    if !end.contains('.') || ids.contains(end) {
        return (end.into(), side.port().1.into());
    }
    // No id is longer than this, so that no end asks for more look-ups.
    let mut dots = end.rmatch_indices('.').map(|(dot, _)| dot).filter(|dot| *dot <= MAX_ID);
    let dot = dots.find(|dot| ids.contains(&end[..*dot])).or_else(|| end.find('.')).unwrap_or(end.len());
    (end[..dot].into(), end[dot + 1..].into())
}

/// What `end` of Kailash's own form means. A port that is called as `like` shares its text.
fn own(end: &Value, side: Side, like: &Text) -> Option<End> {
    let shared = |port: &str| if port == like.as_str() { like.clone() } else { port.into() };
    match end {
        Value::Str(text) => text.split_once('.').map(|(node, port)| (node.into(), shared(port))),
        Value::Map(parts) if parts.len() == 2 => match (parts.get("node"), parts.get(side.port().0)) {
            (Some(Value::Str(node)), Some(Value::Str(port))) => Some((node.clone(), port.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `end`, which means a port of `node`, is spelt as [`own_usual`] would.
fn is_usual(end: &Value, node: &Text) -> bool {
    matches!(end, Value::Map(_)) == node.contains('.')
}

/// How Kailash's own form spells an end.
fn own_usual(node: &Text, port: &Text, side: Side) -> Value {
    if node.contains('.') {
        let parts = [("node", node), (side.port().0, port)];
        parts.into_iter().map(|(key, text)| (key.into(), text.clone().into())).collect::<Map>().into()
    } else {
        format!("{node}.{port}").into()
    }
}

/// Reads an end of Kailash's own form; `like` is the port of the connection before.
pub(super) fn read_own(
    given: Option<Value>,
    side: Side,
    like: &Text,
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) -> End {
    let field = side.field();
    let Some(given) = given else {
        findings.missing(at, field);
        return End::default();
    };
    let Some((node, port)) = own(&given, side, like) else {
        let wanted = format!("`{field}` must be `node.{0}` or a map of `node` and `{0}`", side.port().0);
        findings.add(at, field, "connection.form", wanted);
        return End::default();
    };
    if !is_usual(&given, &node) {
        rest.spelt(field, given);
    }
    (node, port)
}

/// The parts of an end in the two forms of the SDK for Python.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) node: Option<Value>,
    pub(super) port: Option<Value>,
    pub(super) short: Option<Value>,
}

/// Reads an end of the other forms.
pub(super) fn read_parts(
    given: Given,
    side: Side,
    (form, ids): (&Form, &Ids<'_>),
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) -> End {
    let (node_field, port_field) = side.fields(form);
    let mut keep_null = |field: &'static str, value: Option<Value>| match value {
        Some(Value::Null) => {
            rest.spelt(field, Value::Null);
            None
        }
        other => other,
    };
    if given.short.as_ref().is_none_or(Value::is_null) {
        keep_null(side.field(), given.short);
        let mut part = |value: Option<Value>, field| match value {
            Some(value) => typed::text(value, at, field, findings).unwrap_or_default(),
            None => {
                findings.missing(at, field);
                Text::default()
            }
        };
        return (part(given.node, node_field), part(given.port, port_field));
    }
    let node = keep_null(node_field, given.node);
    let port = keep_null(port_field, given.port);
    if node.is_some() || port.is_some() {
        let message = format!("give `{}` or `{node_field}` and `{port_field}`, not both", side.field());
        findings.add(at, side.field(), "connection.form", message);
    }
    let Some(text) = typed::text(given.short.unwrap_or_default(), at, side.field(), findings) else {
        return End::default();
    };
    rest.spelt(side.field(), text.clone().into());
    short(&text, side, ids)
}

/// Writes an end.
pub(super) fn write(out: &mut Out<'_>, side: Side, (node, port): (&Text, &Text), form: &Form, ids: &Ids<'_>) {
    let same = |end: Option<End>| end.is_some_and(|(n, p)| n == *node && p == *port);
    if form.strict {
        let usual = own_usual(node, port, side);
        out.field(side.field(), Some(usual), false, |spelt| same(own(spelt, side, port)));
        return;
    }
    let (node_field, port_field) = side.fields(form);
    if form.is_builder() {
        let meant = |spelt: &Value| spelt.as_str().map(|end| short(end, side, ids));
        out.field(side.field(), None, true, |spelt| spelt.is_null() || same(meant(spelt)));
        if out.map.get(side.field()).is_some_and(|written| !written.is_null()) {
            out.field(node_field, None, true, Value::is_null);
            out.field(port_field, None, true, Value::is_null);
            return;
        }
    }
    out.put(node_field, node.clone());
    out.put(port_field, port.clone());
}
