//! Why a call gave no value.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::time::Duration;

/// Why a [`PythonPool::call`](super::PythonPool::call) gave no value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// There is no interpreter that can be used.
    #[error("no usable python3: {hint}")]
    NoInterpreter {
        /// What was tried and what to do about it.
        hint: String,
    },
    /// This host cannot confine a worker, so restricted code is not run.
    #[error("python code cannot be sandboxed on this host, which lacks {missing}")]
    SandboxUnavailable {
        /// What is missing.
        missing: String,
    },
    /// The code does not compile.
    #[error("python syntax error{}: {message}", Place(*line))]
    Syntax {
        /// Python's message.
        message: String,
        /// The line of the user's source, from 1.
        line: Option<u32>,
    },
    /// The code raised an exception, also `SystemExit` or `KeyboardInterrupt`.
    #[error("python raised {exception}{}: {message}", Place(*line))]
    Raised {
        /// The name of the exception's type, such as `KeyError`.
        exception: String,
        /// The exception's message, cut after 8192 characters.
        message: String,
        /// The innermost line of the user's source, from 1.
        line: Option<u32>,
        /// The traceback as Python prints it, with the frames of the user's code only.
        traceback: String,
    },
    /// The code ran for longer than it may; its worker was ended.
    #[error("python code did not end within {after:?}")]
    Timeout {
        /// The time it had.
        after: Duration,
    },
    /// The code needed more memory than a worker has; its worker was ended.
    #[error("python code needs more memory than its worker has")]
    MemoryLimit,
    /// The value is longer than a reply may be; the worker was ended.
    #[error("the result of the python code is longer than {limit} bytes")]
    OutputLimit {
        /// The most bytes a reply may have.
        limit: usize,
    },
    /// The code ended without setting `result`.
    #[error("the python code did not set `result`")]
    NoResult,
    /// A value has no JSON form, or the inputs are not a JSON object.
    #[error("not a value that can be passed: {message}")]
    NotJson {
        /// Which value it is and what is the matter with it.
        message: String,
    },
    /// The worker ended by itself during the call, or spoke out of turn and was ended.
    #[error("the python worker died: {status}")]
    WorkerDied {
        /// How it ended.
        status: String,
    },
    /// The pool has been shut down.
    #[error("the python pool is shut down")]
    Closed,
    /// The worker could not be started or reached.
    #[error("cannot reach a python worker")]
    Io(#[from] io::Error),
}

impl PythonError {
    /// Whether the same call may well succeed when it is made again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::WorkerDied { .. } | Self::Io(_) => true,
            Self::NoInterpreter { .. }
            | Self::SandboxUnavailable { .. }
            | Self::Syntax { .. }
            | Self::Raised { .. }
            | Self::MemoryLimit
            | Self::OutputLimit { .. }
            | Self::NoResult
            | Self::NotJson { .. }
            | Self::Closed => false,
        }
    }
}

/// The line of an error as part of a sentence.
struct Place(Option<u32>);

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, " on line {line}"),
            None => Ok(()),
        }
    }
}
