//! Signals: the first cancels and prints what is done, the second ends the process.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, ChildStderr, Stdio},
};

use serde_json::json;

use crate::support::{Folder, Said, signal};

/// A run that waits for an answer that never comes, once it waits, and what it still says on stderr. Its node `first`
/// gave `done`.
fn waiting(arguments: &[&str], done: &str) -> (Folder, Child, BufReader<ChildStderr>, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let document = json!({"format": "1.0", "nodes": {
        "first": {"type": "Expression", "config": {"expression": "item", "item": done}},
        "get": {"type": "HTTPRequest", "config": {"url": url, "method": "POST"}},
        "after": {"type": "Expression", "config": {"expression": "1"}}},
        "connections": [{"from": "first.result", "to": "get.body"}, {"from": "get.status_code", "to": "after.item"}]});
    let folder = Folder::with("f.json", document.to_string());
    let mut command = folder.command(&[&["run", "f.json", "--events"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !(line.contains("node.started") && line.contains("\"get\"")) {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "the run ended before it waited");
    }
    (folder, child, events, silent)
}

#[test]
fn sigint_cancels_the_run_and_its_partial_results_are_printed() {
    for (runtime, name) in [("local", "-INT"), ("parallel", "-INT"), ("local", "-TERM")] {
        let (_folder, child, _events, _silent) = waiting(&["--json", "--runtime", runtime], "done");
        signal(&child, name);
        let said = Said::of(child.wait_with_output().unwrap());
        assert_eq!(said.code, 1, "{said:?}");
        let answer = said.json();
        assert_eq!(answer["status"], "cancelled");
        assert_eq!(answer["results"], json!({"first": {"result": "done"}}));
        assert!(answer["skipped"].as_array().unwrap().contains(&json!("after")));
        let errors = answer["errors"].as_array().unwrap();
        let own = errors.iter().find(|error| error["node"].is_null()).unwrap();
        assert_eq!((&own["kind"], &own["code"]), (&json!("cancelled"), &json!("run.cancelled")));
    }
}

#[test]
fn people_are_told_that_the_run_was_cancelled() {
    let (_folder, child, mut events, _silent) = waiting(&[], "done");
    signal(&child, "-INT");
    let mut said = Said::of(child.wait_with_output().unwrap());
    events.read_to_string(&mut said.err).unwrap();
    assert_eq!(said.code, 1);
    assert!(said.out.contains("✓ first") && said.out.contains("cancelled in "), "{}", said.out);
    assert!(said.err.contains("error[run.cancelled]"), "{}", said.err);
}

#[test]
fn a_second_signal_ends_a_process_that_nobody_reads() {
    // More than a pipe holds: the answer of the cancelled run cannot be written to its end.
    let (_folder, mut child, mut events, _silent) = waiting(&["--json"], &"x".repeat(1 << 20));
    signal(&child, "-INT");
    let mut line = String::new();
    while !line.contains("run.finished") {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "the run ended without saying so");
    }
    assert!(child.try_wait().unwrap().is_none(), "it waits for a reader");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_run_that_waits_for_a_signal_says_so_and_that_none_reaches_it() {
    let document = json!({"format": "1.0", "nodes": {
        "ask": {"type": "SignalWait", "config": {"signal_name": "approved"}},
        "again": {"type": "SignalWait", "config": {"signal_name": "approved"}}}});
    let folder = Folder::with("f.json", document.to_string());
    let mut command = folder.command(&["run", "f.json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut first) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    said.read_line(&mut first).unwrap();
    assert!(
        ["waits for the signal `approved`", "kailash serve"].iter().all(|part| first.contains(part)),
        "{first}"
    );
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("waits for the signal"), "it is said once: {rest}");
}
