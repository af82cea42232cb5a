//! Documents that cannot run: refused before anything begins, with code 2 and a place.

use serde_json::json;

use crate::support::{ADD, Folder};

/// What `run --json` refuses `document` for.
fn codes(name: &str, document: &[u8]) -> Vec<String> {
    let folder = Folder::with(name, document);
    let said = folder.kailash(&["run", name, "--json"]);
    assert_eq!(said.code, 2, "{said:?}");
    let answer = said.json();
    assert_eq!((&answer["run_id"], &answer["status"]), (&json!(null), &json!("refused")));
    assert_eq!((&answer["results"], &answer["skipped"]), (&json!({}), &json!([])));
    assert_eq!(answer["duration_ms"], 0.0);
    for error in answer["errors"].as_array().unwrap() {
        assert_eq!((&error["kind"], &error["retry"]), (&json!("invalid"), &json!("never")));
        assert!(error["message"].is_string() && error.get("node").is_some());
    }
    assert!(said.err.starts_with("error["), "{}", said.err);
    let checked = folder.kailash(&["validate", name, "--json"]);
    assert_eq!((checked.code, checked.codes()), (2, said.codes()), "validate refuses what run refuses");
    said.codes()
}

fn of_nodes(nodes: &str) -> Vec<String> {
    codes("f.json", format!(r#"{{"format": "1.0", "nodes": {nodes}}}"#).as_bytes())
}

#[test]
fn every_kind_of_wrong_document_has_its_code() {
    assert_eq!(codes("f.json", b"{"), ["document.syntax"]);
    assert_eq!(codes("f.json", b""), ["document.syntax"]);
    assert_eq!(codes("f.yaml", b"a: [1"), ["document.syntax"]);
    assert_eq!(codes("f.json", br#"{"format": "1.0", "nodes": {}}"#), ["workflow.empty"]);
    assert_eq!(of_nodes(r#"{"a": {"type": "CSVRaeder"}}"#), ["node.type.unknown"]);
    assert_eq!(of_nodes(r#"{"a": {"type": "EdgeDataNode"}}"#), ["node.type.not_built"]);
    assert_eq!(of_nodes(r#"{"a": {"type": "TextReader"}}"#), ["input.missing"]);
    assert_eq!(of_nodes(r#"{"a": {"type": "TextReader", "config": {"file_path": 1}}}"#), ["config.kind"]);
    assert_eq!(of_nodes(r#"{"a": {"type": "Expression", "config": {"expr": "1"}}}"#), ["config.unknown"]);
    let twice = r#"[{"id": "a", "type": "Expression", "config": {"expression": "1"}},
                    {"id": "a", "type": "Expression", "config": {"expression": "1"}}]"#;
    assert_eq!(of_nodes(twice), ["node.id.duplicate"]);
}

#[test]
fn a_cycle_and_a_loose_end_are_refused() {
    let ab = r#""nodes": {"a": {"type": "Expression", "config": {"expression": "1"}},
                          "b": {"type": "Expression", "config": {"expression": "1"}}}"#;
    let with = |connections: &str| {
        codes("f.json", format!(r#"{{"format": "1.0", {ab}, "connections": {connections}}}"#).as_bytes())
    };
    let around = r#"[{"from": "a.result", "to": "b.item"}, {"from": "b.result", "to": "a.item"}]"#;
    assert_eq!(with(around), ["cycle.unmarked"]);
    assert_eq!(with(r#"[{"from": "a.result", "to": "c.item"}]"#), ["connection.node.unknown"]);
    assert_eq!(with(r#"[{"from": "a.resutl", "to": "b.item"}]"#), ["connection.output.unknown"]);
}

#[test]
fn bytes_that_are_no_text_are_refused_at_their_line() {
    let folder = Folder::with("f.json", b"{\n \"name\": \"\xff\"}");
    let said = folder.kailash(&["run", "f.json", "--json"]);
    assert_eq!((said.code, said.codes()), (2, vec!["document.encoding".to_owned()]));
    assert!(said.err.contains("line 2 column 11"), "{}", said.err);
}

#[test]
fn huge_nesting_is_refused_and_nothing_overflows() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(codes("f.json", deep.as_bytes()), ["document.limit"]);
    let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(codes("f.yaml", deep.as_bytes())[0].starts_with("document."));
}

#[test]
fn a_missing_file_is_refused_with_its_neighbour() {
    let folder = Folder::with("workflow.json", ADD);
    let said = folder.kailash(&["run", "worklfow.json", "--json"]);
    assert_eq!((said.code, said.codes()), (2, vec!["io.not_found".to_owned()]));
    assert_eq!(said.json()["errors"][0]["hint"], "did you mean `workflow.json`?");
    let said = folder.kailash(&["run", "."]);
    assert_eq!(said.code, 2, "a folder is no document: {said:?}");
}

#[test]
fn wrong_flags_are_refused_in_json_too() {
    let folder = Folder::with("add.json", ADD);
    for flags in
        [&["--runtime", "distributed"][..], &["--timeout", "0"], &["--max-concurrency", "0"], &["--bogus"]]
    {
        let said = folder.kailash(&[&["run", "add.json", "--json"], flags].concat());
        assert_eq!((said.code, said.codes()), (2, vec!["cli.usage".to_owned()]), "{flags:?}");
    }
    let said = folder.kailash(&["validate", "add.json", "--json", "--bogus"]);
    assert_eq!((said.code, &said.json()["valid"]), (2, &json!(false)));
    assert_eq!(folder.kailash(&["frobnicate"]).code, 2);
}

#[test]
fn no_document_can_steer_a_terminal() {
    let document = r#"{"format": "1.0", "nodes": {"a": {"type": "\u001b[31mred"}}}"#;
    let said = Folder::with("f.json", document).kailash(&["run", "f.json"]);
    assert_eq!(said.code, 2);
    assert!(!said.err.contains('\u{1b}'), "{:?}", said.err);
}
