//! `kailash run`: the output contract, and what people see.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::{ADD, Folder};

const KEYS: [&str; 6] = ["duration_ms", "errors", "results", "run_id", "skipped", "status"];

fn keys(answer: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_completed_run_answers_with_one_object_and_zero() {
    let said = Folder::with("add.json", ADD).kailash(&["run", "add.json", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let answer = said.json();
    assert_eq!(keys(&answer), KEYS);
    assert_eq!(answer["status"], "completed");
    assert_eq!(answer["results"], json!({"sum": {"result": 3}}));
    assert_eq!((&answer["errors"], &answer["skipped"]), (&json!([]), &json!([])));
    assert_eq!(answer["run_id"].as_str().unwrap().len(), 36);
    assert!(answer["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(said.out.ends_with("}\n") && said.out.lines().count() == 1);
}

#[test]
fn a_failed_run_answers_with_its_partial_results_and_one() {
    let document = r#"{"format": "1.0", "nodes": {
        "ok": {"type": "Expression", "config": {"expression": "40 + 2"}},
        "read": {"type": "TextReader", "config": {"file_path": "missing.txt"}},
        "after": {"type": "Template", "config": {"template": "{{ item }}"}}},
      "connections": [{"from": "read.text", "to": "after.item"}], "on_failure": "skip_dependents"}"#;
    let said = Folder::with("f.json", document).kailash(&["run", "f.json", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let answer = said.json();
    assert_eq!(keys(&answer), KEYS);
    assert_eq!(answer["status"], "failed");
    assert_eq!(answer["results"], json!({"ok": {"result": 42}}));
    assert_eq!(answer["skipped"], json!(["after"]));
    let error = &answer["errors"][0];
    assert_eq!(
        (&error["node"], &error["kind"], &error["retry"]),
        (&json!("read"), &json!("missing"), &json!("never"))
    );
    assert!(error["message"].as_str().unwrap().contains("missing.txt"), "{error}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn a_failure_policy_on_the_command_line_goes_before_the_documents() {
    let document = r#"{"format": "1.0", "on_failure": "fail_fast", "nodes": {
        "bad": {"type": "Expression", "config": {"expression": "nothing + 1"}},
        "next": {"type": "Expression", "config": {"expression": "1", "item": 0}},
        "last": {"type": "Expression", "config": {"expression": "2"}}},
      "connections": [{"from": "bad.result", "to": "next.item"}, {"from": "next.result", "to": "last.item"}]}"#;
    let folder = Folder::with("f.json", document);
    let results = |policy| {
        let said = folder.kailash(&["run", "f.json", "--json", "--on-failure", policy]);
        assert_eq!(said.code, 1);
        said.json()["results"].clone()
    };
    assert_eq!(results("skip-dependents"), json!({}));
    assert_eq!(results("continue")["last"], json!({"result": 2}));
}

#[test]
fn a_run_past_its_time_limit_has_an_error_of_no_node() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let document =
        json!({"format": "1.0", "nodes": {"get": {"type": "HTTPRequest", "config": {"url": url}}}})
            .to_string();
    let said = Folder::with("f.json", document).kailash(&["run", "f.json", "--json", "--timeout", "0.3"]);
    assert_eq!(said.code, 1, "{said:?}");
    let answer = said.json();
    assert_eq!(answer["status"], "failed");
    let errors = answer["errors"].as_array().unwrap();
    let own = errors.iter().find(|error| error["node"].is_null()).unwrap();
    assert_eq!((&own["kind"], &own["code"]), (&json!("timeout"), &json!("run.timeout")));
}

#[test]
fn numbers_that_json_does_not_know_become_null_with_a_warning() {
    let document = r#"{"format": "1.0", "nodes": {
        "x": {"type": "Expression", "config": {"expression": "[1e308 * 10, 1.5]"}}}}"#;
    let said = Folder::with("f.json", document).kailash(&["run", "f.json", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.json()["results"]["x"]["result"], json!([null, 1.5]));
    assert!(said.err.contains("NaN or infinite"), "{}", said.err);
}

#[test]
fn both_runtimes_give_the_same() {
    let folder = Folder::with("add.json", ADD);
    let results = |runtime| {
        folder.kailash(&["run", "add.json", "--json", "--runtime", runtime]).json()["results"].clone()
    };
    assert_eq!(results("local"), results("parallel"));
}

#[test]
fn a_document_comes_from_stdin_as_json_or_yaml() {
    let folder = Folder::new();
    let yaml = "format: \"1.0\"\nnodes:\n  one:\n    type: Expression\n    config: { expression: \"1\" }\n";
    for input in [ADD, yaml] {
        let said = folder.kailash_with_stdin(&["run", "-", "--json"], input.as_bytes());
        assert_eq!((said.code, &said.json()["status"]), (0, &json!("completed")), "{said:?}");
    }
}

#[test]
fn events_are_lines_of_json_on_stderr_with_dense_numbers() {
    let said = Folder::with("add.json", ADD).kailash(&["run", "add.json", "--json", "--events"]);
    let events: Vec<Value> = said.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.first().unwrap()["type"], "run.started");
    assert_eq!(events.last().unwrap()["type"], "run.finished");
    assert!(events.iter().any(|event| event["type"] == "node.finished" && event["unit"] == "sum"));
    assert_eq!(events[0]["run"], said.json()["run_id"]);
}

