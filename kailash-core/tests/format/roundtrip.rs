//! Real exports and builder documents come back as they were, directly and by way of the other forms.

use std::{fs, path::PathBuf};

use kailash_core::{
    Value,
    format::{Syntax, document_of, read, to_text, write},
    value,
    workflow::Dialect,
};

fn samples() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/kailash");
    let mut samples: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.ends_with(".json") && !name.ends_with(".result.json"))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    samples.sort();
    assert!(samples.len() >= 17, "the samples are there");
    samples
}

/// Reads `value`, writes it in each of `way`, and reads what was written.
fn through(value: &Value, way: &[Dialect]) -> Value {
    way.iter().fold(value.clone(), |value, dialect| {
        let document = document_of(&value).unwrap();
        write(&document, *dialect).unwrap()
    })
}

#[test]
fn every_export_comes_back_as_it_was() {
    for (name, text) in samples() {
        let value = Value::from_json(&text).unwrap();
        let document = read(&text, Syntax::Json).unwrap();
        assert_eq!(document.dialect, Dialect::Export, "{name}");
        assert_eq!(through(&value, &[Dialect::Export]), value, "{name}");
        assert_eq!(through(&value, &[Dialect::Own, Dialect::Export]), value, "{name}");
    }
}

#[test]
fn every_export_survives_text_in_both_syntaxes() {
    for (name, text) in samples() {
        let value = Value::from_json(&text).unwrap();
        for syntax in [Syntax::Json, Syntax::Yaml] {
            let own = to_text(&read(&text, Syntax::Json).unwrap(), Dialect::Own, syntax).unwrap();
            let back = to_text(&read(&own, syntax).unwrap(), Dialect::Export, syntax).unwrap();
            let back = read(&back, syntax).unwrap();
            assert_eq!(write(&back, Dialect::Export).unwrap(), value, "{name} {syntax:?}\n{own}");
        }
    }
}

#[test]
fn an_export_keeps_its_meaning_in_the_builder_form() {
    for (name, text) in samples() {
        let document = read(&text, Syntax::Json).unwrap();
        let builder = document_of(&write(&document, Dialect::Builder).unwrap()).unwrap();
        assert_eq!(builder.dialect, Dialect::Builder, "{name}");
        assert_eq!(builder.name, document.name, "{name}");
        let ids = |d: &kailash_core::workflow::Document| {
            d.nodes.iter().map(|n| (n.id.clone(), n.type_name.clone(), n.config.clone())).collect::<Vec<_>>()
        };
        assert_eq!(ids(&builder), ids(&document), "{name}");
        let strip = |mut d: kailash_core::workflow::Document| {
            d.connections.iter_mut().for_each(|c| c.extra = Default::default());
            d.connections
        };
        assert_eq!(strip(builder), strip(document), "{name}");
    }
}

#[test]
fn a_cycle_of_an_export_is_one_here() {
    let (_, text) = samples().into_iter().find(|(name, _)| name == "06_cycle.json").unwrap();
    let document = read(&text, Syntax::Json).unwrap();
    let cycle = document.connections[1].cycle.as_ref().unwrap();
    assert_eq!(cycle.max_iterations, 10);
    assert_eq!(cycle.convergence.as_deref(), Some("done == True"));
    assert_eq!(cycle.id.as_deref(), Some("loop"));
    assert_eq!(cycle.condition, None);
}

#[test]
fn an_export_says_nothing_to_node_types_that_they_do_not_know() {
    let (_, text) = samples().into_iter().find(|(name, _)| name == "03_switch_bool.json").unwrap();
    let document = read(&text, Syntax::Json).unwrap();
    for node in &document.nodes {
        assert!(!node.config.contains_key("name"), "{}", node.id);
        assert!(!node.config.keys().any(|name| name.starts_with('_')), "{}", node.id);
    }
    assert_eq!(document.note("version"), Some("1.0.0"));
}

