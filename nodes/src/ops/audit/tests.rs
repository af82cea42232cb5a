//! The audit log on disk: what is written, repaired, repeated and found.

use std::{fs, io::Write, path::Path, sync::Arc};

use kailash_core::{
    ErrorKind, Map, Result, Services, Text, Value,
    node::{BuildContext, Effect, NodeType, Outcome, Whole},
    testing::NodeTest,
    value,
};

use super::{AuditLog, AuditLogs, service::MAX_LOGS};
use crate::data::WorkDir;

/// The node in run `run`, so that each run is a unit of its own.
async fn run(dir: &Path, logs: &AuditLogs, number: u128, config: Value, given: Value) -> Result<Map> {
    let services = Services::builder().with(WorkDir(dir.into())).unwrap().with(logs.clone()).unwrap().build();
    let node: AuditLog = kailash_core::from_value(&config).unwrap();
    let names: Vec<Text> = AuditLog::spec().ports.inputs.iter().map(|input| input.name.clone()).collect();
    let body =
        node.build(&BuildContext { services: &services, node: &"node".into(), inputs: &names }).unwrap();
    let inputs = AuditLog::spec()
        .ports
        .inputs
        .iter()
        .map(|input| given.get(&input.name).cloned().or(input.default.clone()))
        .collect();
    let Some(Whole::Future(body)) = body.whole else { panic!("it is a future") };
    let Outcome::Done(outputs) = body.run(inputs, crate::testing::context(number)).await? else {
        panic!("it waits for nothing")
    };
    let names = AuditLog::spec().ports.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    Ok(names.into_iter().zip(outputs).filter_map(|(name, value)| Some((name, value?))).collect())
}

async fn append(dir: &Path, logs: &AuditLogs, number: u128) -> Result<Map> {
    run(dir, logs, number, value!({}), value!({"action": (format!("act {number}")), "actor": "me"})).await
}

async fn verify(dir: &Path, logs: &AuditLogs, given: Value) -> Map {
    let mut given = given.into_map().unwrap();
    given.insert("operation", "verify");
    run(dir, logs, 0, value!({}), given.into()).await.unwrap()
}

fn log(dir: &Path) -> Vec<Value> {
    let text = fs::read_to_string(dir.join("audit.jsonl")).unwrap();
    text.lines().map(|line| Value::from_json(line).unwrap()).collect()
}

#[tokio::test]
async fn a_record_says_who_did_what_and_hides_what_it_must() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    let given = value!({
        "action": "login", "actor": "ann", "resource": "door", "outcome": "denied",
        "details": {"password": "hunter2", "from": "here"},
    });
    let got = run(dir.path(), &logs, 7, value!({"redact": ["Password"]}), given).await.unwrap();
    assert_eq!((got.get("seq"), got.get("repeated")), (Some(&value!(1)), Some(&value!(false))));
    let record = &log(dir.path())[0];
    for (name, expected) in
        [("action", "login"), ("actor", "ann"), ("resource", "door"), ("outcome", "denied"), ("unit", "node")]
    {
        assert_eq!(record.get(name), Some(&value!(expected)), "{name}");
    }
    assert_eq!(record.get("details"), Some(&value!({"password": "[redacted]", "from": "here"})));
    assert!(record.get("at").and_then(Value::as_str).unwrap().ends_with('Z'));
    assert_eq!(record.get("key").and_then(Value::as_str).map(str::len), Some(32));
    let verified = verify(dir.path(), &logs, value!({"expected_hash": (got.get("hash").cloned())})).await;
    assert_eq!((verified.get("valid"), verified.get("seq")), (Some(&value!(true)), Some(&value!(1))));
}

#[tokio::test]
async fn a_unit_that_runs_again_is_not_written_twice_even_by_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = append(dir.path(), &AuditLogs::default(), 1).await.unwrap();
    let logs = AuditLogs::default();
    let again = append(dir.path(), &logs, 1).await.unwrap();
    assert_eq!(again.get("repeated"), Some(&value!(true)));
    assert_eq!((again.get("seq"), again.get("hash")), (first.get("seq"), first.get("hash")));
    append(dir.path(), &logs, 2).await.unwrap();
    assert_eq!(append(dir.path(), &logs, 1).await.unwrap().get("repeated"), Some(&value!(true)));
    assert_eq!(log(dir.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_written_at_once_make_one_chain() {
    let (dir, logs) = (Arc::new(tempfile::tempdir().unwrap()), AuditLogs::default());
    let writers = (0..40).map(|number| {
        let (dir, logs) = (Arc::clone(&dir), logs.clone());
        tokio::spawn(async move { append(dir.path(), &logs, number).await.unwrap() })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let verified = verify(dir.path(), &logs, value!({})).await;
    assert_eq!((verified.get("valid"), verified.get("seq")), (Some(&value!(true)), Some(&value!(40))));
}

#[tokio::test]
async fn a_last_line_that_was_not_finished_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    append(dir.path(), &AuditLogs::default(), 1).await.unwrap();
    let path = dir.path().join("audit.jsonl");
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":2,\"prev").unwrap();
    let logs = AuditLogs::default();
    let torn = verify(dir.path(), &logs, value!({})).await;
    assert_eq!(torn.get("valid"), Some(&value!(false)));
    assert_eq!(append(dir.path(), &logs, 2).await.unwrap().get("seq"), Some(&value!(2)));
    assert_eq!(verify(dir.path(), &logs, value!({})).await.get("valid"), Some(&value!(true)));
    assert_eq!(log(dir.path()).len(), 2);
}

#[tokio::test]
async fn a_line_that_was_changed_is_found_and_nothing_is_added_to_such_a_log() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    for number in 1..=3 {
        append(dir.path(), &logs, number).await.unwrap();
    }
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("act 2", "act X")).unwrap();
    let found = verify(dir.path(), &logs, value!({})).await;
    assert_eq!(found.get("valid"), Some(&value!(false)));
    assert!(found.get("problem").and_then(Value::as_str).unwrap().contains("line 2"), "{found:?}");
    drop(logs);
    let error = append(dir.path(), &AuditLogs::default(), 4).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "audit.broken"));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_change_of_the_only_record_is_found() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    append(dir.path(), &logs, 1).await.unwrap();
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("act 1", "act X")).unwrap();
    let found = verify(dir.path(), &AuditLogs::default(), value!({})).await;
    assert_eq!(found.get("valid"), Some(&value!(false)), "{found:?}");
}

