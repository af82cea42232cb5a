//! Run parameters: where they come from, and which goes first.

use serde_json::{Value, json};

use crate::support::{ADD, Folder, Said};

fn result(said: &Said) -> Value {
    assert_eq!(said.code, 0, "{said:?}");
    said.json()["results"]["sum"]["result"].clone()
}

#[test]
fn a_flag_goes_before_the_file_and_the_file_before_the_document() {
    let folder = Folder::with("add.json", ADD);
    folder.write("p.json", r#"{"sum": {"a": 10}}"#);
    folder.write("flat.yaml", "a: 100\nb: 200\n");
    let run = |more: &[&str]| result(&folder.kailash(&[&["run", "add.json", "--json"], more].concat()));
    assert_eq!(run(&[]), 3);
    assert_eq!(run(&["--params", "p.json"]), 12);
    assert_eq!(run(&["--params", "flat.yaml"]), 300);
    assert_eq!(run(&["--params", "p.json", "--param", "sum.a=20"]), 22);
    assert_eq!(run(&["--params", "p.json", "--param", "a=30"]), 32);
    assert_eq!(run(&["--param", "a=1", "--param", "sum.a=5", "--param", "b=0"]), 5);
}

#[test]
fn a_value_is_json_else_text() {
    let document = r#"{"format": "1.0", "nodes": {
        "sum": {"type": "Expression", "config": {"expression": "[x]"}}}}"#;
    let folder = Folder::with("f.json", document);
    let run = |value: &str| {
        result(&folder.kailash(&["run", "f.json", "--json", "--param", &format!("sum.x={value}")]))[0].clone()
    };
    assert_eq!(run("42"), json!(42));
    assert_eq!(run("true"), json!(true));
    assert_eq!(run(r#"{"k": [1]}"#), json!({"k": [1]}));
    assert_eq!(run("today.csv"), json!("today.csv"));
    assert_eq!(run(r#""42""#), json!("42"));
    assert_eq!(run("a=b"), json!("a=b"));
    assert_eq!(run(""), json!(""));
}

#[test]
fn a_node_id_with_dots_is_the_longest_that_fits() {
    let document = r#"{"format": "1.0", "nodes": [
        {"id": "a", "type": "Expression", "config": {"expression": "0"}},
        {"id": "a.b", "type": "Expression", "config": {"expression": "c"}}]}"#;
    let said = Folder::with("f.json", document).kailash(&["run", "f.json", "--json", "--param", "a.b.c=7"]);
    assert_eq!(said.json()["results"]["a.b"]["result"], 7, "{said:?}");
}

#[test]
fn what_no_node_takes_is_refused_with_a_hint() {
    let document = r#"{"format": "1.0", "nodes": {
        "read": {"type": "TextReader", "config": {"file_path": "x"}}}}"#;
    let folder = Folder::with("f.json", document);
    let refused = |param: &str| {
        let said = folder.kailash(&["run", "f.json", "--json", "--param", param]);
        assert_eq!(said.code, 2, "{said:?}");
        said.codes()
    };
    assert_eq!(refused("raed.file_path=y"), ["param.node.unknown"]);
    assert_eq!(refused("read.file_pth=y"), ["param.unknown"]);
    assert_eq!(refused("file_pth=y"), ["param.unknown"]);
    assert_eq!(refused("read.file_path=42"), ["param.kind"]);
    assert_eq!(refused("no equals sign"), ["param.form"]);
}

#[test]
fn a_broken_file_of_parameters_is_shown_with_its_line() {
    let folder = Folder::with("add.json", ADD);
    folder.write("p.json", "{\n  \"a\": }\n");
    folder.write("list.yaml", "- 1\n");
    let said = folder.kailash(&["run", "add.json", "--params", "p.json"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--> p.json:2:"), "{}", said.err);
    let said = folder.kailash(&["run", "add.json", "--json", "--params", "list.yaml"]);
    assert_eq!((said.code, said.codes()), (2, vec!["params.shape".to_owned()]));
    assert_eq!(folder.kailash(&["run", "add.json", "--params", "none.json"]).code, 2);
}
