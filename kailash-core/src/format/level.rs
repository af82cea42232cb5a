//! One level of a document (the whole, a node, a connection): typed fields, and `extra` for all the rest.
//!
//! ```text
//! read    a field spelt as a writer would spell it      -> typed field
//!         spelt otherwise (null, a default written out) -> typed field, and extra[field] as spelt
//!         left out where a writer would write it        -> extra["$form"] has "-field"
//! write   extra[field] if it still means the typed value, else the typed value
//! ```

use super::{
    findings::{At, Findings},
    form::Form,
    raw::Name,
};
use crate::{ARRAY_TAG, BYTES_TAG, Error, Map, Result, Text, Value, validate::Issue};

/// The entry of `extra` that lists what a form says beside its fields.
const FORM: &str = "$form";
/// The entry of a node's `extra` with the part of its config that its type does not know.
pub(super) const HIDDEN: &str = "$config";
/// The mark of an `extra` that is there and empty.
const EMPTY_EXTRA: &str = "+extra";

/// What is read beside the typed fields of a level.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) extra: Map,
    marks: Vec<Value>,
}

impl Rest {
    /// Remembers how `field` was spelt.
    pub(super) fn spelt(&mut self, field: impl Into<Text>, value: Value) {
        self.extra.insert(field, value);
    }

    /// Remembers something about the form.
    pub(super) fn mark(&mut self, mark: &str) {
        self.marks.push(mark.into());
    }

    /// Takes in a field that is not understood, or notes that it must not be there.
    pub(super) fn unknown(
        &mut self,
        (field, value): (Name, Value),
        at: At<'_>,
        form: &Form,
        known: &[&str],
        findings: &mut Findings,
    ) {
        if form.strict {
            findings.unknown(at, &field, known);
        } else if field.starts_with('$') {
            let message = format!("`{}`: names that begin with `$` are reserved", &*field);
            findings.add(at, &field, "document.field.reserved", message);
        } else {
            self.extra.insert(field, value);
        }
    }

    /// Takes in the `extra` of Kailash's own form; returns those of its names that are also names of fields.
    pub(super) fn own(
        &mut self,
        given: Option<Value>,
        at: At<'_>,
        id: Option<&Text>,
        known: &[&str],
        findings: &mut Findings,
    ) -> Vec<Text> {
        let given = match given.map(Value::into_map) {
            None => return Vec::new(),
            Some(Ok(given)) => given,
            Some(Err(other)) => {
                findings.shape(at, "extra", "a map", &other);
                return Vec::new();
            }
        };
        if given.is_empty() {
            self.mark(EMPTY_EXTRA);
        }
        let mut ambiguous = Vec::new();
        for (field, value) in given {
            let problem = if !allowed(&field, &value, id) {
                ("document.field.reserved", format!("`{field}`: names that begin with `$` are reserved"))
            } else if self.extra.contains_key(&field) {
                ("document.field.twice", format!("`{field}` is given beside `extra` too"))
            } else {
                if known.contains(&field.as_str()) {
                    ambiguous.push(field.clone());
                }
                self.extra.insert(field, value);
                continue;
            };
            findings.push(at, "extra", Issue::error(problem.0, problem.1).at(&*field));
        }
        ambiguous
    }

    /// Everything, as a draft keeps it.
    pub(super) fn into_extra(mut self) -> Map {
        if !self.marks.is_empty() {
            self.extra.insert(FORM, self.marks);
        }
        self.extra
    }
}

/// Whether `field` of an `extra` is free to use, or one of Kailash's marks as a writer writes it.
fn allowed(field: &str, value: &Value, id: Option<&Text>) -> bool {
    match (field, value, id) {
        (FORM, Value::List(marks), _) => {
            marks.iter().all(|mark| mark.as_str().is_some_and(|mark| mark != EMPTY_EXTRA))
        }
        (HIDDEN, Value::Map(hidden), Some(id)) => {
            hidden.iter().all(|(name, value)| is_hidden(name, value, id))
        }
        _ => !field.starts_with('$'),
    }
}

