//! Places found in text.

use kailash_core::format::{Position, Syntax, locate};

const JSON: &str = r#"{
  "name": "x", "odd \"key\"": {"b": 1},
  "nodes": {
    "a.b": {"type": "T", "config": {"file_path": "}{\"", "list": [1, {"z": 2}]}},
    "a": {"b": {"c": 1}, "node_type": "é", "last": 1}
  },
  "connections": [{"from": "a"}, {"from": "b",
    "to": "c"}]
}"#;

fn at(text: &str, syntax: Syntax, place: &str) -> Option<(usize, usize)> {
    locate(text, syntax, place).map(|Position { line, column }| (line, column))
}

#[test]
fn places_in_json_are_found() {
    let at = |place| at(JSON, Syntax::Json, place);
    assert_eq!(at("nodes"), Some((3, 3)));
    assert_eq!(at("nodes.a.b.config.file_path"), Some((4, 37)), "the longest key wins");
    assert_eq!(at("nodes.a.b.config.list[1].z"), Some((4, 71)));
    assert_eq!(at("nodes.a.last"), Some((5, 44)), "columns count characters");
    assert_eq!(at("connections[1].to"), Some((8, 5)));
    assert_eq!(at("connections[1]"), Some((7, 34)));
    assert_eq!(at("odd \"key\".b"), Some((2, 32)));
}

#[test]
fn where_the_end_is_missing_the_longest_prefix_is_found() {
    let at = |place| at(JSON, Syntax::Json, place);
    assert_eq!(at("nodes.a.b.retry.delay"), Some((4, 5)));
    assert_eq!(at("connections[7].to"), Some((7, 3)));
    assert_eq!(at("nodes.a.type"), Some((5, 26)), "as an export calls it");
    assert_eq!(at("nowhere.at.all"), None);
    assert_eq!(at("line 3 column 9"), Some((3, 9)));
}

#[test]
fn broken_json_is_searched_as_far_as_it_goes() {
    assert_eq!(at("{\"a\": {\"b\": \"x", Syntax::Json, "a.b"), Some((1, 8)));
    assert_eq!(at("{\"a\" {\"b\" 1}, ]}", Syntax::Json, "a.b"), Some((1, 7)));
    assert_eq!(at("\"\\", Syntax::Json, "a"), None);
    assert_eq!(at("", Syntax::Json, "a"), None);
}

#[test]
fn places_in_yaml_are_found() {
    let text = "name: x\nnodes:\n  a.b:\n    type: T\n  a: {é: 1, config: {k: [1, 2]}}\nconnections:\n  - from: x\n    to: y\n  - {from: z}\n";
    let at = |place| at(text, Syntax::Yaml, place);
    assert_eq!(at("nodes.a.b.type"), Some((4, 5)));
    assert_eq!(at("nodes.a.config.k[1]"), Some((5, 29)));
    assert_eq!(at("connections[0].to"), Some((8, 5)));
    assert_eq!(at("connections[1].from"), Some((9, 6)));
    assert_eq!(at("connections[1].to"), Some((9, 5)));
}
