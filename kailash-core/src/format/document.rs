//! The document level: detection of the dialect, the whole in and out.

use super::{
    FORMAT, MAX_CONNECTIONS, MAX_NODES, connections,
    findings::{At, Findings},
    form::Form,
    level::{self, Out, Rest},
    nodes,
    raw::{Parts, RawDocument},
    typed,
};
use crate::{
    FormatVersion, Map, Result, Text, Value, to_value,
    validate::{Issue, Issues},
    workflow::{Dialect, Document},
};

/// What Kailash's own form says beside the workflow.
const NOTES: [&str; 3] = ["description", "version", "author"];
/// The field with the name that an export falls back on.
const WORKFLOW_ID: &str = "workflow_id";

/// The document that `value` is, in whichever dialect it is written: with a field `format` in Kailash's own, with
/// `node_type` in its nodes as the Kailash SDK for Python exports it, else as its builder takes it.
///
/// # Errors
/// Every problem found.
pub fn document_of(value: &Value) -> Result<Document, Issues> {
    document_of_raw(value.clone().into())
}

/// The document that `raw` is.
pub(super) fn document_of_raw(raw: RawDocument) -> Result<Document, Issues> {
    let mut findings = Findings::default();
    if let Some(other) = &raw.other {
        findings.shape(At::Top, "", "a map", other);
        return findings.finish(Document::default());
    }
    let form = Form::of(raw.dialect());
    let mut document = Document { dialect: form.dialect, ..Document::default() };
    let result = read_fields(raw, form, &mut document, &mut findings);
    if let Err(error) = result {
        findings.push(At::Top, "", Issue::from_error(&error));
    }
    findings.finish(document)
}

fn read_fields(
    raw: RawDocument,
    form: &Form,
    document: &mut Document,
    findings: &mut Findings,
) -> Result<()> {
    let at = At::Top;
    let mut rest = Rest::default();
    let (mut name, mut extra) = (None, None);
    for (field, value) in raw.fields {
        match &*field {
            "format" => read_format(value, &mut rest, findings),
            "name" => name = Some(value),
            "parameters" => {
                if typed::is_empty(&value) {
                    rest.spelt(field, value.clone());
                }
                document.parameters = typed::map(value, at, "parameters", findings);
            }
            "on_failure" | "timeout_ms" if value.is_null() => rest.spelt(field, value),
            "on_failure" if value.as_str().is_some() => {
                document.on_failure = typed::data(&value, at, "on_failure", findings);
            }
            "on_failure" => findings.shape(at, "on_failure", "text", &value),
            "timeout_ms" => document.timeout_ms = typed::whole(&value, at, "timeout_ms", findings),
            name if form.strict && (NOTES.contains(&name) || name == "metadata") => {
                let (wanted, fits) = match name {
                    "metadata" => ("a map", value.as_map().is_some()),
                    _ => ("text", value.as_str().is_some()),
                };
                if !fits && !value.is_null() {
                    findings.shape(at, name, wanted, &value);
                }
                rest.spelt(field, value);
            }
            "extra" if form.strict => extra = Some(value),
            _ => rest.unknown((field, value), at, form, form.top, findings),
        }
    }
    document.name = read_name(name, form, &mut rest, findings);
    match raw.nodes {
        None | Some(Parts::Other(Value::Null)) => findings.missing(at, "nodes"),
        Some(nodes) if within(&nodes, "nodes", MAX_NODES, findings) => {
            nodes::read(nodes, form, document, findings);
        }
        Some(_) => {}
    }
    match raw.connections {
        None if form.full => rest.mark("-connections"),
        None => {}
        Some(Parts::Other(Value::Null)) => rest.spelt("connections", Value::Null),
        Some(connections) => {
            if matches!(&connections, Parts::List(list) if list.is_empty()) && !form.full {
                rest.spelt("connections", Value::list(Vec::new()));
            }
            if within(&connections, "connections", MAX_CONNECTIONS, findings) {
                document.connections = connections::read(connections, form, &document.nodes, findings);
            }
        }
    }
    let names = rest.own(extra, at, None, form.top, findings);
    document.extra = rest.into_extra();
    if !names.is_empty() && findings.is_empty() {
        level::misplaced(&names, write(document, Dialect::Own), at, findings)?;
    }
    Ok(())
}