#[test]
fn paths_of_nodes_start_from_dir_and_that_of_the_document_from_here() {
    let document = r#"{"format": "1.0", "nodes": {
        "read": {"type": "TextReader", "config": {"file_path": "in.txt"}}}}"#;
    let folder = Folder::with("f.json", document);
    std::fs::create_dir(folder.path("data")).unwrap();
    folder.write("data/in.txt", "hello");
    let said = folder.kailash(&["run", "f.json", "--json", "--dir", "data"]);
    assert_eq!(said.json()["results"]["read"]["text"], "hello", "{said:?}");
    let said = folder.kailash(&["run", "f.json", "--json", "--dir", "nowhere"]);
    assert_eq!((said.code, said.codes()), (2, vec!["cli.dir".to_owned()]));
}

#[test]
fn people_see_each_node_shortened_and_no_colours_in_a_pipe() {
    let document = r#"{"format": "1.0", "nodes": {
        "many": {"type": "Expression", "config": {"expression": "range(1000)|list"}},
        "bad": {"type": "Expression", "config": {"expression": "nothing + 1"}}}, "on_failure": "continue"}"#;
    let said = Folder::with("f.json", document).kailash(&["run", "f.json"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("1,000 items: [0, 1, 2, … 997 more]"), "{}", said.out);
    assert!(said.out.contains("✗ bad") && said.out.contains("failed in "), "{}", said.out);
    assert!(said.out.contains("1 done, 1 failed"), "{}", said.out);
    assert!(said.err.starts_with("error[") && said.err.contains("node `bad`"), "{}", said.err);
    assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'));
}

#[test]
fn logs_are_silent_until_they_are_asked_for() {
    let folder = Folder::with("add.json", ADD);
    assert_eq!(folder.kailash(&["run", "add.json"]).err, "");
    assert_eq!(folder.kailash(&["-vvv", "run", "add.json", "--json"]).code, 0);
}

#[test]
fn inner_workflows_are_found_from_the_folder_that_is_named_and_blamed_by_their_file() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("project")).unwrap();
    let inner = r#"{"nodes": [{"id": "n", "type": "Expression", "config": {"expression": "x + 1"}}], "connections": []}"#;
    folder.write("project/inner.json", inner);
    let outer = |file: &str| {
        format!(
            r#"{{"format": "1.0", "nodes": {{"w": {{"type": "Workflow", "config": {{"workflow_file": "{file}", "input_mapping": {{"x": "n.x"}}, "x": 41}}}}}}}}"#
        )
    };
    folder.write("outer.json", outer("inner.json"));
    let said = folder.kailash(&["run", "outer.json", "--dir", "project", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    folder.write("project/wrong.json", "{\"nodes\": [{\"id\": \"n\", \"type\": \"Nothing\"}]}");
    folder.write("outer.json", outer("wrong.json"));
    let said = folder.kailash(&["run", "outer.json", "--dir", "project", "--json"]);
    assert_eq!(said.code, 2);
    let error = &said.json()["errors"][0];
    assert_eq!(error["place"], "nodes.w.config.workflow_file");
    assert!(
        error["message"].as_str().unwrap().starts_with("wrong.json nodes[0].type: inner node `n`"),
        "{error}"
    );
    folder.write("outer.json", outer("/dev/zero"));
    assert_eq!(folder.kailash(&["run", "outer.json"]).code, 2, "a file without end is refused");
}

#[test]
fn events_on_stderr_are_nothing_but_events() {
    let document = r#"{"format": "1.0", "nodes": {
        "a": {"type": "Expression", "config": {"expression": "1"}}, "b": {"type": "Expression", "config": {"expression": "2"}},
        "c": {"type": "Expression", "config": {"expression": "item"}}},
        "connections": [{"from": "a.result", "to": "c.item"}, {"from": "b.result", "to": "c.item"}]}"#;
    let folder = Folder::with("warned.json", document);
    assert!(folder.kailash(&["run", "warned.json"]).err.contains("warning[connection.several]"));
    let said = folder.kailash(&["run", "warned.json", "--events", "--json"]);
    assert_eq!(said.code, 0);
    for line in said.err.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}

#[test]
fn a_limit_holds_for_an_expression_that_takes_long() {
    let slow = "range(10000)|select('in', range(10000)|list)|list|length";
    let document = format!(
        r#"{{"format": "1.0", "nodes": {{"a": {{"type": "Expression", "config": {{"expression": "{slow}"}}}}}}}}"#
    );
    let folder = Folder::with("slow.json", document);
    for runtime in ["local", "parallel"] {
        let said = folder.kailash(&["run", "slow.json", "--json", "--timeout", "0.2", "--runtime", runtime]);
        assert_eq!(said.code, 1, "{said:?}");
        let took = said.json()["duration_ms"].as_f64().unwrap();
        println!("{runtime}: a limit of 200 ms answered after {took} ms");
        assert!(took < 600.0, "{took}");
    }
}

#[test]
fn a_template_that_would_break_the_stack_or_fill_the_memory_is_refused() {
    for template in
        ["{{ ".to_owned() + &"-".repeat(20_000) + "1 }}", "{{ 1".to_owned() + &"+1".repeat(30_000) + " }}"]
    {
        let folder = Folder::new();
        let config = serde_json::json!({"template": template});
        let document =
            serde_json::json!({"format": "1.0", "nodes": {"t": {"type": "Template", "config": config}}});
        folder.write("t.json", document.to_string());
        let said = folder.kailash(&["validate", "t.json", "--json"]);
        assert_eq!((said.code, said.codes()), (2, vec!["expression.operators".to_owned()]));
    }
    let template = "{% for i in range(9000) %}{{ 'x' * 100000 }}{% endfor %}";
    let document = serde_json::json!({"format": "1.0", "nodes": {"t": {"type": "Template", "config": {"template": template}}}});
    let folder = Folder::with("t.json", document.to_string());
    assert_eq!(folder.kailash(&["run", "t.json", "--json"]).codes(), ["template.eval"]);
}