/// Documents that spell things in every way a form allows.
fn odd_documents() -> Vec<Value> {
    vec![
        value!({"nodes": {}}),
        value!({"nodes": [], "connections": []}),
        value!({"name": null, "nodes": [{"id": "a", "type": "T"}], "connections": null}),
        value!({"nodes": [{"id": "a", "type": "T", "parameters": {"x": 1}, "config": null}]}),
        value!({"nodes": [{"id": "a", "type": "T", "parameters": null, "config": {}}]}),
        value!({"nodes": [{"id": "a", "type": "T", "node_type": "U", "parameters": null}]}),
        value!({"nodes": {"a": {"id": "a", "type": "T", "config": null, "retry": {"max_attempts": 2}}}}),
        value!({"nodes": {"a": {"type": "T", "timeout_ms": null, "x": [1]}}, "parameters": {}, "y": null}),
        value!({"name": "n", "nodes": {"a.b": {"type": "T"}, "a": {"type": "T"}}, "connections": [
            {"from": "a.b", "to": "a"},
            {"from": "a.b.c.d", "to": "a.in"},
            {"from": "a", "to_node": "a.b", "to_input": "in", "to": null},
            {"from": "a.c", "from_node": null, "to": "a", "cycle": true},
            {"from_node": "a", "from_output": "x", "to_node": "a", "to_input": "y", "stream": true},
            {"from_node": "a", "from_output": "x", "to_node": "a", "to_input": "y", "stream": null, "z": 1},
            {"from": "a", "to": "a", "cycle": true, "max_iterations": null, "cycle_id": "l", "condition": "x > 1"},
            {"from": "a", "to": "a", "cycle": false, "max_iterations": 7},
            {"from": "a", "to": "a", "cycle": null, "convergence_check": null}
        ]}),
        value!({"workflow_id": "w", "nodes": {"a": {"node_type": "T"}}}),
        value!({"workflow_id": 7, "name": "", "nodes": {"a": {"node_type": "T", "config": null, "id": 1}}}),
        value!({"workflow_id": "w", "name": "w", "on_failure": "continue", "timeout_ms": 5.0, "extra": 1,
            "description": 5, "metadata": [], "version": null,
            "nodes": {"a": {"node_id": null, "node_type": "T", "position": "left", "type": "T", "extra": {},
                "config": {"name": "a", "_x": null, "__y": 1, "z": 2},
                "retry": null, "breaker": {"open_ms": 5}}},
            "connections": [{"source_node": "a", "source_output": "x.y", "target_node": "a", "target_input": "i",
                "from": "a.x.y", "to": {"node": "a", "input": "i"}, "cycle": true, "timeout": 5}]}),
        value!({"format": "1.0", "nodes": {}, "extra": {}}),
        value!({"format": "1.7", "name": "", "nodes": [], "connections": [], "parameters": null}),
        value!({"format": "1.0", "name": null, "description": null, "metadata": {}, "on_failure": null,
            "nodes": {"a": {"type": "T", "id": "a", "config": {}, "position": null, "retry": {"delay_ms": 5}}},
            "connections": [
                {"from": "a.x", "to": {"node": "a", "input": "y"}, "stream": false, "cycle": {"until": "x"}},
                {"from": {"node": "a.b", "output": "x.y"}, "to": "a.", "cycle": {"max_iterations": 5, "id": null}},
                {"from": "a.x", "to": "a.y", "extra": {"from": "a.x", "source_node": 1, "cycle": true}}
            ],
            "extra": {"description ": 1, "workflow_id": "w", "extra": {}}}),
    ]
}

#[test]
fn however_a_document_is_spelt_it_comes_back_the_same() {
    for value in odd_documents() {
        let document = document_of(&value).unwrap_or_else(|issues| panic!("{value:?}: {issues}"));
        assert_eq!(through(&value, &[document.dialect]), value);
    }
}

#[test]
fn however_a_document_is_spelt_it_comes_back_from_our_own_form() {
    for value in odd_documents() {
        let document = document_of(&value).unwrap();
        assert_eq!(through(&value, &[Dialect::Own, document.dialect]), value);
        let own = write(&document, Dialect::Own).unwrap();
        assert_eq!(through(&own, &[Dialect::Own]), own);
    }
}

#[test]
fn an_export_node_list_with_one_id_twice_is_not_written_as_a_map() {
    let list = value!({"nodes": [{"id": "a", "type": "T"}, {"id": "a", "type": "T"}]});
    let error = write(&document_of(&list).unwrap(), Dialect::Export).unwrap_err();
    assert_eq!(error.code(), "node.id.duplicate");
}
