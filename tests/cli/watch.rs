//! `kailash runs watch`, and what a host says of itself: a real host, watched by the real binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::support::{Folder, Said};

/// A process that serves until it is dropped.
struct Host {
    child: Child,
    said: BufReader<ChildStderr>,
    /// What it said up to its address.
    first: String,
    address: String,
}

impl Host {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.command(&[&["serve", "--set", "host.drain_s=1"], arguments].concat());
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let first = until(&mut said, "kailash serves http://");
        let address = first.rsplit("http://").next().unwrap();
        let address = address.split(['"', '\n']).next().unwrap().to_owned();
        Self { child, said, first, address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request: what it is answered.
    fn ask(&self, method: &str, path: &str, headers: &str, content: &str) -> String {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n{headers}\r\n",
            self.address,
            content.len()
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all((head + content).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Executes `document` in the background: the run's id.
    fn execute(&self, document: &Value) -> String {
        self.execute_for("", document)
    }

    fn execute_for(&self, headers: &str, document: &Value) -> String {
        let content = json!({"workflow": document, "mode": "async"}).to_string();
        let told: Value = serde_json::from_str(&self.ask("POST", "/execute", headers, &content)).unwrap();
        told["run_id"].as_str().unwrap().to_owned()
    }

    /// Stops it as an operator does: what it still said.
    fn stop(mut self) -> String {
        signal(&self.child, "-TERM");
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads lines up to one with `wanted`: all of them.
fn until(from: &mut impl BufRead, wanted: &str) -> String {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        assert!(from.read_line(&mut line).unwrap() > 0, "it ended without `{wanted}`: {text}");
        text.push_str(&line);
        if line.contains(wanted) {
            return text;
        }
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// A watcher, once it is connected.
struct Watcher {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watcher {
    fn start(folder: &Folder, host: &Host, arguments: &[&str]) -> Self {
        let url = host.url();
        let mut command = folder.command(&[&["runs", "watch", "--url", &url], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut err = BufReader::new(child.stderr.take().unwrap());
        until(&mut err, "watching http://");
        Self { child, out, err }
    }

    fn end(mut self) -> Said {
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        Said::of(Output { status, stdout: out.into_bytes(), stderr: err.into_bytes() })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A node that waits until somebody answers its request, and where it asks.
fn waiting() -> (Value, TcpListener) {
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", gate.local_addr().unwrap());
    let document = json!({"format": "1.0", "name": "asks", "nodes": {
        "get": {"type": "HTTPRequest", "config": {"url": url, "method": "GET"}},
        "after": {"type": "Expression", "config": {"expression": "1"}}},
        "connections": [{"from": "get.status_code", "to": "after.item"}]});
    (document, gate)
}

/// The request that waits at `gate`.
fn asked(gate: &TcpListener) -> TcpStream {
    let (stream, _) = gate.accept().unwrap();
    let mut lines = BufReader::new(&stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    stream
}

fn answer(mut stream: TcpStream) {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
}

/// The types of the events in `lines` and the units that they are of.
fn events(lines: &str) -> Vec<(String, String)> {
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        (event["type"].as_str().unwrap().to_owned(), event["unit"].as_str().unwrap_or_default().to_owned())
    };
    lines.lines().map(event).collect()
}

fn pair(what: &str, unit: &str) -> (String, String) {
    (what.to_owned(), unit.to_owned())
}

#[test]
fn a_run_is_watched_to_its_end_and_gives_the_exit_status() {
    let folder = Folder::new();
    let host = Host::start(&folder, &[]);
    let (document, gate) = waiting();
    let run = host.execute(&document);
    let request = asked(&gate);
    let watcher = Watcher::start(&folder, &host, &[&run]);
    // Events of another run are not for this watcher.
    let failing =
        json!({"format": "1.0", "nodes": {"bad": {"type": "Expression", "config": {"expression": "1 / 0"}}}});
    let failed = host.execute(&failing);
    answer(request);
    let said = watcher.end();
    assert_eq!(said.code, 0, "{said:?}");
    let told = events(&said.out);
    let after = [pair("node.finished", "get"), pair("node.started", "after"), pair("node.finished", "after")];
    assert_eq!(told, [&after[..], &[pair("run.finished", "")]].concat());
    // What has ended is not watched any more, but still tells how.
    let url = host.url();
    for (name, code) in [(run.as_str(), 0), (failed.as_str(), 1), ("last", 1), (&run[24..], 0)] {
        let said = folder.kailash(&["runs", "watch", name, "--url", &url, "--json"]);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{name}: {said:?}");
    }
}

#[test]
fn a_run_that_is_cancelled_gives_status_1_and_a_watcher_that_is_stopped_another() {
    let folder = Folder::new();
    let host = Host::start(&folder, &["--set", "runs.timeout_s=1"]);
    let (document, gate) = waiting();
    let run = host.execute(&document);
    let _request = asked(&gate);
    let stopped = Watcher::start(&folder, &host, &[&run]);
    signal(&stopped.child, "-INT");
    assert_eq!(stopped.end().code, 130);
    // The time limit of the run passes.
    let said = folder.kailash(&["runs", "watch", &run, "--url", &host.url()]);
    assert_eq!(said.code, 1, "{said:?}");
}

#[test]
fn all_runs_are_told_one_event_a_line_until_the_watcher_is_stopped() {
    let folder = Folder::new();
    let host = Host::start(&folder, &[]);
    let mut watcher = Watcher::start(&folder, &host, &[]);
    let add: Value = serde_json::from_str(crate::support::ADD).unwrap();
    let run = host.execute(&add);
    let lines = until(&mut watcher.out, "run.finished");
    assert!(lines.lines().all(|line| line.contains(&run)), "{lines}");
    let told = events(&lines);
    let node = [pair("run.started", ""), pair("node.started", "sum"), pair("node.finished", "sum")];
    assert_eq!(told, [&node[..], &[pair("run.finished", "")]].concat());
    signal(&watcher.child, "-INT");
    assert_eq!(watcher.end().code, 0);
}

#[test]
fn a_host_that_comes_back_is_watched_again_and_its_run_to_the_end() {
    let folder = Folder::new();
    let mut host = Host::start(&folder, &[]);
    let document = json!({"format": "1.0", "name": "waits", "nodes": {
        "wait": {"type": "SignalWait", "config": {"signal_name": "go"}}}});
    let run = host.execute(&document);
    let mut watcher = Watcher::start(&folder, &host, &[&run]);
    host.child.kill().unwrap();
    host.child.wait().unwrap();
    until(&mut watcher.err, "again in ");
    let host = Host::start(&folder, &["--listen", &host.address]);
    assert!(host.first.contains("runs were recovered"), "{}", host.first);
    until(&mut watcher.err, "watching http://");
    host.ask("POST", &format!("/runs/{run}/signal"), "", &json!({"name": "go"}).to_string());
    let said = watcher.end();
    assert_eq!(said.code, 0, "{said:?}");
    let told = events(&said.out);
    let end = [pair("node.finished", "wait"), pair("run.finished", "")];
    assert!(told.ends_with(&end) && told.contains(&pair("node.woken", "wait")), "{told:?}");
}

#[test]
fn what_cannot_be_watched_is_refused_with_a_hint() {
    let folder = Folder::new();
    let refused = |arguments: &[&str], code: &str, hint: &str| {
        let said = folder.kailash(&[&["runs", "watch"], arguments].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
        assert!(said.err.contains(&format!("error[{code}]")) && said.err.contains(hint), "{said:?}");
    };
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    refused(&["--url", &url], "host.unreachable", "kailash serve");
    refused(&["--url", &url, "last"], "host.unreachable", "kailash serve");
    refused(&["--url", "ftp://x"], "url.invalid", "http://127.0.0.1:8470");
    refused(&["--key", "hunter2"], "key.reference", "env:NAME");
    let made = folder.kailash(&["keys", "add", "look", "--scopes", "execute"]);
    folder.write("key", &made.out);
    folder.write("wrong", made.out.trim().chars().rev().collect::<String>());
    let host = Host::start(&folder, &["--set", "http.require_key=true"]);
    let url = host.url();
    refused(&["--url", &url], "key.none", "--key env:NAME");
    refused(&["--url", &url, "--key", "file:wrong"], "key.wrong", "--key env:NAME");
    refused(&["--url", &url, "--key", "file:key"], "key.scope", "--scopes read");
    let made = folder.kailash(&["keys", "add", "see", "--scopes", "read"]);
    folder.write("key", &made.out);
    let unknown = "01890000-0000-7000-8000-000000000000";
    refused(&["--url", &url, "--key", "file:key", unknown], "run.unknown", "runs watch");
    refused(&["--url", &url, "--key", "file:key", "last"], "run.unknown", "runs watch");
}

#[test]
fn what_is_no_host_is_told_from_one() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", stranger.local_addr().unwrap());
    let talk = std::thread::spawn(move || answer(asked(&stranger)));
    let said = Folder::new().kailash(&["runs", "watch", "--url", &url]);
    talk.join().unwrap();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("error[host.stranger]"), "{said:?}");
}

#[test]
fn a_host_logs_what_an_operator_cares_about_unless_it_is_told_otherwise() {
    let folder = Folder::new();
    let host = Host::start(&folder, &[]);
    assert!(host.first.contains("INFO") && host.first.contains("the host is up"), "{}", host.first);
    let rest = host.stop();
    assert!(rest.contains("stopping") && rest.contains("the host is at rest"), "{rest}");
    let quiet = Host::start(&folder, &["--set", "telemetry.log=warn"]);
    assert_eq!(quiet.first.lines().count(), 1, "{}", quiet.first);
    drop(quiet);
    let host = Host::start(
        &folder,
        &["--set", "telemetry.log_format=json", "--set", "telemetry.log=info,kailash::run=debug"],
    );
    let add: Value = serde_json::from_str(crate::support::ADD).unwrap();
    let parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let run = host.execute_for(parent, &add);
    let first = host.first.clone();
    let said = first + &host.stop();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let message =
        |text: &str| lines.iter().any(|line| line["message"].as_str().is_some_and(|m| m.contains(text)));
    assert!(message("the host is up") && message("kailash serves") && message("at rest"), "{said}");
    let span = lines.iter().find(|line| line["message"] == "close").expect(&said);
    assert_eq!((&span["span"]["run_id"], &span["span"]["status"]), (&json!(run), &json!("completed")));
    assert_eq!(span["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{span}");
    let refused = folder.kailash(&["serve", "--check", "--set", "telemetry.log=kailash=loud"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("error[config.log]"), "{refused:?}");
}
