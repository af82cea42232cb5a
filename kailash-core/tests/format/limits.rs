//! The limits of both syntaxes: what one can hold, and what the other refuses to write.

use kailash_core::{
    format::{Syntax, read, to_text},
    workflow::Dialect,
};

fn nested(depth: usize) -> String {
    // Three levels are the document, its nodes and the node.
    let lists = depth - 3;
    let (open, close) = ("[".repeat(lists), "]".repeat(lists));
    format!("{{\"nodes\": {{\"a\": {{\"type\": \"T\", \"x\": {open}{close}}}}}}}")
}

#[test]
fn yaml_nests_64_levels_deep() {
    let document = read(&nested(64), Syntax::Yaml).unwrap();
    assert_eq!(read(&nested(64), Syntax::Json).unwrap(), document);
    let yaml = to_text(&document, Dialect::Builder, Syntax::Yaml).unwrap();
    assert_eq!(read(&yaml, Syntax::Yaml).unwrap(), document);
    assert_eq!(read(&nested(65), Syntax::Yaml).unwrap_err().0[0].code, "document.limit");
}

#[test]
fn json_nests_127_levels_deep_and_is_not_written_as_yaml_then() {
    let document = read(&nested(127), Syntax::Json).unwrap();
    let error = to_text(&document, Dialect::Builder, Syntax::Yaml).unwrap_err();
    assert_eq!((error.code(), error.hint()), ("document.limit", Some("write JSON")));
    assert_eq!(read(&nested(128), Syntax::Json).unwrap_err().0[0].code, "document.limit");
}

#[test]
fn long_keys_and_texts_go_through_yaml() {
    for length in [100, 1000, 1020, 1024, 1025, 5000, 100_000] {
        for unit in ["k", "é", "a b ", "\"", "\n"] {
            let key = serde_json::to_string(&unit.repeat(length)).unwrap();
            let json = format!("{{\"nodes\": {{{key}: {{\"type\": {key}}}}}}}");
            let document = read(&json, Syntax::Json).unwrap();
            let yaml = to_text(&document, Dialect::Builder, Syntax::Yaml).unwrap();
            let again =
                read(&yaml, Syntax::Yaml).unwrap_or_else(|issues| panic!("{length} {unit:?}: {issues}"));
            assert!(again == document, "{length} {unit:?}");
        }
    }
}
