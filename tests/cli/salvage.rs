//! `kailash runs salvage`: journals that are damaged as a disk or a hand may do it.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{ADD, Folder};

/// Every file of a folder, with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn segment(folder: &Folder) -> PathBuf {
    let log = files(&folder.path("j/log"));
    log.into_keys().find(|path| path.extension().is_some_and(|end| end == "log")).unwrap()
}

/// Where each record of the only segment begins and ends.
fn records(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut records, mut at) = (Vec::new(), 32);
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        records.push((at, at + 24 + length));
        at += 24 + length;
    }
    records
}

/// Makes a byte in the body of record `n` wrong.
fn spoil(folder: &Folder, n: usize) {
    let path = segment(folder);
    let mut bytes = fs::read(&path).unwrap();
    let (_, end) = records(&bytes)[n];
    bytes[end - 1] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A folder with a journal `j` of so many runs of one node.
fn added(runs: usize) -> Folder {
    let folder = Folder::with("add.json", ADD);
    for _ in 0..runs {
        assert_eq!(folder.kailash(&["run", "add.json", "--journal", "j"]).code, 0);
    }
    folder
}

fn salvaged(folder: &Folder) -> (i32, Value) {
    let before = files(&folder.path("j"));
    let said = folder.kailash(&["runs", "salvage", "--journal", "j", "--to", "new", "--json"]);
    assert_eq!(files(&folder.path("j")), before, "the damaged journal is not changed");
    (said.code, said.json())
}

fn listed(folder: &Folder, journal: &str) -> Vec<Value> {
    folder.kailash(&["runs", "--journal", journal, "--json"]).json().as_array().unwrap().clone()
}

#[test]
fn a_damaged_journal_names_the_command_and_the_command_saves_all_other_runs() {
    let folder = added(3);
    let runs = listed(&folder, "j");
    let bytes = fs::read(segment(&folder)).unwrap();
    let second = records(&bytes).len() / 3;
    spoil(&folder, second);
    let refused = folder.kailash(&["runs", "--journal", "j"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("help: ") && refused.err.contains("kailash runs salvage"),
        "{}",
        refused.err
    );
    let (code, report) = salvaged(&folder);
    assert_eq!(code, 1);
    assert_eq!(report["fates"], json!({"whole": 2, "cut": 0, "lost": 1}), "{report:#}");
    assert_eq!(report["damages"][0]["byte"], records(&bytes)[second].0);
    assert_eq!(report["damages"][0]["lost"], 1);
    assert_eq!(report["runs"][1]["fate"], "lost");
    assert_eq!(report["runs"][1]["run_id"], runs[1]["run_id"]);
    assert_eq!(listed(&folder, "new"), [runs[0].clone(), runs[2].clone()]);
    assert_eq!(folder.kailash(&["run", "add.json", "--journal", "new"]).code, 0, "it goes on as a journal");
}

#[test]
fn a_sound_journal_is_copied_and_nothing_is_lost() {
    let folder = added(2);
    let (code, report) = salvaged(&folder);
    assert_eq!((code, &report["damages"]), (0, &json!([])), "{report:#}");
    assert_eq!(listed(&folder, "new"), listed(&folder, "j"));
}

#[test]
fn people_get_a_table_with_the_place_of_each_damage() {
    let folder = added(3);
    spoil(&folder, 1);
    let said = folder.kailash(&["runs", "salvage", "--journal", "j", "--to", "new"]);
    assert_eq!(said.code, 1);
    for part in
        ["segments  1 read", "1 lost", "runs      2 whole, 1 cut, 0 lost", "byte ", "record 1", "checksum"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(said.err.contains("kailash runs --journal new") && !said.out.contains("saved to"), "{said:?}");
    let shown = folder.kailash(&["runs", "--journal", "new"]).out;
    assert_eq!(shown.lines().filter(|line| line.contains("failed")).count(), 1, "{shown}");
}

#[test]
fn what_cannot_be_salvaged_is_refused_before_anything_is_made() {
    let folder = added(1);
    let refused = |arguments: &[&str], code: &str| {
        let said = folder.kailash(&[&["runs", "salvage"], arguments].concat());
        assert!(said.code == 2 && said.err.contains(code), "{arguments:?}: {said:?}");
    };
    refused(&["--journal", "nowhere", "--to", "new"], "journal.missing");
    refused(&["--journal", "j/blobs", "--to", "new"], "journal.missing");
    refused(&["--journal", "j", "--to", "j"], "journal.to");
    refused(&["--journal", "j", "--to", "j/new/er"], "journal.to");
    refused(&["--journal", "j", "--to", "add.json"], "journal.to");
    assert!(!folder.path("new").exists() && !folder.path("j/new").exists());
    let path = segment(&folder);
    let mut newer = fs::read(&path).unwrap();
    newer[4] = 9;
    let salt = crc32(&newer[..24]);
    newer[24..28].copy_from_slice(&salt.to_le_bytes());
    fs::write(path, newer).unwrap();
    refused(&["--journal", "j", "--to", "new"], "format.newer");
    assert!(!folder.path("new").exists());
}

/// CRC-32 (ISO-HDLC), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_journal_in_use_is_not_read() {
    let (address, arrived) = sink();
    let folder = Folder::with("send.json", send(&address));
    let mut child = folder.command(&["run", "send.json", "--journal", "j"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    arrived.recv_timeout(Duration::from_secs(20)).unwrap();
    let said = folder.kailash(&["runs", "salvage", "--journal", "j", "--to", "new"]);
    assert!(said.code == 2 && said.err.contains("log.locked"), "{said:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A server that tells of requests and answers none while whoever asked lives.
fn sink() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, arrived) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
                    line.clear();
                }
                // Nobody listens any more once the test is over.
                if sender.send(()).is_ok() {
                    reader.read_to_end(&mut Vec::new()).ok();
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").ok();
            });
        }
    });
    (address, arrived)
}

