//! One worker process that is ready for calls.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::io::BufReader;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::guardian::{Guardian, Started};
use super::interpreter::Interpreter;
use super::protocol::{self, Answer, Broken, Failure, INIT, Limits, Request, State};
use super::{Call, PythonError, PythonSettings, Reply, Sandbox, sandbox};

/// The time a worker has to become ready.
const START_TIME: Duration = Duration::from_secs(30);

/// A worker process. It is killed when it is dropped, as when a call is cancelled.
#[derive(Debug)]
pub(super) struct Worker {
    guardian: Guardian,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    pub(super) confinement: Sandbox,
    /// The calls it has served.
    calls: u32,
    /// When it was last free.
    pub(super) free_since: Instant,
    /// The executor that its pipes are registered with.
    executor: tokio::runtime::Id,
}

/// A call that was run.
pub(super) struct Done {
    /// The worker, if it can serve more calls.
    pub(super) worker: Option<Worker>,
    pub(super) result: Result<Reply, PythonError>,
}

/// The worker had died while it was free, so the call can go to another one.
pub(super) struct NotRun;

impl Worker {
    /// Starts a process and prepares it: limits first, then the seal, then the look at the seal.
    pub(super) async fn start(
        interpreter: Arc<Interpreter>,
        settings: &PythonSettings,
        confinement: Sandbox,
    ) -> Result<Self, PythonError> {
        let Started { guardian, stdin, stdout } = Guardian::start(interpreter, confinement).await?;
        let mut worker = Self {
            guardian,
            stdin: ChildStdin::from_std(stdin)?,
            stdout: BufReader::new(ChildStdout::from_std(stdout)?),
            confinement,
            calls: 0,
            free_since: Instant::now(),
            executor: Handle::current().id(),
        };
        match timeout(START_TIME, worker.prepare(settings)).await {
            Ok(Ok(())) => {
                tracing::debug!(pid = worker.guardian.pid(), ?confinement, "started a python worker");
                Ok(worker)
            }
            Ok(Err(Some(error))) => {
                worker.guardian.kill().await;
                Err(error)
            }
            Ok(Err(None)) => Err(PythonError::WorkerDied { status: worker.guardian.let_end().await }),
            Err(_) => {
                worker.guardian.kill().await;
                Err(PythonError::Timeout { after: START_TIME })
            }
        }
    }

    /// Fails with `None` where the process ended by itself.
    async fn prepare(&mut self, settings: &PythonSettings) -> Result<(), Option<PythonError>> {
        let pid = self.guardian.pid();
        sandbox::limit(pid, self.confinement, settings).map_err(PythonError::Io)?;
        let (number, program) = match self.confinement {
            Sandbox::Restricted => sandbox::filter(pid)?,
            Sandbox::Trusted => (0, Vec::new()),
        };
        let terms = serde_json::json!({
            "sandbox": self.confinement == Sandbox::Restricted,
            "seccomp": number,
            "memory": settings.memory,
            "printed": settings.max_captured_output,
        })
        .to_string();
        let request = Request { id: new_id(), mode: INIT, code: &terms, inputs: &program };
        match self.exchange(request, limits(settings)).await {
            Ok((Answer { body: Ok(_), .. }, true)) => {}
            Ok((Answer { body: Err(Failure::Unavailable { missing }), .. }, _)) => {
                return Err(Some(PythonError::SandboxUnavailable { missing }));
            }
            Ok((Answer { body: Err(Failure::Memory), .. }, _)) => return Err(Some(PythonError::MemoryLimit)),
            Ok(_) => return Err(Some(io::Error::other("the python worker did not become ready").into())),
            Err(_) => return Err(None),
        }
        if self.confinement == Sandbox::Restricted {
            sandbox::verify(pid)?;
        }
        Ok(())
    }

    /// Whether it can serve calls made in the executor around; its pipes die with the one it was started in.
    pub(super) fn is_at_home(&self) -> bool {
        self.executor == Handle::current().id()
    }

