//! The thread that starts one worker process, lives as long as it, and ends it.
//!
//! A thread of its own is needed twice over. Landlock confines a thread and what it starts, so the
//! thread that starts a confined worker must serve nothing else. And a worker asks the kernel to be
//! killed when the thread that started it ends, so that none outlives this process however it ends.

use std::io::{self, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::interpreter::Interpreter;
use super::{PythonError, Sandbox, sandbox};

/// The program of a worker: its parts share one namespace.
const HARNESS: &str = concat!(
    include_str!("harness/values.py"),
    "\n\n",
    include_str!("harness/run.py"),
    "\n\n",
    include_str!("harness/failures.py"),
    "\n\n",
    include_str!("harness/seal.py"),
    "\n\n",
    include_str!("harness/main.py"),
);

/// The whole environment of a worker. Numeric libraries start no threads of their own, and the
/// allocator reserves no arena per thread, which would count against the memory limit.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("LANG", "C.UTF-8"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
    ("MALLOC_ARENA_MAX", "2"),
];

/// How often, and how long each time, a worker that closed its pipe is given to end by itself, so that
/// its own status is told and not that of being killed.
const LAST_WORDS: (u32, Duration) = (50, Duration::from_millis(2));
/// The most that is told of what a worker wrote to its standard error while it started, in bytes.
const MAX_STDERR: u64 = 4096;

/// The handle of a worker process. The process is killed and reaped when it is dropped.
#[derive(Debug)]
pub(super) struct Guardian {
    pid: u32,
    orders: Sender<Order>,
    ended: oneshot::Receiver<String>,
}

/// A worker process that was started, and its pipes.
pub(super) struct Started {
    pub(super) guardian: Guardian,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
}

enum Order {
    Kill,
    LetEnd,
}

impl Guardian {
    /// Starts a worker process, confined if it is to be.
    pub(super) async fn start(
        interpreter: Arc<Interpreter>,
        confinement: Sandbox,
    ) -> Result<Started, PythonError> {
        let (orders, received) = mpsc::channel();
        let (tell_start, started) = oneshot::channel();
        let (tell_end, ended) = oneshot::channel();
        std::thread::Builder::new().name("kailash-python".into()).spawn(move || {
            match start_process(&interpreter, confinement) {
                Ok(mut child) => {
                    let start = (child.id(), child.stdin.take(), child.stdout.take());
                    if tell_start.send(Ok(start)).is_err() {
                        tracing::debug!("nobody waits for the python worker any more");
                    }
                    let status = guard(child, &received);
                    if tell_end.send(status).is_err() {
                        tracing::trace!("nobody asks how the python worker ended");
                    }
                }
                Err(error) => {
                    if tell_start.send(Err(error)).is_err() {
                        tracing::debug!("nobody waits for the python worker any more");
                    }
                }
            }
        })?;
        let (pid, stdin, stdout) =
            started.await.map_err(|_| io::Error::other("the thread that starts the worker ended"))??;
        let guardian = Self { pid, orders, ended };
        match (stdin, stdout) {
            (Some(stdin), Some(stdout)) => Ok(Started { guardian, stdin, stdout }),
            _ => Err(io::Error::other("the worker has no pipes").into()),
        }
    }

    /// The id of the process, which stays its own until the guardian is gone.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn kill(self) {
        self.give(Order::Kill).await;
    }

    /// Waits a moment for a process that closed its pipe to end, then kills it; tells how it ended.
    pub(super) async fn let_end(self) -> String {
        self.give(Order::LetEnd).await
    }

    async fn give(self, order: Order) -> String {
        if self.orders.send(order).is_err() {
            tracing::debug!(pid = self.pid, "the python worker is already gone");
        }
        self.ended.await.unwrap_or_else(|_| "its status is unknown".to_owned())
    }
}

fn start_process(interpreter: &Interpreter, confinement: Sandbox) -> Result<Child, PythonError> {
    let mut command = Command::new(&interpreter.executable);
    command
        .args(["-I", "-B", "-X", "utf8", "-c", HARNESS])
        .env_clear()
        .envs(ENVIRONMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.current_dir("/").process_group(0);
    }
    if confinement == Sandbox::Restricted {
        sandbox::confine_this_thread(interpreter)?;
    }
    Ok(command.spawn()?)
}

/// Waits for an order, ends the process and tells how it ended.
fn guard(mut child: Child, orders: &Receiver<Order>) -> String {
    if let Ok(Order::LetEnd) = orders.recv() {
        for _ in 0..LAST_WORDS.0 {
            if has_ended(&mut child) {
                break;
            }
            // The other side waits for the end now, so this is only a pause.
            if orders.recv_timeout(LAST_WORDS.1).is_ok() {
                break;
            }
        }
    }
    let stderr = child.stderr.take();
    let status = match end(&mut child) {
        Ok(status) => status.to_string(),
        Err(error) => format!("its status is unknown: {error}"),
    };
    match stderr.map(last_line) {
        Some(line) if !line.is_empty() => format!("{status}: {line}"),
        _ => status,
    }
}

/// Whether the process has ended; it is not reaped by asking, so its id stays its own.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// Kills the process with what it started, and reaps it.
fn end(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, kill_process_group};
        // The group exists as long as the worker is not reaped, or has other members.
        if let Err(error) = kill_process_group(rustix::process::Pid::from_child(child), Signal::KILL) {
            tracing::trace!(%error, "the group of the python worker is gone");
        }
    }
    child.kill()?;
    child.wait()
}

/// The last line of what the worker wrote before it was ready; it closes the pipe after that.
fn last_line(stderr: ChildStderr) -> String {
    let mut said = Vec::new();
    if let Err(error) = stderr.take(MAX_STDERR).read_to_end(&mut said) {
        tracing::debug!(%error, "cannot read what the python worker said");
    }
    String::from_utf8_lossy(&said).trim_end().lines().last().unwrap_or_default().to_owned()
}
