//! `kailash cluster`: a demo of three hosts, looked at, changed, and robbed of its leader.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use crate::support::{Folder, signal};

/// A demo that runs until it is dropped.
struct Demo {
    child: Child,
    told: BufReader<ChildStdout>,
}

impl Demo {
    fn start(folder: &Folder) -> Self {
        let mut command = folder.command(&["cluster", "demo", "--hosts", "3", "--data", "demo"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told }
    }

    /// What it tells, up to the first line that has `end`.
    fn until(&mut self, end: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.told.read_line(&mut line).unwrap() > 0, "it ended before `{end}`: {lines:#?}");
            lines.push(line.trim_end().to_owned());
            if lines.last().is_some_and(|line| line.contains(end)) {
                return lines;
            }
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Its hosts go with it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A host of the demo, as it tells of it: its address and process.
fn host(lines: &[String], name: &str) -> (String, u32) {
    let line = lines.iter().find(|line| line.starts_with(name) && line.contains("http://")).unwrap();
    let mut words = line.split_whitespace().skip(1);
    (words.next().unwrap().to_owned(), words.nth(1).unwrap().parse().unwrap())
}

#[test]
fn a_demo_shows_who_leads_when_the_leader_is_killed() {
    let folder = Folder::new();
    let mut demo = Demo::start(&folder);
    let begun = demo.until("leads;");
    let leader = begun.last().unwrap().split(' ').next().unwrap().to_owned();
    let hosts = ["edge-1", "edge-2", "edge-3"];
    let other = hosts.into_iter().find(|name| *name != leader).unwrap();
    let (url, _) = host(&begun, other);
    let cluster = |words: &[&str]| folder.kailash(&[&["cluster"], words, &["--url", &url]].concat());

    let status = cluster(&["status", "--json"]);
    assert_eq!(status.code, 0, "{status:?}");
    let json = status.json();
    assert_eq!((json["quorum"].as_bool(), json["members"].as_array().unwrap().len()), (Some(true), 3));
    let status = cluster(&["status"]);
    assert!(hosts.into_iter().all(|name| status.out.contains(name)), "{}", status.out);
    assert!(status.out.contains("a majority is there"), "{}", status.out);
    let refused = cluster(&["remove", "edge-9"]);
    assert!(refused.code == 2 && refused.err.contains("cluster.member"), "{refused:?}");

    let (_, pid) = host(&begun, &leader);
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    let gone = demo.until("has gone");
    assert!(gone.last().unwrap().starts_with(&leader), "{gone:?}");
    let follows = demo.until("term 2").pop().unwrap();
    assert!(!follows.starts_with(&leader), "{follows}");
    demo.until("is started again");

    let asked = cluster(&["step-down"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    demo.until("term 3");
    let (_, pid) = host(&begun, other);
    signal(&demo.child, "-INT");
    assert!(demo.child.wait().unwrap().success());
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "its hosts are gone with it");
    let unreachable = cluster(&["status"]);
    assert!(unreachable.code == 2 && unreachable.err.contains("host.unreachable"), "{unreachable:?}");
    let fewer = folder.kailash(&["cluster", "demo", "--hosts", "2", "--data", "demo"]);
    assert!(fewer.code == 2 && fewer.err.contains("demo.hosts"), "{fewer:?}");
}
