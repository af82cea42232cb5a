//! `kailash graph`: every format, whatever stands in the names.

use std::fmt::Write;

use crate::support::Folder;

const ODD: &str = r#"{"format": "1.0", "name": "a <b> & \"c\"", "nodes": {
    "read": {"type": "CSVReader", "config": {"file_path": "x"}},
    "<script>\u0007 & ]]>": {"type": "Switch", "config": {"condition_field": "k", "value": 1}},
    "keep": {"type": "Filter", "config": {"field": "k", "value": 1}},
    "back": {"type": "Expression", "config": {"expression": "1"}},
    "who": {"type": "Nobody \"knows\""}},
  "connections": [
    {"from": "read.data", "to": "keep.data", "stream": true},
    {"from": {"node": "<script>\u0007 & ]]>", "output": "true_output"}, "to": "back.item"},
    {"from": "back.result", "to": {"node": "<script>\u0007 & ]]>", "input": "input_data"},
     "cycle": {"max_iterations": 5, "until": "result > 3 && \"x\""}},
    {"from": "back.result", "to": "who.x"}]}"#;

fn drawn(document: &str, format: &str) -> String {
    let said = Folder::with("f.json", document).kailash(&["graph", "f.json", "--format", format]);
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

/// A small check that `text` is well-formed XML: tags nest, and `<`, `&` and control characters stand only as markup.
fn check_xml(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        check_text(before);
        let end = tag.find('>').expect("a tag ends");
        let inner = &tag[1..end];
        assert!(!inner.contains('<'), "{inner}");
        match inner.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if inner.ends_with('/') => {}
            None => open.push(inner.split([' ', '\n']).next().unwrap()),
        }
        assert_eq!(inner.matches('"').count() % 2, 0, "{inner}");
        rest = &tag[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}

fn check_text(text: &str) {
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
    for part in text.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| part.starts_with(name)), "{text}");
    }
}

#[test]
fn a_picture_is_well_formed_whatever_the_names() {
    let svg = drawn(ODD, "svg");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    check_xml(&svg);
    assert!(svg.contains("class=\"e stream\"") && svg.contains("class=\"e back\""));
    assert!(svg.contains("prefers-color-scheme:dark"));
    assert!(svg.contains("true_output") && svg.contains("at most 5x"));
}

#[test]
fn mermaid_dot_and_text_are_as_they_were() {
    insta::assert_snapshot!("mermaid", drawn(ODD, "mermaid"));
    insta::assert_snapshot!("dot", drawn(ODD, "dot"));
    insta::assert_snapshot!("text", drawn(ODD, "text"));
}

#[test]
fn the_output_file_decides_the_format() {
    let folder = Folder::with("f.json", ODD);
    let said = folder.kailash(&["graph", "f.json", "-o", "f.svg"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    check_xml(&folder.read("f.svg"));
    assert_eq!(folder.kailash(&["graph", "f.json", "-o", "no/such/folder.svg"]).code, 1);
}

#[test]
fn a_workflow_of_a_thousand_nodes_is_drawn_and_one_of_many_more_refused() {
    let document = |count: usize| {
        let mut nodes = String::new();
        let mut connections = String::new();
        for at in 0..count {
            write!(nodes, "{}\"n{at}\": {{\"type\": \"Expression\"}}", if at > 0 { "," } else { "" })
                .unwrap();
            if at > 0 {
                let comma = if at > 1 { "," } else { "" };
                write!(
                    connections,
                    "{comma}{{\"from\": \"n{}.result\", \"to\": \"n{at}.item\"}}",
                    at * 7 / 9
                )
                .unwrap();
            }
        }
        format!("{{\"format\": \"1.0\", \"nodes\": {{{nodes}}}, \"connections\": [{connections}]}}")
    };
    check_xml(&drawn(&document(1000), "svg"));
    let folder = Folder::with("f.json", document(3000));
    assert_eq!(folder.kailash(&["graph", "f.json", "--format", "svg"]).code, 2);
    assert_eq!(folder.kailash(&["graph", "f.json", "--format", "dot"]).code, 0);
}

#[test]
fn a_connection_to_nowhere_is_left_out_with_a_warning() {
    let document = r#"{"format": "1.0", "nodes": {"a": {"type": "Expression"}},
        "connections": [{"from": "a.result", "to": "b.item"}]}"#;
    let said = Folder::with("f.json", document).kailash(&["graph", "f.json", "--format", "svg"]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains("1 connection leads to no node"), "{}", said.err);
}
