//! Messages as they arrive, until the server, the count or the time ends them; a connection that is lost is made anew.
//!
//! ```text
//! socket ──> buffer (bounded) ──batch──> emit
//!    ^ served also while emit waits: pings are answered, and a full buffer waits or loses its oldest message
//! ```

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt;
use kailash_core::{
    Error, Result, Retry, Value,
    node::{Context, Emit, Outputs, Pressure, Progress, Source},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout};

use super::{
    connect::Given,
    frame,
    node::Peer,
    session::{Event, Session},
};

/// Messages of one batch at most.
const BATCH: usize = 256;
/// How long a pull waits for a message.
const PULL: Duration = Duration::from_secs(1);

/// What happens to a message that finds the buffer full, because its consumers are slower than the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFull {
    /// It is not read yet: the server has to wait, or hangs up.
    #[default]
    Wait,
    /// The oldest message makes room and is counted as lost.
    DropOldest,
}

/// Messages as they arrive.
pub(super) struct Listening {
    peer: Arc<Peer>,
    given: Given,
    session: Option<Session>,
    /// Whether everything is sent that this connection began with.
    all_sent: bool,
    /// Whether there is nothing that no connection has sent.
    nothing_unsent: bool,
    /// How the connection ended, until what came before has gone out.
    end: Option<Result<u16>>,
    buffer: VecDeque<(Value, usize)>,
    buffered_bytes: usize,
    /// Messages that arrived on all connections.
    arrived: u64,
    emitted: u64,
    lost: u64,
    reconnects: u32,
    /// Connections in a row that brought nothing.
    failures: u32,
    close_code: Option<u16>,
    until: Option<Instant>,
    is_over: bool,
}

impl Listening {
    /// Listens as soon as it is pulled.
    pub(super) fn new(peer: Arc<Peer>, given: Given) -> Self {
        let nothing_unsent = given.messages.is_empty();
        Self {
            peer,
            given,
            session: None,
            all_sent: false,
            nothing_unsent,
            end: None,
            buffer: VecDeque::new(),
            buffered_bytes: 0,
            arrived: 0,
            emitted: 0,
            lost: 0,
            reconnects: 0,
            failures: 0,
            close_code: None,
            until: None,
            is_over: false,
        }
    }

    fn has_enough(&self) -> bool {
        self.peer.max_messages.is_some_and(|most| self.arrived >= most)
    }

    /// Whether nothing more is wanted.
    fn is_done(&self) -> bool {
        let is_late = self.until.is_some_and(|until| until <= Instant::now());
        self.is_over || is_late || self.has_enough() && self.all_sent
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= self.peer.buffer_messages || self.buffered_bytes >= self.peer.max_total_bytes
    }

    /// Whether the socket is to be read now.
    fn is_reading(&self) -> bool {
        let has_room = self.peer.on_full == OnFull::DropOldest || !self.is_full();
        self.session.is_some() && self.end.is_none() && has_room && !self.is_done()
    }

    async fn connect(&mut self, cx: &Context) -> Result<()> {
        let socket = match self.peer.connecting.connect(&self.given, cx).await {
            Ok(socket) => socket,
            Err(error) => return self.again(error, cx).await,
        };
        let messages = self.given.messages.clone();
        self.session = Some(Session::new(socket, messages, self.peer.format, self.peer.heartbeat));
        self.all_sent = false;
        if self.until.is_none() {
            self.until = self.peer.duration.map(|duration| Instant::now() + duration);
        }
        Ok(())
    }

    /// Waits before another connection, or gives up with `error`.
    async fn again(&mut self, error: Error, cx: &Context) -> Result<()> {
        self.failures = self.failures.saturating_add(1);
        // That messages were sent does not matter here: they are what every connection begins with.
        let passes = matches!(error.code(), "websocket.io" | "websocket.silent" | frame::CLOSED);
        let error = if passes { error.with_retry(Retry::After(Duration::ZERO)) } else { error };
        let policy = self.peer.reconnect.as_ref();
        let delay =
            policy.and_then(|policy| policy.next_delay(self.failures, &error, chance(cx, self.reconnects)));
        let Some(delay) = delay else { return Err(error.at(self.given.place())) };
        if self.until.is_some_and(|until| until <= Instant::now() + delay) {
            self.is_over = true;
            return Ok(());
        }
        self.reconnects = self.reconnects.saturating_add(1);
        tracing::debug!(url = self.given.place(), ?delay, %error, "a WebSocket is connected again");
        sleep(delay).await;
        Ok(())
    }

    /// Loses the oldest messages until another one of `size` bytes fits, or no message is left.
    fn make_room(&mut self, size: usize) {
        let most = self.peer.max_total_bytes;
        while self.is_full() || self.buffered_bytes.saturating_add(size) > most {
            let Some((_, size)) = self.buffer.pop_front() else { return };
            self.buffered_bytes -= size;
            self.lost += 1;
        }
    }

