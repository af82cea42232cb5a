//! Tests of the pool against a real interpreter.
#![cfg(target_os = "linux")]

mod lifecycle;
mod limits;
mod modes;
mod sandbox;
mod values;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::unix::AsyncFd;

use super::{Call, Mode, PythonError, PythonPool, PythonSettings, Reply, Sandbox};

fn pool() -> PythonPool {
    PythonPool::new(PythonSettings::default())
}

/// A pool of one worker, so that two calls meet the same one.
fn pool_of_one() -> PythonPool {
    PythonPool::new(PythonSettings { max_workers: 1, ..PythonSettings::default() })
}

fn call(code: &str) -> Call {
    Call {
        code: code.into(),
        mode: Mode::Exec,
        inputs: b"{}".to_vec(),
        sandbox: Sandbox::Restricted,
        timeout: None,
    }
}

fn with(code: &str, inputs: &Value) -> Call {
    Call { inputs: inputs.to_string().into_bytes(), ..call(code) }
}

fn trusted(code: &str) -> Call {
    Call { sandbox: Sandbox::Trusted, ..call(code) }
}

fn value(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.value).unwrap()
}

/// The value of a call that succeeds.
async fn run(pool: &PythonPool, call: Call) -> Value {
    value(&pool.call(call).await.unwrap())
}

/// The error of a call that fails.
async fn fail(pool: &PythonPool, call: Call) -> PythonError {
    match pool.call(call).await {
        Err(error) => error,
        Ok(reply) => panic!("the call gave {}", String::from_utf8_lossy(&reply.value)),
    }
}

/// The process id of the worker that serves the next call of this kind.
async fn pid(pool: &PythonPool) -> i32 {
    let pid = run(pool, call("import os\nresult = os.getpid()")).await;
    pid.as_i64().unwrap().try_into().unwrap()
}

/// A handle that becomes readable when the process ends; `None` when there is no such process.
#[expect(deprecated, reason = "its successor is unsafe, and an owned descriptor is a sound source")]
fn watch(pid: i32) -> Option<AsyncFd<std::os::fd::OwnedFd>> {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::NONBLOCK)
        .ok()
        .map(|descriptor| AsyncFd::new(descriptor).unwrap())
}

/// Waits until the process that is watched has ended.
async fn ended(watched: Option<AsyncFd<std::os::fd::OwnedFd>>) {
    let Some(watched) = watched else { return };
    let end = tokio::time::timeout(Duration::from_secs(20), watched.readable());
    drop(end.await.expect("the process is still there").unwrap());
}