    /// Runs one call.
    pub(super) async fn call(mut self, call: &Call, settings: &PythonSettings) -> Result<Done, NotRun> {
        let after = call.timeout.unwrap_or(settings.default_timeout);
        let request =
            Request { id: new_id(), mode: call.mode.code(), code: &call.code, inputs: &call.inputs };
        let used = self.calls > 0;
        self.calls += 1;
        let (answer, whole) = match timeout(after, self.exchange(request, limits(settings))).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(Unanswered::NotSent)) if used => return Err(NotRun),
            Ok(Err(unanswered)) => {
                return Ok(Done { worker: None, result: Err(self.bury(unanswered, settings).await) });
            }
            Err(_) => {
                tracing::warn!(pid = self.guardian.pid(), ?after, "ended a python worker that ran too long");
                self.guardian.kill().await;
                return Ok(Done { worker: None, result: Err(PythonError::Timeout { after }) });
            }
        };
        let result = match answer.body {
            Ok(value) => match serde_json::from_slice::<IgnoredAny>(&value) {
                Ok(_) => Ok(Reply { value, printed: answer.printed }),
                Err(error) => Err(PythonError::NotJson { message: format!("result: {error}") }),
            },
            Err(failure) => Err(failure.into()),
        };
        let reusable = whole
            && !self.is_spent(answer.state, settings)
            && self.calls < settings.calls_per_worker
            && !matches!(result, Err(PythonError::MemoryLimit));
        if reusable {
            self.free_since = Instant::now();
            return Ok(Done { worker: Some(self), result });
        }
        self.guardian.kill().await;
        Ok(Done { worker: None, result })
    }

    /// Whether a call left the process so that it is better replaced.
    fn is_spent(&self, state: State, settings: &PythonSettings) -> bool {
        match state {
            State::Clean => false,
            State::Threads => true,
            State::Large => {
                sandbox::memory_in_use(self.guardian.pid()).is_some_and(|used| used > settings.memory / 2)
            }
        }
    }

    /// Kills the process and waits until it is gone.
    pub(super) async fn end(self) {
        self.guardian.kill().await;
    }

    /// Sends a request and receives its answer. `true` with it says that the request was taken whole;
    /// a worker that answers before that has not understood it and cannot be used again.
    async fn exchange(&mut self, request: Request<'_>, limits: Limits) -> Result<(Answer, bool), Unanswered> {
        let answer = protocol::receive(&mut self.stdout, request.id, limits);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            sent = protocol::send(&mut self.stdin, request) => match sent {
                Ok(()) => Ok((answer.await?, true)),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => match answer.await {
                    Ok(answer) => Ok((answer, false)),
                    Err(_) => Err(Unanswered::NotSent),
                },
                Err(error) => Err(Broken::Io(error).into()),
            },
            early = &mut answer => Ok((early?, false)),
        }
    }

    /// Ends the worker and says why there is no answer.
    async fn bury(self, unanswered: Unanswered, settings: &PythonSettings) -> PythonError {
        let pid = self.guardian.pid();
        let error = match unanswered {
            Unanswered::NotSent | Unanswered::Broken(Broken::Closed) => {
                PythonError::WorkerDied { status: self.guardian.let_end().await }
            }
            Unanswered::Broken(broken) => {
                self.guardian.kill().await;
                match broken {
                    Broken::TooLong => PythonError::OutputLimit { limit: settings.max_reply },
                    Broken::Malformed(what) => PythonError::WorkerDied { status: what.to_owned() },
                    Broken::Io(error) => error.into(),
                    Broken::Closed => PythonError::WorkerDied { status: "it closed its pipe".to_owned() },
                }
            }
        };
        tracing::warn!(pid, %error, "ended a python worker");
        error
    }
}

/// Why a request has no answer.
enum Unanswered {
    /// The worker was gone before it had the request.
    NotSent,
    Broken(Broken),
}

impl From<Broken> for Unanswered {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Failure> for PythonError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Syntax { message, line } => Self::Syntax { message, line },
            Failure::Raised { exception, message, line, traceback } => {
                Self::Raised { exception, message, line, traceback }
            }
            Failure::NotJson { message } => Self::NotJson { message },
            Failure::Unavailable { missing } => Self::SandboxUnavailable { missing },
            Failure::NoResult => Self::NoResult,
            Failure::Memory => Self::MemoryLimit,
        }
    }
}

fn limits(settings: &PythonSettings) -> Limits {
    Limits { reply: settings.max_reply, printed: settings.max_captured_output }
}

/// An id that code in a worker cannot foresee, so that it cannot answer the call after its own.
fn new_id() -> u64 {
    RandomState::new().build_hasher().finish()
}
