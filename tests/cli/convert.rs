//! `kailash convert`: other forms, and back.

use serde_json::Value;

use crate::support::{ADD, Folder};

#[test]
fn a_document_goes_to_every_form_and_back() {
    let folder = Folder::with("add.json", ADD);
    let original: Value = serde_json::from_str(ADD).unwrap();
    for form in ["export", "builder"] {
        for name in ["x.json", "x.yaml"] {
            assert_eq!(folder.kailash(&["convert", "add.json", "--to", form, "-o", name]).code, 0);
            let said = folder.kailash(&["run", name, "--json"]);
            assert_eq!(said.json()["results"]["sum"]["result"], 3, "{form} {name}: {said:?}");
            let back = folder.kailash(&["convert", name, "--to", "own"]).json();
            assert_eq!(back["parameters"], original["parameters"], "{form} {name}");
        }
    }
}

#[test]
fn yaml_is_written_where_it_is_asked_for() {
    let folder = Folder::with("add.json", ADD);
    let said = folder.kailash(&["convert", "add.json", "--to", "own", "--yaml"]);
    assert!(said.out.starts_with("format: "), "{}", said.out);
    let said = folder.kailash_with_stdin(&["run", "-", "--json"], said.out.as_bytes());
    assert_eq!(said.code, 0, "{said:?}");
}
