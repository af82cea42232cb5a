//! Connections, in the spelling of any dialect.

use super::{
    ends::{self, Given, Ids, Side},
    findings::{At, Findings},
    form::{CYCLE, Form},
    level::{self, Out, Rest},
    raw::{Fields, Parts, Raw},
    schema::CycleForm,
    typed,
};
use crate::{
    Map, Result, Text, Value,
    workflow::{ConnectionDraft, CycleDraft, NodeDraft},
};

/// Reads all connections; `nodes` are those of the document.
pub(super) fn read(
    connections: Parts,
    form: &Form,
    nodes: &[NodeDraft],
    findings: &mut Findings,
) -> Vec<ConnectionDraft> {
    let connections = match connections {
        Parts::List(connections) => connections,
        Parts::Map(_) => {
            findings.shape(At::Top, "connections", "a list", &Map::new().into());
            return Vec::new();
        }
        Parts::Other(other) => {
            findings.shape(At::Top, "connections", "a list", &other);
            return Vec::new();
        }
    };
    let ids = Ids::new(nodes);
    let mut drafts: Vec<ConnectionDraft> = Vec::with_capacity(connections.len());
    for (index, connection) in connections.into_iter().enumerate() {
        let at = At::Connection(index);
        let read = match connection {
            Raw::Fields(fields) if form.strict => read_own(fields, drafts.last(), at, form, &ids, findings),
            Raw::Fields(fields) => Ok(read_flat(fields, at, form, &ids, findings)),
            Raw::Other(other) => {
                findings.shape(at, "", "a map", &other);
                continue;
            }
        };
        match read {
            Ok(draft) => drafts.push(draft),
            Err(error) => findings.push(at, "", crate::validate::Issue::from_error(&error)),
        }
    }
    drafts
}

fn read_own(
    fields: Fields,
    before: Option<&ConnectionDraft>,
    at: At<'_>,
    form: &Form,
    ids: &Ids<'_>,
    findings: &mut Findings,
) -> Result<ConnectionDraft> {
    let mut draft = ConnectionDraft::default();
    let mut rest = Rest::default();
    let (mut from, mut to, mut extra) = (None, None, None);
    for (field, value) in fields {
        match &*field {
            "from" => from = Some(value),
            "to" => to = Some(value),
            "cycle" => draft.cycle = read_cycle_map(value, at, &mut rest, findings),
            "stream" => draft.stream = read_stream(value, at, &mut rest, findings),
            "extra" => extra = Some(value),
            _ => rest.unknown((field, value), at, form, form.connection, findings),
        }
    }
    let (output, input) = before.map(|before| (&before.output, &before.input)).unzip();
    let none = Text::default();
    (draft.from, draft.output) =
        ends::read_own(from, Side::From, output.unwrap_or(&none), at, &mut rest, findings);
    (draft.to, draft.input) = ends::read_own(to, Side::To, input.unwrap_or(&none), at, &mut rest, findings);
    let names = rest.own(extra, at, None, form.connection, findings);
    draft.extra = rest.into_extra();
    if !names.is_empty() {
        level::misplaced(&names, write_one(&draft, form, ids), at, findings)?;
    }
    Ok(draft)
}

fn read_flat(
    fields: Fields,
    at: At<'_>,
    form: &Form,
    ids: &Ids<'_>,
    findings: &mut Findings,
) -> ConnectionDraft {
    let mut draft = ConnectionDraft::default();
    let mut rest = Rest::default();
    let (mut from, mut to) = (Given::default(), Given::default());
    let mut cycle = None;
    let mut beside: [Option<Value>; CYCLE.len()] = Default::default();
    for (field, value) in fields {
        match &*field {
            name if name == form.ends[0] => from.node = Some(value),
            name if name == form.ends[1] => from.port = Some(value),
            name if name == form.ends[2] => to.node = Some(value),
            name if name == form.ends[3] => to.port = Some(value),
            "from" if form.is_builder() => from.short = Some(value),
            "to" if form.is_builder() => to.short = Some(value),
            "cycle" => cycle = Some(value),
            "stream" => draft.stream = read_stream(value, at, &mut rest, findings),
            name => match CYCLE.iter().position(|field| *field == name) {
                Some(index) => beside[index] = Some(value),
                None => rest.unknown((field, value), at, form, form.connection, findings),
            },
        }
    }
    (draft.from, draft.output) = ends::read_parts(from, Side::From, (form, ids), at, &mut rest, findings);
    (draft.to, draft.input) = ends::read_parts(to, Side::To, (form, ids), at, &mut rest, findings);
    draft.cycle = read_cycle_beside(cycle, beside, at, &mut rest, findings);
    draft.extra = rest.into_extra();
    draft
}

fn read_stream(value: Value, at: At<'_>, rest: &mut Rest, findings: &mut Findings) -> bool {
    match value {
        Value::Bool(true) => return true,
        Value::Bool(false) | Value::Null => rest.spelt("stream", value),
        other => findings.shape(at, "stream", "true or false", &other),
    }
    false
}