    /// Takes what happened on the socket.
    fn take(&mut self, event: Result<Event>) {
        match event {
            Ok(Event::Sent) => {
                self.all_sent = true;
                self.nothing_unsent = true;
            }
            Ok(Event::Message(..)) if self.has_enough() => {}
            Ok(Event::Message(value, size)) => {
                self.arrived += 1;
                self.failures = 0;
                if self.peer.on_full == OnFull::DropOldest {
                    self.make_room(size);
                }
                self.buffered_bytes += size;
                self.buffer.push_back((value, size));
            }
            Ok(Event::Closed(code)) => self.end = Some(Ok(code)),
            Err(error) => self.end = Some(Err(error)),
        }
    }

    /// Decides what follows from the end of a connection.
    async fn settle(&mut self, end: Result<u16>, cx: &Context) -> Result<()> {
        let session = self.session.take();
        let code = match end {
            Err(error) => return self.again(error, cx).await,
            Ok(code) => code,
        };
        self.close_code = Some(code);
        if let Some(session) = session {
            session.closed().await;
        }
        match (&self.peer.reconnect, self.all_sent) {
            (Some(_), _) if is_passing(code) => self.again(frame::closed(code), cx).await,
            (_, true) => {
                self.is_over = true;
                Ok(())
            }
            (_, false) => Err(frame::closed_early(code).at(self.given.place())),
        }
    }

    /// Waits for messages, and takes those that are there already.
    async fn fill(&mut self) {
        let left = self.until.map_or(PULL, |until| until.saturating_duration_since(Instant::now()).min(PULL));
        let Some(session) = &mut self.session else { return };
        let Ok(event) = timeout(left, session.next()).await else { return };
        self.take(event);
        while self.buffer.len() < BATCH && self.is_reading() {
            let Some(event) = self.session.as_mut().and_then(|session| session.next().now_or_never()) else {
                return;
            };
            self.take(event);
        }
    }

    /// Emits what is buffered, and serves the socket meanwhile.
    async fn emit(&mut self, out: &mut dyn Emit) -> Result<()> {
        let count = self.buffer.len().min(BATCH);
        if count == 0 {
            return Ok(());
        }
        let (batch, sizes): (Vec<Value>, Vec<usize>) = self.buffer.drain(..count).unzip();
        self.buffered_bytes -= sizes.into_iter().sum::<usize>();
        let mut emitting = pin!(out.emit(0, batch));
        loop {
            let is_reading = self.is_reading();
            let event = match &mut self.session {
                Some(session) if is_reading => tokio::select! {
                    biased;
                    emitted = &mut emitting => break emitted?,
                    event = session.next() => event,
                },
                _ => break emitting.await?,
            };
            self.take(event);
        }
        self.emitted += count as u64;
        Ok(())
    }
}

#[async_trait]
impl Source for Listening {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        if self.buffer.is_empty()
            && let Some(end) = self.end.take()
        {
            self.settle(end, cx).await?;
        }
        if self.session.is_none() && !self.is_over {
            self.connect(cx).await?;
        }
        if self.buffer.is_empty() && self.is_reading() {
            self.fill().await;
        }
        self.emit(out).await?;
        if !self.is_done() || !self.buffer.is_empty() {
            return Ok(Progress::More);
        }
        if !self.nothing_unsent {
            let limit = self.peer.duration.unwrap_or_default();
            return Err(frame::unsent(limit).at(self.given.place()));
        }
        if let Some(session) = self.session.take() {
            self.close_code = match self.end.take() {
                Some(Ok(code)) => {
                    session.closed().await;
                    Some(code)
                }
                _ => session.close().await,
            };
        }
        Ok(Progress::End)
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        let mut outputs = Outputs::none(5);
        outputs.set(1, self.emitted);
        outputs.set(2, self.close_code);
        outputs.set(3, self.lost);
        outputs.set(4, self.reconnects);
        Ok(outputs)
    }

    fn pressure(&self) -> Pressure {
        // Between two connections nobody counts what is lost.
        match (self.peer.on_full, &self.peer.reconnect) {
            (OnFull::Wait, None) => Pressure::Pausable,
            _ => Pressure::Lossy,
        }
    }
}

/// Whether a connection that is closed with `code` is worth another one (RFC 6455, 7.4.1, and its registry): the server
/// goes away, fails, restarts, or asks to come again.
fn is_passing(code: u16) -> bool {
    matches!(code, 1001 | 1006 | 1011 | 1012 | 1013)
}

/// A number in [0, 1) that is the same whenever the same wait of the same run is decided again.
fn chance(cx: &Context, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (cx.idempotency_key(), attempt).hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX) * 0.999_999
}
