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

#[test]
fn a_device_is_written_to_and_a_link_and_its_permissions_stay() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
    let folder = Folder::with("add.json", ADD);
    let status = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap();
    assert!(status.success());
    let reader = std::thread::spawn({
        let path = folder.path("pipe");
        move || std::fs::read_to_string(path).unwrap()
    });
    let said = folder.kailash(&["convert", "add.json", "--to", "own", "-o", "pipe"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(reader.join().unwrap().contains("Expression"));
    assert!(std::fs::symlink_metadata(folder.path("pipe")).unwrap().file_type().is_fifo());
    folder.write("target.json", "old");
    std::fs::set_permissions(folder.path("target.json"), PermissionsExt::from_mode(0o600)).unwrap();
    symlink(folder.path("target.json"), folder.path("link.json")).unwrap();
    assert_eq!(folder.kailash(&["convert", "add.json", "--to", "own", "-o", "link.json"]).code, 0);
    assert!(std::fs::symlink_metadata(folder.path("link.json")).unwrap().is_symlink());
    assert!(folder.read("target.json").contains("Expression"));
    assert_eq!(std::fs::metadata(folder.path("target.json")).unwrap().permissions().mode() & 0o777, 0o600);
    let said = folder.kailash(&["convert", "add.json", "--to", "own", "-o", "missing/x.json"]);
    assert!(said.code != 0 && !said.err.contains(".tmp"), "{said:?}");
}