#[tokio::test]
async fn lines_that_were_cut_off_are_missed_by_who_kept_the_hash() {
    let dir = tempfile::tempdir().unwrap();
    let logs = AuditLogs::default();
    append(dir.path(), &logs, 1).await.unwrap();
    let last = append(dir.path(), &logs, 2).await.unwrap().get("hash").cloned();
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{}\n", text.lines().next().unwrap())).unwrap();
    let found = verify(dir.path(), &logs, value!({})).await;
    assert_eq!(found.get("valid"), Some(&value!(false)), "who has it open knows where it ended");
    let other = AuditLogs::default();
    assert_eq!(verify(dir.path(), &other, value!({})).await.get("valid"), Some(&value!(true)));
    let found = verify(dir.path(), &other, value!({"expected_hash": last})).await;
    assert_eq!(found.get("valid"), Some(&value!(false)));
}

#[tokio::test]
async fn lines_behind_the_one_whose_hash_was_kept_are_no_sign_of_tampering() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    let first = append(dir.path(), &logs, 1).await.unwrap().get("hash").cloned();
    for number in 2..=3 {
        append(dir.path(), &logs, number).await.unwrap();
    }
    let found = verify(dir.path(), &logs, value!({"expected_hash": (first.clone())})).await;
    assert_eq!((found.get("valid"), found.get("seq")), (Some(&value!(true)), Some(&value!(3))));
    drop(logs);
    let other = AuditLogs::default();
    let found = verify(dir.path(), &other, value!({"expected_hash": first})).await;
    assert_eq!(found.get("valid"), Some(&value!(true)));
    let found = verify(dir.path(), &other, value!({"expected_hash": "ab"})).await;
    assert_eq!(found.get("valid"), Some(&value!(false)));
    assert_eq!(found.get("problem"), Some(&value!("none of 3 lines has the expected hash")));
}

#[tokio::test]
async fn files_that_nobody_wrote_to_for_long_are_closed() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    let write = async |logs: &AuditLogs, file: usize, number: u128| {
        let given = value!({"action": "a", "file_path": (format!("{file}.jsonl"))});
        run(dir.path(), logs, number, value!({}), given).await
    };
    for file in 0..MAX_LOGS + 1 {
        write(&logs, file, 1).await.unwrap();
    }
    let other = AuditLogs::default();
    assert_eq!(write(&other, 1, 2).await.unwrap_err().code(), "audit.locked");
    assert_eq!(write(&other, 0, 2).await.unwrap().get("seq"), Some(&value!(2)));
    drop(other);
    assert_eq!(write(&logs, 0, 3).await.unwrap().get("seq"), Some(&value!(3)), "it is opened again");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    for (given, code) in [
        (value!({}), "audit.action"),
        (value!({"operation": "forget", "action": "a"}), "audit.operation"),
        (value!({"action": "a", "file_path": "no/such/folder/a"}), "io.not_found"),
        (value!({"action": "a", "file_path": ""}), "file.path"),
        (value!({"action": "a", "details": ("x".repeat(2 << 20))}), "audit.too_large"),
        (value!({"operation": "verify", "file_path": "none"}), "io.not_found"),
    ] {
        assert_eq!(run(dir.path(), &logs, 1, value!({}), given).await.unwrap_err().code(), code);
    }
    append(dir.path(), &logs, 1).await.unwrap();
    let error = append(dir.path(), &AuditLogs::default(), 2).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "audit.locked"));
    let error =
        NodeTest::new::<AuditLog>(value!({"operation": "forget"}), &Services::default()).err().unwrap();
    assert!(error.message().contains("[audit.operation]"));
    assert_eq!((AuditLog::spec().effect, AuditLog::spec().honours_key), (Effect::Effectful, true));
}

#[tokio::test]
async fn a_log_that_was_moved_away_is_begun_again() {
    let (dir, logs) = (tempfile::tempdir().unwrap(), AuditLogs::default());
    append(dir.path(), &logs, 1).await.unwrap();
    fs::rename(dir.path().join("audit.jsonl"), dir.path().join("old.jsonl")).unwrap();
    assert_eq!(append(dir.path(), &logs, 2).await.unwrap().get("seq"), Some(&value!(1)));
    assert_eq!(log(dir.path()).len(), 1);
    let old = verify(dir.path(), &logs, value!({"file_path": "old.jsonl"})).await;
    assert_eq!((old.get("valid"), old.get("seq")), (Some(&value!(true)), Some(&value!(1))));
}
