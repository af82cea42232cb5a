//! A reader that goes away is no error: nothing panics, nothing is said.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::support::{ADD, Folder};

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    let folder = Folder::with("add.json", ADD);
    let commands: [&[&str]; 6] = [
        &["nodes"],
        &["nodes", "--json"],
        &["schema"],
        &["completions", "bash"],
        &["run", "add.json"],
        &["--help"],
    ];
    for arguments in commands {
        let mut command = folder.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn what_was_decided_is_the_exit_status_though_nobody_reads() {
    let failing =
        r#"{"format": "1.0", "nodes": {"a": {"type": "Expression", "config": {"expression": "1 / 0"}}}}"#;
    let folder = Folder::with("fails.json", failing);
    folder.write("wrong.json", "{}}");
    let expected: [(&[&str], i32); 4] = [
        (&["run", "fails.json", "--json"], 1),
        (&["run", "fails.json"], 1),
        (&["run", "wrong.json", "--json"], 2),
        (&["validate", "wrong.json", "--json"], 2),
    ];
    for (arguments, code) in expected {
        let mut child =
            folder.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_pipe_that_was_never_open_is_closed_too() {
    let folder = Folder::with("add.json", ADD);
    let mut command = folder.command(&["run", "add.json", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
