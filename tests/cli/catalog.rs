//! `kailash nodes` and `kailash schema`.

use serde_json::{Value, json};

use crate::support::Folder;

#[test]
fn the_table_has_every_type_under_its_category() {
    let folder = Folder::new();
    let said = folder.kailash(&["nodes"]);
    assert_eq!(said.code, 0);
    let all = folder.kailash(&["nodes", "--json"]).json();
    for node in all.as_array().unwrap() {
        assert!(said.out.contains(node["name"].as_str().unwrap()), "{node}");
    }
    let logic = folder.kailash(&["nodes", "--category", "logic"]).out;
    assert!(logic.contains("Switch") && !logic.contains("CSVReader"), "{logic}");
    assert_eq!(folder.kailash(&["nodes", "--category", "lgoic"]).code, 2);
}

#[test]
fn json_tells_everything_about_each_type() {
    let all = Folder::new().kailash(&["nodes", "--json"]).json();
    let keys = [
        "name",
        "category",
        "summary",
        "effect",
        "aliases",
        "version",
        "requires",
        "inputs",
        "outputs",
        "open_inputs",
        "schema",
    ];
    for node in all.as_array().unwrap() {
        for key in keys {
            assert!(node.get(key).is_some(), "{key} of {}", node["name"]);
        }
        assert_eq!(node["schema"]["title"], node["name"]);
    }
    let reader = all.as_array().unwrap().iter().find(|node| node["name"] == "CSVReader").unwrap();
    assert_eq!((&reader["category"], &reader["inputs"][0]["name"]), (&json!("data"), &json!("file_path")));
}

#[test]
fn one_type_is_told_with_its_parameters_and_outputs() {
    let folder = Folder::new();
    let said = folder.kailash(&["nodes", "CSVReaderNode"]);
    assert_eq!(said.code, 0);
    for part in [
        "CSVReader",
        "(data)",
        "file_path  text, input, required",
        "delimiter  text, input, default \",\"",
        "infer_types  bool, static, default false",
        "data  list, streams",
        "effect",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert_eq!(folder.kailash(&["nodes", "CSVReader", "--json"]).json()["name"], "CSVReader");
}

#[test]
fn an_unknown_type_is_answered_with_the_nearest() {
    let said = Folder::new().kailash(&["nodes", "CSVRaeder"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("did you mean `CSVReader`?"), "{}", said.err);
}

#[test]
fn the_catalog_is_a_page_of_markdown() {
    let said = Folder::new().kailash(&["nodes", "--markdown"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("# Node types\n") && said.out.contains("### CSVReader\n"));
    assert!(said.out.contains("| `file_path` | text | input; required |"), "{}", said.out);
}

#[test]
fn schemas_are_json_schemas() {
    let folder = Folder::new();
    let schema = |arguments: &[&str]| -> Value { folder.kailash(arguments).json() };
    assert!(schema(&["schema"])["properties"]["nodes"].is_object());
    assert!(schema(&["schema", "--node", "Filter"])["properties"]["operator"].is_object());
    assert_eq!(folder.kailash(&["schema", "--node", "Fitler"]).code, 2);
}

#[test]
fn help_teaches_by_examples_and_the_version_is_known() {
    let folder = Folder::new();
    for command in ["run", "validate", "nodes", "schema", "graph", "convert", "new", "completions"] {
        let said = folder.kailash(&[command, "--help"]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("Examples:"), "{command}");
    }
    let version = folder.kailash(&["--version"]);
    assert_eq!(version.out, format!("kailash {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn there_are_completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = Folder::new().kailash(&["completions", shell]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("kailash") && said.out.contains("max-concurrency"), "{shell}");
    }
    assert_eq!(Folder::new().kailash(&["completions", "cmd"]).code, 2);
}