/// Reads a cycle that is a map of its own.
fn read_cycle_map(value: Value, at: At<'_>, rest: &mut Rest, findings: &mut Findings) -> Option<CycleDraft> {
    let cycle = match &value {
        Value::Null => None,
        map @ Value::Map(_) => Some(CycleDraft::from(typed::data::<CycleForm>(map, at, "cycle", findings)?)),
        other => {
            findings.shape(at, "cycle", "a map", other);
            return None;
        }
    };
    if cycle.as_ref().map(cycle_map).as_ref() != Some(&value) {
        rest.spelt("cycle", value);
    }
    cycle
}

fn cycle_map(cycle: &CycleDraft) -> Value {
    let texts = [
        ("until", &cycle.convergence),
        ("while", &cycle.condition),
        ("id", &cycle.id),
        ("parent", &cycle.parent),
    ];
    let texts = texts.into_iter().filter_map(|(field, text)| Some((field.into(), text.clone()?.into())));
    std::iter::once((Text::from("max_iterations"), cycle.max_iterations.into()))
        .chain(texts)
        .collect::<Map>()
        .into()
}

/// Reads a cycle whose fields stand beside the connection's ends.
fn read_cycle_beside(
    flag: Option<Value>,
    beside: [Option<Value>; CYCLE.len()],
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) -> Option<CycleDraft> {
    let given = CYCLE.into_iter().zip(beside);
    match flag {
        Some(Value::Bool(true)) => {}
        other => {
            match other {
                None => {}
                Some(flag @ (Value::Bool(_) | Value::Null)) => rest.spelt("cycle", flag),
                Some(flag) => findings.shape(at, "cycle", "true or false", &flag),
            }
            given.filter_map(|(field, value)| Some((field, value?))).for_each(|(f, v)| rest.spelt(f, v));
            return None;
        }
    }
    let mut cycle = CycleDraft::default();
    for (field, value) in given {
        let text = match (field, value) {
            ("max_iterations", None) => {
                rest.mark("-max_iterations");
                continue;
            }
            (_, None) => continue,
            (_, Some(Value::Null)) => {
                rest.spelt(field, Value::Null);
                continue;
            }
            ("max_iterations", Some(value)) => {
                match value.as_u64().and_then(|turns| u32::try_from(turns).ok()) {
                    Some(turns) => cycle.max_iterations = turns,
                    None => findings.shape(at, field, "a whole number below 2^32", &value),
                }
                continue;
            }
            (_, Some(value)) => typed::text(value, at, field, findings),
        };
        match field {
            "convergence_check" => cycle.convergence = text,
            "condition" => cycle.condition = text,
            "cycle_id" => cycle.id = text,
            _ => cycle.parent = text,
        }
    }
    Some(cycle)
}

/// Writes all connections.
pub(super) fn write(connections: &[ConnectionDraft], form: &Form, nodes: &[NodeDraft]) -> Result<Value> {
    let ids = Ids::new(nodes);
    let numbered = connections.iter().enumerate();
    let written = numbered.map(|(index, connection)| {
        write_one(connection, form, &ids).map_err(|error| error.at(format!("connections[{index}]")))
    });
    written.collect::<Result<Vec<_>>>().map(Value::list)
}

fn write_one(connection: &ConnectionDraft, form: &Form, ids: &Ids<'_>) -> Result<Value> {
    let mut out = Out::new(&connection.extra);
    ends::write(&mut out, Side::From, (&connection.from, &connection.output), form, ids);
    ends::write(&mut out, Side::To, (&connection.to, &connection.input), form, ids);
    let cycle = connection.cycle.as_ref();
    if form.strict {
        let means = |spelt: &Value| typed::meaning::<CycleForm>(spelt).map(|c| c.map(CycleDraft::from));
        let same = |spelt: &Value| means(spelt).is_some_and(|spelt| spelt.as_ref() == cycle);
        out.field("cycle", cycle.map(cycle_map), false, same);
    } else {
        write_cycle_beside(&mut out, cycle);
    }
    let stream = connection.stream;
    let no = |spelt: &Value| spelt.is_null() || spelt.as_bool() == Some(false);
    out.field("stream", stream.then(|| true.into()), false, |spelt| !stream && no(spelt));
    out.finish(form, form.connection)
}

fn write_cycle_beside(out: &mut Out<'_>, cycle: Option<&CycleDraft>) {
    let no = |spelt: &Value| spelt.is_null() || spelt.as_bool() == Some(false);
    out.field("cycle", cycle.map(|_| true.into()), false, |spelt| cycle.is_none() && no(spelt));
    let Some(cycle) = cycle else {
        for field in CYCLE {
            out.field(field, None, true, |_| true);
        }
        return;
    };
    let usual = cycle.max_iterations == CycleDraft::default().max_iterations;
    let turns = Some(cycle.max_iterations.into());
    out.field("max_iterations", turns, usual, |spelt| usual && spelt.is_null());
    let texts = [&cycle.convergence, &cycle.condition, &cycle.id, &cycle.parent];
    for (field, text) in CYCLE.into_iter().skip(1).zip(texts) {
        out.field(field, text.clone().map(Value::from), false, |spelt| text.is_none() && spelt.is_null());
    }
}
