//! One connection at work: sends what is waiting, receives what comes, and notices when nobody is there any more.
//!
//! Every method may be dropped half-way: what is under way stands here, not in the future.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context as Waker, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use kailash_core::{Error, ErrorKind, Result, Retry, Value};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    connect::Socket,
    frame::{self, MessageFormat},
};

/// How long a closing handshake may take.
const CLOSING: Duration = Duration::from_secs(1);
/// The code of a closing without a code (RFC 6455, 7.4.1).
pub(super) const NO_CODE: u16 = 1005;

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A message came, of so many bytes.
    Message(Value, usize),
    /// Everything that was waiting is sent.
    Sent,
    /// The server closed the connection with this code.
    Closed(u16),
}

/// One connection at work.
pub(super) struct Session {
    socket: Socket,
    format: MessageFormat,
    outgoing: VecDeque<Message>,
    unflushed: bool,
    /// Whether anything was waiting whose sending is not told yet.
    telling: bool,
    has_sent: bool,
    heartbeat: Option<Duration>,
    next_beat: Instant,
    /// Whether a ping has no answer yet.
    asked: bool,
}

impl Session {
    /// Begins to send `messages`.
    pub(super) fn new(
        socket: Socket,
        messages: Vec<Message>,
        format: MessageFormat,
        heartbeat: Option<Duration>,
    ) -> Self {
        Self {
            socket,
            format,
            outgoing: messages.into(),
            unflushed: false,
            telling: true,
            has_sent: false,
            heartbeat,
            next_beat: Instant::now() + heartbeat.unwrap_or_default(),
            asked: false,
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// Kind `Unavailable`, codes `websocket.io` and `websocket.silent`; kind `Limit`, code `websocket.too_large`; kind
    /// `Invalid`, codes `websocket.protocol` and `websocket.json`.
    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            let beat = self.next_beat;
            let beating = self.heartbeat;
            tokio::select! {
                biased;
                step = poll_fn(|cx| self.poll_step(cx)) => {
                    if let Some(event) = step? {
                        return Ok(event);
                    }
                }
                () = sleep_until(beat), if beating.is_some() => self.beat()?,
            }
        }
    }

    /// One frame in, or everything out; `None` for a frame that only keeps the connection.
    fn poll_step(&mut self, cx: &mut Waker<'_>) -> Poll<Result<Option<Event>>> {
        if let Err(error) = self.poll_send(cx) {
            return Poll::Ready(Err(frame::failure(error, self.has_sent)));
        }
        if self.telling && self.outgoing.is_empty() && !self.unflushed {
            self.telling = false;
            return Poll::Ready(Ok(Some(Event::Sent)));
        }
        let received = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Poll::Ready(Err(frame::failure(error, self.has_sent))),
            None => {
                return Poll::Ready(Err(frame::failure(tungstenite::Error::ConnectionClosed, self.has_sent)));
            }
        };
        self.asked = false;
        self.next_beat = Instant::now() + self.heartbeat.unwrap_or_default();
        if let Message::Close(frame) = &received {
            let code = frame.as_ref().map_or(NO_CODE, |frame| u16::from(frame.code));
            return Poll::Ready(Ok(Some(Event::Closed(code))));
        }
        let value = frame::value(received, self.format)?;
        Poll::Ready(Ok(value.map(|(value, size)| Event::Message(value, size))))
    }

    /// Sends as much as goes out without waiting.
    fn poll_send(&mut self, cx: &mut Waker<'_>) -> Result<(), tungstenite::Error> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => return Ok(()),
            }
            if let Some(message) = self.outgoing.pop_front() {
                self.has_sent |= matches!(message, Message::Text(_) | Message::Binary(_));
                self.unflushed = true;
                Pin::new(&mut self.socket).start_send(message)?;
            }
        }
        if self.unflushed
            && let Poll::Ready(result) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            result?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Asks whether somebody is there, or notices that nobody answered.
    fn beat(&mut self) -> Result<()> {
        let interval = self.heartbeat.unwrap_or_default();
        if self.asked {
            let message = format!("the server did not answer a ping within {interval:?}");
            let retry = if self.has_sent { Retry::Never } else { Retry::After(Duration::ZERO) };
            return Err(Error::new(ErrorKind::Unavailable, "websocket.silent", message).with_retry(retry));
        }
        self.asked = true;
        self.next_beat = Instant::now() + interval;
        self.outgoing.push_back(Message::Ping(Bytes::new()));
        Ok(())
    }

    /// Ends the connection; gives the code with which the server agreed, if it did in time.
    pub(super) async fn close(mut self) -> Option<u16> {
        self.heartbeat = None;
        let frame = CloseFrame { code: CloseCode::Normal, reason: tungstenite::Utf8Bytes::default() };
        self.outgoing.push_back(Message::Close(Some(frame)));
        let agreed = async {
            loop {
                match self.next().await {
                    Ok(Event::Closed(code)) => return Some(code),
                    Ok(Event::Message(..) | Event::Sent) => {}
                    // What comes after the end does not matter, but for the end of the connection.
                    Err(error) if error.code() == "websocket.json" => {}
                    Err(_) => return None,
                }
            }
        };
        timeout(CLOSING, agreed).await.unwrap_or(None)
    }

    /// Lets the answer to the server's closing go out.
    pub(super) async fn closed(mut self) {
        let flushed = poll_fn(|cx| Pin::new(&mut self.socket).poll_flush(cx));
        match timeout(CLOSING, flushed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a WebSocket was gone before its closing was answered"),
            Err(_) => tracing::debug!("a WebSocket's closing could not be answered in time"),
        }
    }
}
