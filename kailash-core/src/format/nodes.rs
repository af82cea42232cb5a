//! Nodes, in the spelling of any dialect.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    findings::{At, Findings},
    form::Form,
    level::{self, HIDDEN, Out, Rest},
    raw::{Parts, Raw},
    secret, typed,
};
use crate::{
    Error, Map, Result, Text, Value, to_value,
    workflow::{Document, NodeDraft},
};

/// The mark of a builder node whose config is called `parameters`.
const PARAMETERS: &str = "parameters";

/// Reads all nodes.
pub(super) fn read(nodes: Parts, form: &Form, document: &mut Document, findings: &mut Findings) {
    document.nodes.reserve_exact(nodes.len());
    let mut read = |at: At<'_>, key: Option<&Text>, node| match read_one(node, at, key, form, findings) {
        Ok(node) => document.nodes.extend(node),
        Err(error) => findings.push(at, "", crate::validate::Issue::from_error(&error)),
    };
    match nodes {
        Parts::Map(nodes) => {
            for (id, node) in nodes {
                read(At::Node(&id), Some(&id), node);
            }
        }
        Parts::List(nodes) => {
            for (index, node) in nodes.into_iter().enumerate() {
                read(At::NodeIndex(index), None, node);
            }
            document.nodes_as_list = true;
        }
        Parts::Other(other) => findings.shape(At::Top, "nodes", "a map by id or a list", &other),
    }
}

/// Reads a node; `key` is its id if it stands in a map.
fn read_one(
    node: Raw,
    at: At<'_>,
    key: Option<&Text>,
    form: &Form,
    findings: &mut Findings,
) -> Result<Option<NodeDraft>> {
    let fields = match node {
        Raw::Fields(fields) => fields,
        Raw::Other(other) => {
            findings.shape(at, "", "a map", &other);
            return Ok(None);
        }
    };
    let mut draft = NodeDraft { id: key.cloned().unwrap_or_default(), ..NodeDraft::default() };
    let mut rest = Rest::default();
    let (mut id, mut type_name, mut config, mut parameters, mut extra) = (None, None, None, None, None);
    for (field, value) in fields {
        match &*field {
            name if name == form.id => id = Some(value),
            name if name == form.type_name => type_name = Some(value),
            "config" => config = Some(value),
            PARAMETERS if form.is_builder() => parameters = Some(value),
            "retry" => draft.options.retry = option("retry", value, at, &mut rest, findings),
            "breaker" => draft.options.breaker = option("breaker", value, at, &mut rest, findings),
            "timeout_ms" if value.is_null() => rest.spelt(field, value),
            "timeout_ms" => draft.options.timeout_ms = typed::whole(&value, at, "timeout_ms", findings),
            "position" if form.strict => {
                if !value.is_null() && !typed::is_position(&value) {
                    findings.shape(at, "position", "a list of two numbers", &value);
                }
                rest.spelt(field, value);
            }
            "extra" if form.strict => extra = Some(value),
            _ => rest.unknown((field, value), at, form, form.node, findings),
        }
    }
    read_id(&mut draft, id, key, form, at, &mut rest, findings);
    match type_name {
        Some(value) => draft.type_name = typed::text(value, at, form.type_name, findings).unwrap_or_default(),
        None => findings.missing(at, form.type_name),
    }
    draft.config = read_config(config, parameters, form, at, &mut rest, findings);
    if form.is_export() {
        hide(&mut draft, &mut rest);
    }
    secret::check(&draft.config, at, findings);
    let names = rest.own(extra, at, Some(&draft.id), form.node, findings);
    draft.extra = rest.into_extra();
    if !names.is_empty() {
        level::misplaced(&names, write_one(&draft, key.is_none(), form), at, findings)?;
    }
    Ok(Some(draft))
}

fn read_id(
    draft: &mut NodeDraft,
    given: Option<Value>,
    key: Option<&Text>,
    form: &Form,
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) {
    match (given, key) {
        (None, None) => findings.missing(at, form.id),
        (None, Some(_)) if form.id_in_map => rest.mark(&format!("-{}", form.id)),
        (None, Some(_)) => {}
        (Some(id), None) => draft.id = typed::text(id, at, form.id, findings).unwrap_or_default(),
        (Some(Value::Null), Some(_)) => rest.spelt(form.id, Value::Null),
        (Some(id), Some(key)) => match id.as_str() {
            Some(same) if same == key.as_str() && form.id_in_map => {}
            Some(same) if same == key.as_str() => rest.spelt(form.id, id),
            _ => {
                let given = id.as_str().map_or_else(|| id.kind().to_string(), |id| format!("`{id}`"));
                let message = format!("`{}` is {given}, but the node stands under `{key}`", form.id);
                findings.add(at, form.id, "node.id.mismatch", message);
            }
        },
    }
}

