//! A Mosquitto on a free port of this machine, with a folder of its own.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

use super::MqttClients;

/// A broker that runs as long as this is held.
pub(super) struct Broker {
    pub(super) port: u16,
    pub(super) folder: tempfile::TempDir,
    pub(super) clients: MqttClients,
    settings: String,
    process: Child,
    log: Log,
}

/// What a broker wrote so far.
#[derive(Clone)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

/// A program of the package `mosquitto`, which `tests/run tools` installs.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is needed: install the package mosquitto (tests/run tools)"))
}

impl Broker {
    /// One that lets everybody in.
    pub(super) async fn start() -> Self {
        Self::with(|_| "allow_anonymous true\n".into()).await
    }

    /// One with the settings that `settings` makes, which may put files into the folder it is given.
    pub(super) async fn with(settings: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        for _ in 0..10 {
            let port = free_port();
            if let Some((process, log)) = run(folder.path(), &settings, port).await {
                return Self { port, folder, clients: MqttClients::default(), settings, process, log };
            }
        }
        panic!("no port was free");
    }

    pub(super) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Waits until the broker has written a line with `words`.
    pub(super) async fn wrote(&self, words: &str) {
        self.wrote_again(words, 0).await;
    }

    /// Waits until the broker has written more than `before` lines with `words`.
    pub(super) async fn wrote_again(&self, words: &str, before: usize) {
        let mut count = self.log.count.clone();
        loop {
            count.borrow_and_update();
            if self.lines(words) > before {
                return;
            }
            count.changed().await.unwrap_or_else(|_| panic!("the broker ended without writing `{words}`"));
        }
    }

    /// How many lines with `words` there are.
    pub(super) fn lines(&self, words: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(words)).count()
    }

    /// Ends the broker as a failure of power would.
    pub(super) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts the broker again, with what it kept on disk.
    pub(super) async fn restart(&mut self) {
        let started = run(self.folder.path(), &self.settings, self.port).await;
        (self.process, self.log) = started.expect("the port is free again");
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a broker and waits until it listens; None if somebody else has the port.
async fn run(folder: &Path, settings: &str, port: u16) -> Option<(Child, Log)> {
    let mut config = format!("listener {port} 127.0.0.1\nuser root\nlog_type all\nlog_dest stderr\n");
    writeln!(config, "persistence_location {}/", folder.display()).unwrap();
    config.push_str(settings);
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(program("mosquitto"));
    command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.kill_on_drop(true).spawn().unwrap();
    let mut written = BufReader::new(process.stderr.take().unwrap()).lines();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (sender, count) = watch::channel(0);
    loop {
        let line = written.next_line().await.unwrap();
        let Some(line) = line else {
            let said = lines.lock().unwrap().join("\n");
            assert!(said.contains("Address already in use"), "mosquitto did not start:\n{said}");
            return None;
        };
        let runs = line.contains("running");
        lines.lock().unwrap().push(line);
        if runs {
            break;
        }
    }
    let log = Log { lines: Arc::clone(&lines), count };
    tokio::spawn(async move {
        while let Ok(Some(line)) = written.next_line().await {
            lines.lock().unwrap().push(line);
            sender.send_modify(|count| *count += 1);
        }
    });
    Some((process, log))
}

/// Settings of a broker that only `name` with `password` may use.
pub(super) fn guarded(folder: &Path, name: &str, password: &str) -> String {
    let file = folder.join("passwords");
    let made = std::process::Command::new(program("mosquitto_passwd"))
        .args(["-b", "-c"])
        .arg(&file)
        .args([name, password])
        .status()
        .unwrap();
    assert!(made.success());
    format!("allow_anonymous false\npassword_file {}\n", file.display())
}
