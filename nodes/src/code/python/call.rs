//! One request to run user code, and what comes back.

use std::sync::Arc;
use std::time::Duration;

/// How the code of a [`Call`] is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Statements. The inputs are global names, every call has fresh globals, and the value of the
    /// variable `result` is the reply.
    Exec,
    /// Like [`Mode::Exec`], and the statements may use `await`, `async for` and `async with` at the
    /// top level; they run in an event loop of their own.
    AsyncExec,
    /// [`Call::code`] is a JSON list of sources that are applied in order, each to the value of the one
    /// before it; the first gets the input `data` (`None` where there is none). The last value is the
    /// reply. What happens to a source depends on what it is:
    ///
    /// - a lambda, or one `def`: it is called. A list is passed element by element when the function
    ///   takes exactly one parameter, so `lambda x: x * 2` makes `[1, 2, 3]` into `[2, 4, 6]`;
    /// - another expression: its value is the next value, with the inputs as names and the value so far
    ///   as `data` and `x`. A value that can be called (`sorted`, `len`) is called with the value so far;
    /// - statements: they see the same names, the value so far also as `result`, and must set `result`.
    Transform,
}

impl Mode {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Exec => 0,
            Self::AsyncExec => 1,
            Self::Transform => 2,
        }
    }
}

/// How far the code of a [`Call`] is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sandbox {
    /// The kernel keeps the code from files, sockets, processes and signals. The code can read what
    /// Python lives from (its library, shared libraries, time zones) and can use threads.
    Restricted,
    /// The code may do what this process may do, with an empty environment and the same limits of
    /// memory, time and output. A process it starts and moves to another process group outlives it.
    Trusted,
}

/// One request to run user code.
///
/// Values travel as JSON, with two objects of one key for what JSON lacks: `{"$bytes": "<base64>"}` for
/// bytes, and `{"$array": {"dtype": "f64", "data": "<base64 of little endian numbers>"}}` for an array
/// of numbers of one dimension, of dtype `f64`, `f32`, or `i` or `u` with 8, 16, 32 or 64. The code sees
/// an array as a numpy array where numpy can be imported, else as an `array.array`.
#[derive(Debug, Clone)]
pub struct Call {
    /// The Python source; for [`Mode::Transform`] a JSON list of sources.
    pub code: Arc<str>,
    /// How the code is run.
    pub mode: Mode,
    /// One JSON object of the inputs, by name.
    pub inputs: Vec<u8>,
    /// How far the code is trusted.
    pub sandbox: Sandbox,
    /// The time the run may take, from when a worker is ready for it; `None` takes
    /// [`PythonSettings::default_timeout`](super::PythonSettings::default_timeout).
    pub timeout: Option<Duration>,
}

/// What user code gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The value, as JSON.
    ///
    /// Besides what JSON knows: bytes and arrays as in [`Call`] (an array of more than one dimension as
    /// nested lists), tuples and sets as lists (a set sorted where its members can be), numpy scalars and
    /// `Decimal` as numbers, dates and times in ISO format, a pandas data frame as a list of records.
    /// Keys that are numbers, booleans or `None` become text as Python's `json` does it. An integer
    /// beyond 64 bits is written with all its digits; readers without such integers take it as a float.
    /// The value may be nested as deep as Python can write it, which is deeper than many readers go.
    pub value: Vec<u8>,
    /// What the code printed to its standard output and error, in order. Where it is longer than
    /// [`PythonSettings::max_captured_output`](super::PythonSettings::max_captured_output), it ends with
    /// a line that says so.
    pub printed: String,
}
