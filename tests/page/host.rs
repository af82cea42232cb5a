//! A real `kailash serve` on a free port, with data and workflows of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

pub(crate) struct Host {
    folder: TempDir,
    process: Process,
    pub(crate) address: SocketAddr,
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Host {
    /// A host with these workflows: names of files, and documents.
    pub(crate) fn with(workflows: &[(&str, &str)]) -> Self {
        Self::with_settings(workflows, &[])
    }

    pub(crate) fn with_settings(workflows: &[(&str, &str)], settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("flows")).unwrap();
        for (name, document) in workflows {
            std::fs::write(folder.path().join("flows").join(name), document).unwrap();
        }
        let (process, address) = serve(&folder, "127.0.0.1:0", settings);
        Self { folder, process, address }
    }

    /// Kills the process and starts another with the same data at the same address.
    pub(crate) fn restart(&mut self) {
        self.kill();
        (self.process, self.address) = serve(&self.folder, &self.address.to_string(), &[]);
    }

    pub(crate) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    pub(crate) fn url(&self, place: &str) -> String {
        format!("http://{}/{place}", self.address)
    }

    /// Makes an API key.
    pub(crate) fn key(&self, scopes: &str) -> String {
        let made =
            kailash(&self.folder, &["keys", "--data", "data", "add", "page", "--scopes", scopes]).output();
        String::from_utf8(made.unwrap().stdout).unwrap().trim().to_owned()
    }
}

fn kailash(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kailash"));
    command.current_dir(folder.path()).args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn serve(folder: &TempDir, listen: &str, settings: &[&str]) -> (Process, SocketAddr) {
    let mut command =
        kailash(folder, &["serve", "--listen", listen, "--data", "data", "--workflows", "flows"]);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    let mut process = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(process.0.stderr.take().unwrap());
    let mut before = String::new();
    loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "the host ended: {before}");
        if let Some(address) = line.trim().strip_prefix("kailash serves http://") {
            // What it says is read, so that it never waits for a reader.
            std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
            return (process, address.parse().unwrap());
        }
        before += &line;
    }
}
