//! `kailash new`: what it makes runs at once.

use crate::support::Folder;

#[test]
fn every_template_validates_runs_and_says_what_it_did() {
    for (template, made) in [("pipeline", Some("warm.json")), ("branch", Some("report.txt")), ("cycle", None)]
    {
        let folder = Folder::new();
        let said = folder.kailash(&["new", "demo", "--template", template]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{template}");
        assert!(said.out.contains("kailash run demo/workflow.yaml --dir demo"), "{}", said.out);
        let said = folder.kailash(&["run", "demo/workflow.yaml", "--dir", "demo", "--json"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{template}: {said:?}");
        if let Some(made) = made {
            assert!(folder.path("demo").join(made).exists(), "{template}");
        }
        assert_eq!(folder.kailash(&["validate", "demo/workflow.yaml"]).code, 0, "{template}");
        assert!(folder.read("demo/README.md").starts_with("# demo\n"));
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = Folder::new();
    assert_eq!(folder.kailash(&["new", "demo"]).code, 0);
    folder.write("demo/workflow.yaml", "mine");
    let said = folder.kailash(&["new", "demo"]);
    assert_eq!((said.code, folder.read("demo/workflow.yaml").as_str()), (2, "mine"));
    folder.write("file", "x");
    assert_eq!(folder.kailash(&["new", "file"]).code, 2);
    std::fs::create_dir(folder.path("empty")).unwrap();
    assert_eq!(folder.kailash(&["new", "empty"]).code, 0);
}

#[test]
fn an_odd_name_makes_a_workflow_that_runs() {
    let folder = Folder::new();
    assert_eq!(folder.kailash(&["new", "it's: {odd}"]).code, 0);
    let said = folder.kailash(&["run", "it's: {odd}/workflow.yaml", "--dir", "it's: {odd}", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
}
