//! What is refused, with which words, and that everything wrong is told at once.

use std::fmt::Write;

use kailash_core::{
    Value,
    format::{MAX_TEXT, Syntax, document_of, read},
    validate::Issues,
};

fn listed(issues: &Issues) -> String {
    issues.0.iter().fold(String::new(), |mut text, issue| {
        let place = issue.place.as_deref().unwrap_or("-");
        writeln!(text, "{place} [{}] {}", issue.code, issue.message).unwrap();
        if let Some(hint) = &issue.hint {
            writeln!(text, "    {hint}").unwrap();
        }
        text
    })
}

fn json(text: &str) -> String {
    listed(&read(text, Syntax::Json).expect_err(text))
}

fn yaml(text: &str) -> String {
    listed(&read(text, Syntax::Yaml).expect_err(text))
}

#[test]
fn every_problem_of_an_own_document_is_told_at_once() {
    insta::assert_snapshot!(yaml(
        r#"
format: 1.0
nam: x
description: [a]
metadata: x
on_failure: fail
timeout_ms: -1
parameters: 5
nodes:
  a: { typ: T }
  b: 7
  c: { type: T, id: d, config: [], retry: { max_attempt: 5 }, breaker: [1], timeout_ms: soon, position: [1] }
  d: { type: 5, retry: { backoff: linear, delay_ms: x }, extra: { type: x, retry: null, $mark: 1 } }
  e: { type: T, config: {}, extra: { config: {}, position: [1, 2] } }
connections:
  - { from: a, to: b.x }
  - { form: a.x, to: { node: b } }
  - { from: a.x, to: b.y, cycle: true, stream: 1 }
  - { from: a.x, to: b.y, cycle: { max_iterations: -1, untl: x } }
  - { from: a.x, to: b.y, extra: { stream: false } }
  - nothing
extra: 5
"#
    ));
}

#[test]
fn every_problem_of_a_builder_document_is_told_at_once() {
    insta::assert_snapshot!(json(
        r#"{"name": 5, "$x": 1, "nodes": [
            {"type": "T"}, {"id": "b"}, {"id": 7, "type": []}, null,
            {"id": "c", "type": "T", "config": {}, "parameters": {}},
            {"id": "d", "type": "T", "config": "x", "$y": 1}],
          "connections": [
            {"from": "a", "from_node": "a", "to": 5}, {"from_node": "a", "to_node": "b", "to_input": 1},
            {"from": "a", "to": "b", "cycle": "yes"},
            {"from": "a", "to": "b", "cycle": true, "max_iterations": 1e99, "cycle_id": 5}, 3]}"#
    ));
}

#[test]
fn every_problem_of_an_export_is_told_at_once() {
    insta::assert_snapshot!(json(
        r#"{"workflow_id": "w", "name": null, "nodes": {
            "a": {"node_id": "b", "node_type": "T", "config": {"password": "***", "auth": {"token": "[REDACTED]"},
                  "servers": [{"api_key": "<redacted>"}], "note": "***"}},
            "c": {"node_id": "c", "config": {}}},
          "connections": {"a": 1}}"#
    ));
}

#[test]
fn text_that_is_no_document_is_refused_with_its_place() {
    let texts = [
        "",
        "{",
        "[]",
        "null",
        "{\"nodes\": {}, \"nodes\": {}}",
        "{\"nodes\": 5}",
        "{}",
        "{\"nodes\": {}} x",
        "{\"a\": 01}",
        "{\"nodes\": {}, \"connections\": 1e999}",
        "{\"x\": {\"$bytes\": \"?\"}}",
    ];
    let all: String = texts.iter().map(|text| format!("{text}\n{}\n", json(text))).collect();
    insta::assert_snapshot!(all + &json(&"[".repeat(1000)));
}

#[test]
fn yaml_that_is_no_document_is_refused_with_its_place() {
    let texts = [
        "",
        "a: b: c",
        "nodes: {}\n---\nnodes: {}\n",
        "nodes: {}\nnodes: {}\n",
        "nodes: [1",
        "a: *b",
        "- x",
        "nodes: {}\nx: !made 5",
        "nodes: {}\nx: .inf",
        "\tx: 1",
        "nodes: {a: &a [*a]}",
        "format: \"2.0\"\nnodes: {}",
        "format: one\nnodes: {}",
        "nodes: {}\n? [a, b]\n: 1",
    ];
    let all: String = texts.iter().map(|text| format!("{text}\n{}\n", yaml(text))).collect();
    insta::assert_snapshot!(all);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("nodes: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = level - 1;
        writeln!(text, "a{level}: &a{level} [{}]", vec![format!("*a{below}"); 10].join(", ")).unwrap();
    }
    let issues = read(&text, Syntax::Yaml).unwrap_err();
    assert_eq!(issues.0[0].code, "document.limit", "{issues}");
}

#[test]
fn deep_yaml_is_refused_without_exhausting_the_stack() {
    for text in [format!("nodes: {}", "[".repeat(100_000)), format!("a: {}", "- ".repeat(100_000))] {
        assert!(read(&text, Syntax::Yaml).is_err());
    }
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let text = " ".repeat(MAX_TEXT + 1);
    assert_eq!(read(&text, Syntax::Json).unwrap_err().0[0].code, "document.limit");
}

#[test]
fn too_many_nodes_are_refused() {
    let nodes: Value = std::iter::repeat_n(Value::Null, 1_000_001).collect();
    let issues = document_of(&kailash_core::value!({"nodes": nodes})).unwrap_err();
    assert_eq!((issues.0.len(), issues.0[0].code.as_str()), (1, "document.limit"));
}

#[test]
fn a_long_list_of_problems_is_cut() {
    let nodes: Value = std::iter::repeat_n(Value::Null, 5000).collect();
    let issues = document_of(&kailash_core::value!({"nodes": nodes})).unwrap_err();
    assert_eq!(issues.0.len(), 1001);
    assert_eq!(issues.0[1000].message, "and 4000 more problems");
}

#[test]
fn yaml_words_that_are_not_yaml_1_2_booleans_are_text() {
    let document = read("nodes: {a: {type: T, config: {b: on, c: no, d: true}}}", Syntax::Yaml).unwrap();
    assert_eq!(
        Value::from(document.nodes[0].config.clone()),
        kailash_core::value!({"b": "on", "c": "no", "d": true})
    );
}
