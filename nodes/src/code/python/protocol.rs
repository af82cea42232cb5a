//! The frames between the pool and a worker: a header of fixed size, then the parts it announces.
//!
//! All numbers are little endian. A request is `id: u64, mode: u8, code: u32, inputs: u64` and those
//! many bytes of code and inputs. A reply is `id: u64, failed: u8, state: u8, printed: u32, body: u64`
//! and those many bytes of printed text and body; the body is the value or, of a failure, a [`Failure`].

use std::io;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The mode of the first request, which prepares the worker.
pub(super) const INIT: u8 = 255;

const OUT_OF_TURN: &str = "it wrote to the pool out of turn";
const REQUEST_HEADER: usize = 21;
const REPLY_HEADER: usize = 22;
/// A request up to this long is written at once.
const SMALL: usize = 64 << 10;
/// The longest description of a failure.
const MAX_FAILURE: u64 = 1 << 20;
/// The most that is allocated for a part before it arrives.
const READ_AHEAD: u64 = 1 << 20;
/// The room for the line that says that the printed text was cut.
const CUT_MARK: u64 = 128;

/// What a worker is asked.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) id: u64,
    pub(super) mode: u8,
    pub(super) code: &'a str,
    pub(super) inputs: &'a [u8],
}

/// What a worker answered.
pub(super) struct Answer {
    /// The body: the value, or the description of the failure.
    pub(super) body: Result<Vec<u8>, Failure>,
    pub(super) printed: String,
    pub(super) state: State,
}

/// How a call left its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it was.
    Clean,
    /// With threads of the user's code that still run.
    Threads,
    /// Perhaps with half of its memory in use or more.
    Large,
}

impl TryFrom<u8> for State {
    type Error = Broken;

    fn try_from(code: u8) -> Result<Self, Broken> {
        match code {
            0 => Ok(Self::Clean),
            1 => Ok(Self::Threads),
            2 => Ok(Self::Large),
            _ => Err(Broken::Malformed(OUT_OF_TURN)),
        }
    }
}

/// The longest parts an answer may have, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) reply: usize,
    pub(super) printed: usize,
}

/// How the harness describes a failure.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Failure {
    Syntax { message: String, line: Option<u32> },
    Raised { exception: String, message: String, line: Option<u32>, traceback: String },
    NotJson { message: String },
    Unavailable { missing: String },
    NoResult,
    Memory,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Broken {
    /// The worker closed its end.
    Closed,
    /// The value is longer than it may be.
    TooLong,
    /// What came is not an answer to this request.
    Malformed(&'static str),
    /// The pipe failed.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// Writes a whole request.
pub(super) async fn send(pipe: &mut (impl AsyncWrite + Unpin), request: Request<'_>) -> io::Result<()> {
    let code = u32::try_from(request.code.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the python code is longer than 4 GiB"))?;
    let small = request.inputs.len() + request.code.len() <= SMALL;
    let inline = if small { request.inputs.len() } else { 0 };
    let mut frame = Vec::with_capacity(REQUEST_HEADER + request.code.len() + inline);
    frame.extend_from_slice(&request.id.to_le_bytes());
    frame.push(request.mode);
    frame.extend_from_slice(&code.to_le_bytes());
    frame.extend_from_slice(&(request.inputs.len() as u64).to_le_bytes());
    frame.extend_from_slice(request.code.as_bytes());
    if small {
        frame.extend_from_slice(request.inputs);
        return pipe.write_all(&frame).await;
    }
    pipe.write_all(&frame).await?;
    pipe.write_all(request.inputs).await
}

/// Reads the whole answer to the request `id`; nothing is allocated for parts beyond the limits.
pub(super) async fn receive(
    pipe: &mut (impl AsyncRead + Unpin),
    id: u64,
    limits: Limits,
) -> Result<Answer, Broken> {
    let mut header = [0; REPLY_HEADER];
    pipe.read_exact(&mut header).await?;
    let mut header = header.as_slice();
    let (answered, failed, state) =
        (header.read_u64_le().await?, header.read_u8().await?, header.read_u8().await?);
    let (printed, body) = (u64::from(header.read_u32_le().await?), header.read_u64_le().await?);
    if answered != id || failed > 1 {
        return Err(Broken::Malformed(OUT_OF_TURN));
    }
    let state = state.try_into()?;
    if printed > limits.printed as u64 + CUT_MARK || (failed == 1 && body > MAX_FAILURE) {
        return Err(Broken::Malformed("its answer is longer than it may be"));
    }
    if failed == 0 && body > limits.reply as u64 {
        return Err(Broken::TooLong);
    }
    let printed = String::from_utf8_lossy(&read_part(pipe, printed).await?).into_owned();
    let body = read_part(pipe, body).await?;
    let body = match failed {
        0 => Ok(body),
        _ => Err(serde_json::from_slice(&body)
            .map_err(|_| Broken::Malformed("its account of a failure cannot be read"))?),
    };
    Ok(Answer { body, printed, state })
}

/// Reads one part, allocating as it arrives.
async fn read_part(pipe: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>, Broken> {
    let mut part = Vec::with_capacity(length.min(READ_AHEAD) as usize);
    let read = pipe.take(length).read_to_end(&mut part).await?;
    if (read as u64) < length { Err(Broken::Closed) } else { Ok(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { reply: 100, printed: 10 };

    fn answer(id: u64, failed: u8, printed: &[u8], body_length: u64, body: &[u8]) -> Vec<u8> {
        let mut frame = id.to_le_bytes().to_vec();
        frame.extend([failed, 0]);
        frame.extend((printed.len() as u32).to_le_bytes());
        frame.extend(body_length.to_le_bytes());
        frame.extend(printed);
        frame.extend(body);
        frame
    }

    async fn read(frame: &[u8]) -> Result<Answer, Broken> {
        receive(&mut &frame[..], 7, LIMITS).await
    }

    #[tokio::test]
    async fn an_answer_has_its_value_and_printed_text() {
        let answer = read(&answer(7, 0, b"hi", 2, b"42")).await.unwrap();
        assert_eq!(
            (answer.body.unwrap(), answer.printed.as_str(), answer.state),
            (b"42".to_vec(), "hi", State::Clean)
        );
    }

    #[tokio::test]
    async fn an_answer_to_another_request_is_refused() {
        assert!(matches!(read(&answer(8, 0, b"", 2, b"42")).await, Err(Broken::Malformed(_))));
    }

    #[tokio::test]
    async fn a_value_that_announces_too_much_is_refused_before_it_is_read() {
        assert!(matches!(read(&answer(7, 0, b"", u64::MAX, b"")).await, Err(Broken::TooLong)));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_a_closed_pipe() {
        assert!(matches!(read(&answer(7, 0, b"", 5, b"42")).await, Err(Broken::Closed)));
        assert!(matches!(read(&[1, 2, 3]).await, Err(Broken::Closed)));
    }

    #[tokio::test]
    async fn a_failure_is_read_by_its_kind() {
        let body = br#"{"kind":"no_result"}"#;
        let answer = read(&answer(7, 1, b"", body.len() as u64, body)).await.unwrap();
        assert!(matches!(answer.body, Err(Failure::NoResult)));
        let frame = [&7u64.to_le_bytes()[..], &[1, 0], &[0; 4], &3u64.to_le_bytes(), b"huh"].concat();
        assert!(matches!(read(&frame).await, Err(Broken::Malformed(_))));
    }
}