/// Whether an entry of an exported config is not for the node's type.
pub(super) fn is_hidden(name: &str, value: &Value, id: &str) -> bool {
    name.starts_with('_') || (name == "name" && value.as_str() == Some(id))
}

/// Notes what stands in `extra` though it belongs beside it: `written` is the level as a writer would write it.
pub(super) fn misplaced(
    names: &[Text],
    written: Result<Value>,
    at: At<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let written = written?;
    let kept = written.get("extra");
    for name in names.iter().filter(|name| kept.and_then(|extra| extra.get(name)).is_none()) {
        let message = format!("`{name}` belongs beside `extra`, not in it");
        findings.push(at, "extra", Issue::error("document.field.misplaced", message).at(&**name));
    }
    Ok(())
}

/// A level on its way out.
#[derive(Debug)]
pub(super) struct Out<'e> {
    pub(super) map: Map,
    extra: &'e Map,
    used: Vec<&'static str>,
}

impl<'e> Out<'e> {
    /// An empty level; `extra` is the draft's.
    pub(super) fn new(extra: &'e Map) -> Self {
        Self { map: Map::with_capacity(8), extra, used: Vec::new() }
    }

    /// Writes a field that has one spelling.
    pub(super) fn put(&mut self, field: &'static str, value: impl Into<Value>) {
        self.map.insert(field, value);
    }

    /// Writes a field as it was spelt if that still means the `same`, else as `usual`.
    pub(super) fn field(
        &mut self,
        field: &'static str,
        usual: Option<Value>,
        is_default: bool,
        same: impl FnOnce(&Value) -> bool,
    ) {
        let spelt = self.extra.get(field).filter(|spelt| usual.as_ref() != Some(*spelt) && same(spelt));
        if let Some(spelt) = spelt {
            self.map.insert(field, spelt.clone());
            self.used.push(field);
        } else if let Some(usual) = usual
            && !(is_default && self.has_mark(|mark| mark.strip_prefix('-') == Some(field)))
        {
            self.map.insert(field, usual);
        }
    }

    /// Writes a field that lives in `extra`, if it is there and `fits`.
    pub(super) fn note(&mut self, field: &'static str, fits: impl FnOnce(&Value) -> bool) {
        self.field(field, None, true, |value| value.is_null() || fits(value));
    }

    /// Whether `extra` has such a mark.
    pub(super) fn has_mark(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let marks = self.extra.get(FORM).and_then(Value::as_list).unwrap_or_default();
        marks.iter().filter_map(Value::as_str).any(wanted)
    }

    /// The level with the rest of `extra`: beside the fields, or in Kailash's own form under `extra`.
    pub(super) fn finish(mut self, form: &Form, known: &[&str]) -> Result<Value> {
        let rest = self.extra.iter().filter(|(field, _)| !self.used.contains(&field.as_str()));
        if form.strict {
            let empty = [Value::from(EMPTY_EXTRA)];
            let keep =
                |(field, value): &(&Text, &Value)| field.as_str() != FORM || value.as_list() != Some(&empty);
            let rest: Map = rest.filter(keep).map(|(field, value)| (field.clone(), value.clone())).collect();
            if !rest.is_empty() || self.has_mark(|mark| mark == EMPTY_EXTRA) {
                self.map.insert("extra", plain(rest)?);
            }
        } else {
            let free = |field: &Text| !field.starts_with('$') && !known.contains(&field.as_str());
            for (field, value) in rest.filter(|(field, _)| free(field)) {
                self.map.insert(field.clone(), value.clone());
            }
        }
        plain(self.map)
    }
}

/// `map` as a value that a reader takes for a map.
pub(super) fn plain(map: Map) -> Result<Value> {
    match map.entry_at(0) {
        Some((name, _)) if map.len() == 1 && [BYTES_TAG, ARRAY_TAG].contains(&name.as_str()) => {
            let message = format!("a map with nothing but `{name}` has no form in a document");
            Err(Error::invalid("document.tag", message))
        }
        _ => Ok(map.into()),
    }
}
