//! Runs that keep a journal, whose process is killed.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};

use crate::{
    sink::Sink,
    support::{ADD, Folder, Said},
};

/// About how long a request and what follows from it take.
const STEP: Duration = Duration::from_millis(10);

const NODES: usize = 4;

/// A chain of requests that act on the sink, with an expression between each two.
fn chain(sink: &str, idempotent: bool) -> String {
    let mut nodes = serde_json::Map::new();
    let mut connections = Vec::new();
    for n in 0..NODES {
        let config = json!({"url": format!("{sink}/n{n}"), "method": "POST", "body": "x", "idempotent": idempotent,
            "raise_for_status": true});
        nodes.insert(format!("n{n}"), json!({"type": "HTTPRequest", "config": config}));
        nodes.insert(format!("e{n}"), json!({"type": "Expression", "config": {"expression": "item + 1"}}));
        connections.push(json!({"from": format!("n{n}.status_code"), "to": format!("e{n}.item")}));
        if n > 0 {
            connections.push(json!({"from": format!("e{}.result", n - 1), "to": format!("n{n}.json_data")}));
        }
    }
    for n in 1..NODES {
        let config = nodes[&format!("n{n}")]["config"].as_object().unwrap().clone();
        let config: serde_json::Map<_, _> = config.into_iter().filter(|(name, _)| name != "body").collect();
        nodes[&format!("n{n}")]["config"] = config.into();
    }
    json!({"format": "1.0", "name": "chain", "nodes": nodes, "connections": connections}).to_string()
}