fn read_config(
    config: Option<Value>,
    parameters: Option<Value>,
    form: &Form,
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) -> Map {
    let given = |value: &Option<Value>| value.as_ref().is_some_and(|value| !value.is_null());
    if given(&config) && given(&parameters) {
        findings.add(at, PARAMETERS, "document.field.twice", "give `config` or `parameters`, not both");
    }
    let use_parameters = given(&parameters) || (config.is_none() && parameters.is_some());
    let (field, chosen, other, other_field) = if use_parameters {
        rest.mark(PARAMETERS);
        (PARAMETERS, parameters, config, "config")
    } else {
        ("config", config, parameters, PARAMETERS)
    };
    if let Some(other) = other {
        rest.spelt(other_field, other);
    }
    match chosen {
        None => {
            if form.full {
                rest.mark("-config");
            }
            Map::new()
        }
        Some(value) => {
            if value.is_null() || (typed::is_empty(&value) && !form.full) {
                rest.spelt(field, value.clone());
            }
            typed::map(value, at, field, findings)
        }
    }
}

/// Moves what an export adds to a config out of it.
fn hide(draft: &mut NodeDraft, rest: &mut Rest) {
    if !draft.config.iter().any(|(name, value)| level::is_hidden(name, value, &draft.id)) {
        return;
    }
    let mut hidden = Map::new();
    draft.config.retain(|name, value| {
        let hide = level::is_hidden(name, value, &draft.id);
        if hide {
            hidden.insert(name.clone(), std::mem::take(value));
        }
        !hide
    });
    rest.spelt(HIDDEN, hidden.into());
}

/// A policy; null is none.
fn option<T: DeserializeOwned + Serialize>(
    field: &'static str,
    value: Value,
    at: At<'_>,
    rest: &mut Rest,
    findings: &mut Findings,
) -> Option<T> {
    let policy = if value.is_null() { None } else { Some(typed::data(&value, at, field, findings)?) };
    if usual(policy.as_ref()).ok().flatten().as_ref() != Some(&value) {
        rest.spelt(field, value);
    }
    policy
}

fn usual<T: Serialize>(policy: Option<&T>) -> Result<Option<Value>> {
    policy.map(to_value).transpose()
}

/// Writes all nodes.
pub(super) fn write(document: &Document, form: &Form) -> Result<Value> {
    let as_list = document.nodes_as_list && !form.is_export();
    let write = |node: &NodeDraft| {
        write_one(node, as_list, form).map_err(|error| error.at(format!("nodes.{}", node.id)))
    };
    if as_list {
        return document.nodes.iter().map(write).collect::<Result<Vec<_>>>().map(Value::list);
    }
    let mut nodes = Map::with_capacity(document.nodes.len());
    for node in &document.nodes {
        if nodes.insert(node.id.clone(), write(node)?).is_some() {
            let message = format!("two nodes are called `{}`; a map by id holds one of them", node.id);
            return Err(Error::invalid("node.id.duplicate", message));
        }
    }
    level::plain(nodes)
}

fn write_one(node: &NodeDraft, as_list: bool, form: &Form) -> Result<Value> {
    let mut out = Out::new(&node.extra);
    if as_list {
        out.put(form.id, node.id.clone());
    } else {
        let usual = form.id_in_map.then(|| node.id.clone().into());
        out.field(form.id, usual, true, |spelt| spelt.is_null() || spelt.as_str() == Some(&node.id));
    }
    out.put(form.type_name, node.type_name.clone());
    write_config(&mut out, node, form)?;
    let options = &node.options;
    let same = |spelt: &Value| typed::meaning(spelt).is_some_and(|retry| retry == options.retry);
    out.field("retry", usual(options.retry.as_ref())?, false, same);
    let same = |spelt: &Value| typed::meaning(spelt).is_some_and(|breaker| breaker == options.breaker);
    out.field("breaker", usual(options.breaker.as_ref())?, false, same);
    let none = options.timeout_ms.is_none();
    out.field("timeout_ms", options.timeout_ms.map(Value::from), false, |spelt| none && spelt.is_null());
    if form.strict {
        out.note("position", typed::is_position);
    }
    let mut written = out.finish(form, form.node)?;
    if form.is_builder() && !as_list && written.get("node_type").is_some() {
        // A node with `node_type` in a map would be taken for an export.
        let mut fields = written.into_map().unwrap_or_default();
        fields.remove("node_type");
        written = fields.into();
    }
    Ok(written)
}

fn write_config(out: &mut Out<'_>, node: &NodeDraft, form: &Form) -> Result<()> {
    let hidden = node.extra.get(HIDDEN).and_then(Value::as_map).filter(|_| form.is_export());
    let config = match hidden {
        None => node.config.clone(),
        Some(hidden) => {
            let entries = hidden.iter().chain(&node.config);
            entries.map(|(name, value)| (name.clone(), value.clone())).collect()
        }
    };
    let empty = config.is_empty();
    let renamed = form.is_builder() && out.has_mark(|mark| mark == PARAMETERS);
    let (field, other) = if renamed { (PARAMETERS, "config") } else { ("config", PARAMETERS) };
    let usual = if form.full || !empty { Some(level::plain(config)?) } else { None };
    out.field(field, usual, empty, |spelt| empty && typed::is_empty(spelt));
    if form.is_builder() {
        out.field(other, None, true, Value::is_null);
    }
    Ok(())
}