fn read_format(value: Value, rest: &mut Rest, findings: &mut Findings) {
    let Value::Str(text) = &value else {
        findings.shape(At::Top, "format", "text such as \"1.0\", in quotes", &value);
        return;
    };
    match text.parse().and_then(|version| FORMAT.check(version)) {
        Ok(()) if **text == *FORMAT.to_string() => {}
        Ok(()) => rest.spelt("format", value),
        Err(error) => findings.push(At::Top, "format", Issue::from_error(&error)),
    }
}

fn read_name(given: Option<Value>, form: &Form, rest: &mut Rest, findings: &mut Findings) -> Text {
    match given {
        Some(Value::Str(name)) if !name.is_empty() || form.full => return name,
        Some(empty @ (Value::Null | Value::Str(_))) => rest.spelt("name", empty),
        Some(other) => findings.shape(At::Top, "name", "text", &other),
        None if form.full => rest.mark("-name"),
        None => {}
    }
    fallback_name(form, &rest.extra)
}

/// The name of a document that gives none.
fn fallback_name(form: &Form, extra: &Map) -> Text {
    let id = extra.get(WORKFLOW_ID).and_then(Value::as_str).filter(|_| form.full);
    id.unwrap_or_default().into()
}

/// Whether a list or map is within its bound, else it is noted.
fn within(parts: &Parts, field: &str, most: usize, findings: &mut Findings) -> bool {
    let count = parts.len();
    if count > most {
        let message = format!("a document may have {most} {field} at most, this one has {count}");
        findings.add(At::Top, field, "document.limit", message);
    }
    count <= most
}

/// The value that `document` is in `dialect`. In the dialect it came from, that is the value it was read from; in
/// another it means the same, and keeps of `extra` what that dialect can hold.
///
/// # Errors
/// Kind `Invalid`: code `node.id.duplicate` where nodes stand in a map by id, code `document.tag` for a map that
/// would be read as bytes.
pub fn write(document: &Document, dialect: Dialect) -> Result<Value> {
    let form = Form::of(dialect);
    let mut out = Out::new(&document.extra);
    if form.strict {
        let readable = |version: FormatVersion| FORMAT.check(version).is_ok();
        let version = |spelt: &Value| spelt.as_str().and_then(|text| text.parse().ok());
        out.field("format", Some(FORMAT.to_string().into()), false, |spelt| {
            version(spelt).is_some_and(readable)
        });
    } else {
        out.note(WORKFLOW_ID, |_| true);
    }
    write_name(&mut out, document, form);
    for note in NOTES {
        out.note(note, |value| !form.strict || value.as_str().is_some());
    }
    out.note("metadata", |value| !form.strict || value.as_map().is_some());
    let no_parameters = document.parameters.is_empty();
    let parameters = if no_parameters { None } else { Some(level::plain(document.parameters.clone())?) };
    out.field("parameters", parameters, false, |spelt| no_parameters && typed::is_empty(spelt));
    let on_failure = document.on_failure.as_ref();
    out.field("on_failure", on_failure.map(to_value).transpose()?, false, |spelt| {
        (spelt.is_null() || spelt.as_str().is_some())
            && typed::meaning(spelt).is_some_and(|policy| policy.as_ref() == on_failure)
    });
    let timeout = document.timeout_ms;
    out.field("timeout_ms", timeout.map(Value::from), false, |spelt| timeout.is_none() && spelt.is_null());
    out.put("nodes", nodes::write(document, form)?);
    let none = document.connections.is_empty();
    let usual = connections::write(&document.connections, form, &document.nodes)?;
    let usual = (form.full || !none).then_some(usual);
    out.field("connections", usual, none, |spelt| {
        none && (spelt.is_null() || spelt.as_list().is_some_and(<[Value]>::is_empty))
    });
    out.finish(form, form.top)
}

fn write_name(out: &mut Out<'_>, document: &Document, form: &Form) {
    let name = &document.name;
    let fallback = *name == fallback_name(form, &document.extra);
    let empty = |spelt: &Value| spelt.is_null() || (!form.full && spelt.as_str() == Some(""));
    let usual = (form.full || !name.is_empty()).then(|| name.clone().into());
    out.field("name", usual, fallback, |spelt| fallback && empty(spelt));
}