/// What the journal knows as done, by node.
fn done(folder: &Folder) -> Vec<String> {
    let said = folder.kailash(&["runs", "--journal", "j", "events", "last"]);
    let events = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let done = events.filter(|event| event["type"] == "done");
    done.map(|event| event["unit"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn killed_at_any_moment_a_run_goes_on_and_every_effect_is_counted_once() {
    const ROUNDS: usize = 50;
    let (mut within, mut kills) = (0, 0);
    for round in 0..ROUNDS {
        let sink = Sink::default();
        let (address, arrived) = sink.open();
        let folder = Folder::with("chain.json", chain(&address, true));
        let mut arguments = vec!["run", "chain.json", "--journal", "j", "--json"];
        // Killed as each of these requests arrives; in some rounds a little later, between nodes.
        let moments: &[usize] =
            [&[0][..], &[1], &[2], &[3], &[0, 1], &[1, 0], &[2, 0], &[0, 0, 0]][round % 8];
        for moment in moments {
            let between = round % 5 == 4;
            if !between {
                sink.hold_after(*moment);
            }
            let mut child =
                folder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let seen: Vec<String> =
                (0..=*moment).map_while(|_| arrived.recv_timeout(Duration::from_secs(20)).ok()).collect();
            assert_eq!(seen.len(), moment + 1, "round {round}: the sink was asked");
            if between {
                // Until the next request at most: the kill lands somewhere between two nodes.
                drop(arrived.recv_timeout(STEP + Duration::from_millis(round as u64 % 3)));
            } else {
                within += 1;
            }
            kills += 1;
            child.kill().unwrap();
            child.wait().unwrap();
            while arrived.try_recv().is_ok() {}
            arguments = vec!["resume", "last", "--journal", "j", "--json"];
            let runs = folder.kailash(&["runs", "--journal", "j", "--json"]).json();
            if runs[0]["status"] != "open" {
                break;
            }
        }
        let (known, before) = (done(&folder), sink.requests());
        let said = folder.kailash(&["resume", "last", "--journal", "j", "--json"]);
        if said.code == 2 {
            assert_eq!(said.codes(), ["run.ended"], "round {round}: {said:?}");
        } else {
            assert_eq!(said.code, 0, "round {round}: {said:?}");
            assert_eq!(said.json()["results"][format!("e{}", NODES - 1)]["result"], 201);
        }
        let after = sink.requests();
        for node in known.iter().filter(|node| node.starts_with('n')) {
            let path = format!("/{node}");
            assert_eq!(before.get(&path), after.get(&path), "round {round}: `{node}` was journaled");
        }
        assert_eq!(sink.effects(), NODES, "round {round}: {after:?}");
        let shown = folder.kailash(&["runs", "--journal", "j", "show", "last", "--json"]).json();
        assert_eq!(shown["status"], "completed");
    }
    println!("{kills} kills, {within} of them while a node ran");
    assert!(within >= 40, "{within} kills while a node ran are too few to tell");
}

#[test]
fn a_request_that_nobody_can_be_sure_of_is_reported_and_not_repeated() {
    let sink = Sink::default();
    let (address, arrived) = sink.open();
    let folder = Folder::with("chain.json", chain(&address, false));
    sink.hold_after(0);
    let mut command = folder.command(&["run", "chain.json", "--journal", "j"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    arrived.recv_timeout(Duration::from_secs(20)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = folder.kailash(&["resume", "last", "--journal", "j", "--json"]);
    assert_eq!((said.code, said.codes()), (1, vec!["node.in_doubt".to_owned()]), "{said:?}");
    assert_eq!(said.json()["errors"][0]["node"], "n0");
    assert_eq!(sink.requests().values().sum::<u32>(), 1);
    let again = folder.kailash(&["resume", "last", "--journal", "j", "--json"]);
    assert_eq!((again.code, again.codes()), (2, vec!["run.ended".to_owned()]));
}

#[test]
fn the_runs_of_a_journal_are_listed_shown_and_forgotten() {
    let folder = Folder::with("add.json", ADD);
    folder.write("fails.json", ADD.replace("a + b", "a / 0"));
    assert_eq!(folder.kailash(&["run", "add.json", "--journal", "j", "--json"]).code, 0);
    assert_eq!(folder.kailash(&["run", "fails.json", "--journal", "j", "--json"]).code, 1);
    let listed = folder.kailash(&["runs", "--journal", "j", "--json"]).json();
    let statuses: Vec<&Value> = listed.as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["completed", "failed"]);
    assert_eq!(listed[1]["error"]["code"], "expression.eval");
    let id = listed[0]["run_id"].as_str().unwrap();
    let shown = folder.kailash(&["runs", "--journal", "j", "show", id]);
    assert!(
        shown.out.contains("status    completed") && shown.out.contains("done      sum"),
        "{}",
        shown.out
    );
    let people = folder.kailash(&["runs", "--journal", "j"]);
    assert!(people.out.lines().count() == 2 && people.out.contains("failed"), "{}", people.out);
    assert_eq!(folder.kailash(&["runs", "--journal", "j", "prune", "last"]).code, 0);
    assert_eq!(folder.kailash(&["runs", "--journal", "j", "prune", "--ended-days", "0"]).code, 0);
    assert_eq!(folder.kailash(&["runs", "--journal", "j", "--json"]).json(), json!([]));
}

#[test]
fn what_is_wrong_with_a_journal_is_said_with_a_way_out() {
    let folder = Folder::with("add.json", ADD);
    let codes = |said: &Said| (said.code, said.err.clone());
    let (code, err) = codes(&folder.kailash(&["resume", "last"]));
    assert!(code == 2 && err.contains("KAILASH_JOURNAL"), "{err}");
    for asked in [&["runs"][..], &["resume", "last"]] {
        let (code, err) = codes(&folder.kailash(&[asked, &["--journal", "nowhere"]].concat()));
        assert!(code == 2 && err.contains("journal.missing"), "{err}");
        assert!(!folder.path("nowhere").exists(), "{asked:?} makes no journal");
    }
    for _ in 0..3 {
        assert_eq!(folder.kailash(&["run", "add.json", "--journal", "j"]).code, 0);
    }
    let (code, err) = codes(&folder.kailash(&["runs", "--journal", "j", "show", "zzz"]));
    assert!(code == 2 && err.contains("run.unknown"), "{err}");
    let segment = std::fs::read_dir(folder.path("j/log")).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|end| end == "log")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (code, err) = codes(&folder.kailash(&["run", "add.json", "--journal", "j"]));
    assert!(code == 2 && err.contains("log.damaged") && err.contains("restore the folder"), "{err}");
}
