//! A real `kailash serve` with some workflows, spoken to over a socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    thread::JoinHandle,
};

use serde_json::Value as Json;
use tempfile::TempDir;

/// A host in a process of its own; it is ended when this is dropped.
pub(crate) struct Host {
    process: Child,
    /// What it writes to stderr after its address.
    log: Option<JoinHandle<String>>,
    address: String,
    /// An API key with every scope.
    pub(crate) key: String,
    folder: TempDir,
}

fn kailash(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kailash"));
    command.current_dir(folder).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

/// Makes an API key.
fn add_key(folder: &Path, scopes: &str) -> String {
    let made = kailash(folder).args(["keys", "add", "test", "--scopes", scopes]).output();
    let made = made.expect("kailash runs");
    let key = String::from_utf8(made.stdout).expect("a key is text").trim().to_owned();
    assert!(!key.is_empty(), "{}", String::from_utf8_lossy(&made.stderr));
    key
}

impl Host {
    /// A host on a free port, with a journal in a folder of its own.
    pub(crate) fn start(key_needed: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = add_key(folder.path(), "read,execute,manage");
        let mut process = kailash(folder.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--set", &format!("http.require_key={key_needed}")])
            .args(["--workflows", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi/workflows")])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("kailash starts");
        let mut lines = BufReader::new(process.stderr.take().expect("stderr is piped"));
        let address = address(&mut lines);
        // Read on, so that the host never waits for a reader.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            let read = lines.read_to_end(&mut log);
            String::from_utf8_lossy(&log).into_owned()
                + &read.err().map(|e| e.to_string()).unwrap_or_default()
        });
        Self { process, log: Some(log), address, key, folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where a test may write.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An API key with these scopes.
    pub(crate) fn add_key(&self, scopes: &str) -> String {
        add_key(self.folder.path(), scopes)
    }

    pub(crate) fn get(&self, path: &str) -> Json {
        self.told(&format!("GET {path} HTTP/1.1"), "")
    }

    pub(crate) fn post(&self, path: &str, content: &Json) -> Json {
        self.told(&format!("POST {path} HTTP/1.1"), &content.to_string())
    }

    /// What is answered to a request that begins with this line.
    fn told(&self, first: &str, content: &str) -> Json {
        let mut answer = String::new();
        self.ask(first, Some(&self.key), content).read_to_string(&mut answer).expect("the host answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// The status with which a request is answered that begins with this line. Its content is not waited for.
    pub(crate) fn status(&self, first: &str, key: Option<&str>) -> u16 {
        let mut line = String::new();
        BufReader::new(self.ask(first, key, "")).read_line(&mut line).expect("the host answers");
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    fn ask(&self, first: &str, key: Option<&str>, content: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("the host listens");
        let key = key.map(|key| format!("X-API-Key: {key}\r\n")).unwrap_or_default();
        let (address, length) = (&self.address, content.len());
        let head = format!(
            "{first}\r\nHost: {address}\r\nConnection: close\r\n{key}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + content).as_bytes()).expect("the host reads");
        stream
    }

    /// Ends the process, which must not have ended before, and returns what it logged.
    pub(crate) fn stop(mut self) -> String {
        let ended = self.process.try_wait().expect("a process can be asked");
        self.process.kill().expect("a process can be killed");
        let log = self.log.take().map(|log| log.join().expect("the log is read")).unwrap_or_default();
        assert!(ended.is_none(), "the host has ended: {ended:?}\n{log}");
        log
    }
}

/// The address in the line that tells it.
fn address(lines: &mut BufReader<ChildStderr>) -> String {
    let mut log = String::new();
    loop {
        let before = log.len();
        assert!(lines.read_line(&mut log).expect("stderr is text") > 0, "the host did not start: {log}");
        if let Some((_, address)) = log[before..].split_once("kailash serves http://") {
            return address.trim().to_owned();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
