//! A host: a process of `kailash serve` with a folder of its own.

use std::{
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value as Json;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::process::{self, state};

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A host, whether it runs or not.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) data: PathBuf,
    /// Its API, as `http://host:port`.
    pub(crate) url: String,
    pub(super) settings: Vec<String>,
    /// How the process is begun: nothing, or a program that begins it with its environment.
    pub(super) started: Started,
    pub(super) child: Option<Child>,
}

/// How a host's process is begun.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started {
    /// A program with arguments, before the host's own.
    pub(crate) by: Vec<String>,
    /// Variables.
    pub(crate) with: Vec<(String, String)>,
}

/// An address of loopback that is free.
pub(super) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

impl Host {
    pub(super) fn new(root: &Path, name: &str, settings: Vec<String>, started: Started) -> Self {
        let data = root.join(name);
        std::fs::create_dir_all(&data).unwrap();
        let url = format!("http://{}", free_address());
        Self { name: name.into(), data, url, settings, started, child: None }
    }

    /// Begins the process. Returns its id.
    pub(crate) fn start(&mut self) -> u32 {
        assert!(self.child.is_none(), "{} runs", self.name);
        let log = File::options().create(true).append(true).open(self.data.with_extension("log")).unwrap();
        let program = env!("CARGO_BIN_EXE_kailash").to_owned();
        let words: Vec<String> = self.started.by.iter().cloned().chain([program]).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("serve").arg("--data").arg(&self.data);
        command.args(["--listen", self.url.trim_start_matches("http://")]);
        for setting in &self.settings {
            command.args(["--set", setting]);
        }
        command.envs(self.started.with.iter().cloned()).env_remove("RUST_LOG");
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        let pid = child.id().unwrap();
        self.child = Some(child);
        pid
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("it runs")
    }

    /// Whether its process is there.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Whether it was begun and not ended by the test.
    pub(crate) fn child_runs(&self) -> bool {
        self.child.is_some()
    }

    /// Kills the process, as `kill -9` does.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.start_kill().unwrap();
        let status = child.wait().await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    }

    /// Stops it as an operator would.
    pub(crate) async fn terminate(&mut self) {
        let mut child = self.child.take().expect("it runs");
        process::signal(child.id().unwrap(), Signal::TERM);
        let status = child.wait().await.unwrap();
        assert!(status.success(), "{} {status}\n{}", self.name, self.log());
    }

    /// Lets the process stand still.
    pub(crate) fn pause(&self) {
        process::signal(self.pid(), Signal::STOP);
        while state(self.pid()) != 'T' {
            std::thread::yield_now();
        }
    }

    /// Lets the process go on.
    pub(crate) fn go_on(&self) {
        assert_eq!(state(self.pid()), 'T', "it stood still");
        process::signal(self.pid(), Signal::CONT);
    }

    /// Waits until the process has ended by itself. Returns whether it did in `time`.
    pub(crate) async fn ends_within(&mut self, time: Duration) -> bool {
        let child = self.child.as_mut().expect("it ran");
        let ended = tokio::time::timeout(time, child.wait()).await.is_ok();
        if ended {
            self.child = None;
        }
        ended
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    /// Waits until it has logged `text`. Returns all that it has logged.
    pub(crate) async fn logged(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if log.contains(text) {
                return log;
            }
            assert!(began.elapsed() < PATIENCE, "{}: `{text}` is not logged:\n{log}", self.name);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it says of the cluster, if it answers.
    pub(crate) async fn status(&self) -> Option<Json> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
        let answer = client.get(format!("{}/cluster", self.url)).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Waits until what it says of the cluster is as `wanted`. Returns it and how long that took.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Json) -> bool) -> (Json, Duration) {
        let began = Instant::now();
        loop {
            let status = self.status().await;
            if let Some(status) = status.as_ref().filter(|status| wanted(status)) {
                return (status.clone(), began.elapsed());
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{}: {what} does not come: {status:#?}\n{}",
                self.name,
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}