/// A workflow that acts on the sink once its first node is done.
fn send(sink: &str) -> String {
    let config = json!({"url": sink, "method": "POST"});
    json!({
        "format": "1.0", "name": "send",
        "nodes": {
            "sum": {"type": "Expression", "config": {"expression": "1 + 1"}},
            "send": {"type": "HTTPRequest", "config": config},
        },
        "connections": [{"from": "sum.result", "to": "send.json_data"}],
    })
    .to_string()
}

/// A folder in which a run was killed while it acted, and the sink's requests.
fn killed() -> (Folder, Receiver<()>) {
    let (address, arrived) = sink();
    let folder = Folder::with("send.json", send(&address));
    let mut child = folder.command(&["run", "send.json", "--journal", "j"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    arrived.recv_timeout(Duration::from_secs(20)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    folder.write("add.json", ADD);
    assert_eq!(folder.kailash(&["run", "add.json", "--journal", "j"]).code, 0);
    (folder, arrived)
}

fn resumed(folder: &Folder, run: &Value) -> (i32, Vec<String>) {
    let run = run["run_id"].as_str().unwrap();
    let said = folder.kailash(&["resume", run, "--journal", "new", "--json"]);
    (said.code, said.codes())
}

#[test]
fn a_run_whose_effect_was_lost_from_the_journal_is_not_gone_on_with() {
    // Begun, Done of `sum`, Started of `send`, then the other run. Whichever is lost, nothing is sent again.
    for lost in 0..3 {
        let (folder, arrived) = killed();
        let open = listed(&folder, "j").remove(0);
        assert_eq!(open["status"], "open");
        spoil(&folder, lost);
        let (code, report) = salvaged(&folder);
        assert_eq!((code, &report["damages"][0]["record"]), (1, &json!(lost)), "{report:#}");
        assert_eq!(report["runs"][1]["fate"], "whole", "{report:#}");
        if lost == 0 {
            assert_eq!(report["runs"][0]["fate"], "lost");
            assert_eq!(listed(&folder, "new").len(), 1);
            continue;
        }
        assert_eq!((&report["runs"][0]["fate"], &report["runs"][0]["kept"]), (&json!("cut"), &json!(lost)));
        let kept = listed(&folder, "new").remove(0);
        assert_eq!((&kept["status"], &kept["error"]["code"]), (&json!("failed"), &json!("journal.salvaged")));
        assert_eq!(resumed(&folder, &kept), (2, vec!["run.ended".to_owned()]));
        assert!(arrived.try_recv().is_err(), "nothing was sent again");
    }
}

#[test]
fn an_open_run_that_lost_nothing_is_gone_on_with() {
    let (folder, _arrived) = killed();
    assert_eq!(folder.kailash(&["run", "add.json", "--journal", "j"]).code, 0);
    // A record from the middle of the second run: it is clear whose it was.
    spoil(&folder, 4);
    let (code, report) = salvaged(&folder);
    assert_eq!(code, 1);
    assert_eq!(report["fates"], json!({"whole": 2, "cut": 1, "lost": 0}), "{report:#}");
    let open = listed(&folder, "new").remove(0);
    assert_eq!(open["status"], "open");
    assert_eq!(
        resumed(&folder, &open),
        (1, vec!["node.in_doubt".to_owned()]),
        "the journal knows that it acted"
    );
}

#[test]
fn large_values_are_copied_and_a_wrong_one_marks_its_run() {
    let folder = Folder::with("add.json", ADD);
    let large = ADD
        .replace("a + b", "text")
        .replace(r#"{"a": 1, "b": 2}"#, &json!({"text": "x".repeat(400_000)}).to_string());
    folder.write("large.json", large);
    for name in ["large.json", "add.json"] {
        let said = folder.kailash(&["run", name, "--journal", "j"]);
        assert_eq!(said.code, 0, "{said:?}");
    }
    let (code, _) = salvaged(&folder);
    assert_eq!(code, 0);
    let blobs = |journal: &str| -> Vec<_> {
        files(&folder.path(&format!("{journal}/blobs/content"))).into_values().collect()
    };
    assert!(!blobs("j").is_empty());
    assert_eq!(blobs("new"), blobs("j"));
    for missing in [false, true] {
        fs::remove_dir_all(folder.path("new")).unwrap();
        for path in files(&folder.path("j/blobs")).into_keys() {
            if missing {
                fs::remove_file(path).unwrap();
            } else {
                fs::write(path, "no longer what it was").unwrap();
            }
        }
        let (code, report) = salvaged(&folder);
        assert_eq!((code, &report["runs"][0]["fate"]), (1, &json!("cut")), "{report:#}");
        assert!(report["runs"][0]["problems"][0].as_str().unwrap().contains("blob"), "{report:#}");
        assert_eq!(listed(&folder, "new")[0]["error"]["code"], "journal.salvaged");
        assert_eq!(listed(&folder, "new")[1]["status"], "completed");
    }
}
