//! A private server of PostgreSQL, gone when the process that started it is.
//!
//! ```text
//! test process ──stdin──> sh (as a user who may run a server) ──pg_ctl──> postgres
//!              <─stdout── "done" for each command
//! ```
//! However the process ends, the shell then reads the end of its input, stops the server and removes its files.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, OnceLock},
};

pub(super) const PASSWORD: &str = "pw-hunter2";

const SCRIPT: &str = r#"
trap '' INT
start() { pg_ctl -w -t 60 -D "$DIR/data" -l "$DIR/log" start \
  -o "-c fsync=off -c max_connections=40 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$DIR -p $PORT"; }
printf %s "$PASSWORD" > "$DIR/password"
if initdb -D "$DIR/data" -U kailash --pwfile="$DIR/password" --auth=scram-sha-256 --no-sync -E UTF8 --locale=C \
  > "$DIR/log" 2>&1 && start >> "$DIR/log" 2>&1
then echo done; else tail -n 5 "$DIR/log"; fi
while read -r command; do
  case "$command" in
    start) start > /dev/null 2>&1 ;;
    stop) pg_ctl -w -D "$DIR/data" -m fast stop > /dev/null 2>&1 ;;
  esac
  echo done
done
exec > /dev/null 2>&1
pg_ctl -D "$DIR/data" -m immediate stop
rm -rf "$DIR"
"#;

/// A server that is running, unless it was told to stop.
pub(super) struct Server {
    pub(super) port: u16,
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _shell: Child,
}

impl Server {
    /// The server that the tests of this process share.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own.
    pub(super) fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("kailash-pg-").tempdir().unwrap().keep();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // A server refuses to run for root.
        let root = rustix::process::geteuid().is_root();
        if root {
            let changed = Command::new("chown").arg("postgres").arg(&dir).status().unwrap();
            assert!(changed.success(), "there is no user `postgres`: install the package postgresql");
        }
        let mut command = if root { Command::new("setpriv") } else { Command::new("sh") };
        if root {
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
        }
        command.args(["-c", SCRIPT]).current_dir(&dir).env("PATH", path()).env("DIR", &dir);
        command.env("PORT", port.to_string()).env("PASSWORD", PASSWORD);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().unwrap();
        let talk = (shell.stdin.take().unwrap(), BufReader::new(shell.stdout.take().unwrap()));
        let server = Self { port, talk: Mutex::new(talk), _shell: shell };
        let said = server.hear();
        assert_eq!(said.trim(), "done", "no server of PostgreSQL: is the package postgresql installed?");
        server
    }

    /// Starts or stops it, and waits until that is done.
    pub(super) fn tell(&self, command: &str) {
        writeln!(self.talk.lock().unwrap().0, "{command}").unwrap();
        assert_eq!(self.hear().trim(), "done");
    }

    /// The address of `database`, password included.
    pub(super) fn address(&self, database: &str) -> String {
        format!("postgres://kailash:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    fn hear(&self) -> String {
        let mut line = String::new();
        self.talk.lock().unwrap().1.read_line(&mut line).unwrap();
        line
    }
}

/// The search path with the places where packages keep the server.
fn path() -> std::ffi::OsString {
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    std::env::join_paths(folders).unwrap()
}
