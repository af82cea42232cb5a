//! `kailash validate`: every problem at once, each with its place.

use serde_json::json;

use crate::support::{ADD, Folder};

const WRONG: &str = r#"format: "1.0"
nodes:
  read:
    type: CSVReader
    config:
      file_path: in.csv
      delimter: ";"
  large:
    type: Filtre
connections:
  - { from: read.data, to: large.data }
  - { from: raed.data, to: large.data }
"#;

#[test]
fn a_valid_document_is_said_to_be_and_zero() {
    let folder = Folder::with("add.json", ADD);
    let said = folder.kailash(&["validate", "add.json"]);
    assert_eq!((said.code, said.out.as_str()), (0, "add.json: valid (1 node, 0 connections)\n"));
    let said = folder.kailash(&["validate", "add.json", "--json"]);
    assert_eq!(said.json(), json!({"valid": true, "issues": []}));
}

#[test]
fn every_problem_is_shown_with_its_line_and_hint() {
    let said = Folder::with("flow.yaml", WRONG).kailash(&["validate", "flow.yaml"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    insta::assert_snapshot!(said.err);
}

#[test]
fn issues_in_json_carry_code_node_message_hint_and_place() {
    let said = Folder::with("flow.yaml", WRONG).kailash(&["validate", "flow.yaml", "--json"]);
    assert_eq!(said.code, 2);
    let answer = said.json();
    assert_eq!(answer["valid"], false);
    let issue = &answer["issues"][0];
    assert_eq!((&issue["code"], &issue["node"]), (&json!("config.unknown"), &json!("read")));
    assert_eq!((&issue["line"], &issue["column"]), (&json!(7), &json!(7)));
    assert_eq!(
        (&issue["severity"], &issue["place"]),
        (&json!("error"), &json!("nodes.read.config.delimter"))
    );
    assert_eq!(issue["hint"], "did you mean `delimiter`?");
}

#[test]
fn a_warning_does_not_make_a_document_invalid() {
    let document = r#"{"format": "1.0", "nodes": {
        "a": {"type": "Expression", "config": {"expression": "1"}},
        "b": {"type": "Expression", "config": {"expression": "2"}},
        "c": {"type": "Expression", "config": {"expression": "item"}}},
      "connections": [{"from": "a.result", "to": "c.item"}, {"from": "b.result", "to": "c.item"}]}"#;
    let said = Folder::with("f.json", document).kailash(&["validate", "f.json", "--json"]);
    assert_eq!((said.code, said.codes()), (0, vec!["connection.several".to_owned()]));
    assert_eq!(said.json()["issues"][0]["severity"], "warning");
}

#[test]
fn parameters_count_as_they_do_for_a_run() {
    let document = r#"{"format": "1.0", "nodes": {"read": {"type": "TextReader"}}}"#;
    let folder = Folder::with("f.json", document);
    assert_eq!(folder.kailash(&["validate", "f.json"]).code, 2);
    assert_eq!(folder.kailash(&["validate", "f.json", "--param", "read.file_path=x"]).code, 0);
    let said = folder.kailash(&["validate", "f.json", "--param", "read.file_path=1"]);
    assert!(said.err.contains("--> run parameters"), "{}", said.err);
}
