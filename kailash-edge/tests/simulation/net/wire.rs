//! The ends of connections as processes have them.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Net,
    connection::{Connection, Segment},
};

/// One end of a connection.
pub(crate) struct Wire {
    net: Net,
    id: u64,
    side: usize,
}

impl Wire {
    pub(super) fn new(net: Net, id: u64, side: usize) -> Self {
        Self { net, id, side }
    }

    /// Waits until the other side has it too.
    pub(super) async fn established(&self) -> io::Result<()> {
        let refused = || io::ErrorKind::ConnectionRefused.into();
        let opened = poll_fn(|cx| self.with(|connection| connection.poll_established(self.side, cx)));
        if opened.await? { Ok(()) } else { Err(refused()) }
    }

    fn with<T>(&self, poll: impl FnOnce(&mut Connection) -> Poll<T>) -> Poll<io::Result<T>> {
        match self.net.lock().connections.get_mut(&self.id) {
            Some(connection) => poll(connection).map(Ok),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }

    fn send(&self, segment: Segment) {
        self.net.lock().send(self.id, self.side, segment);
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = self.with(|connection| connection.poll_read(self.side, buf.remaining(), cx));
        read.map(|read| {
            buf.put_slice(&read?.ok_or(io::ErrorKind::ConnectionReset)?);
            Ok(())
        })
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let room = self.with(|connection| connection.poll_write(self.side, cx));
        room.map(|room| {
            let length = bytes.len().min(room?.ok_or(io::ErrorKind::BrokenPipe)?);
            self.send(Segment::Data(Bytes::copy_from_slice(&bytes[..length])));
            Ok(length)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(Segment::End);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let open = {
            let mut state = self.net.lock();
            state.connections.get_mut(&self.id).is_some_and(|connection| connection.close(self.side))
        };
        if open {
            self.send(Segment::Reset);
        }
    }
}

/// Connections that come in.
#[derive(Clone, Default)]
pub(crate) struct Incoming(Arc<Mutex<(VecDeque<Wire>, Option<Waker>)>>);

impl Incoming {
    pub(super) fn push(&self, wire: Wire) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.0.push_back(wire);
        if let Some(waker) = waiting.1.take() {
            waker.wake();
        }
    }

    /// The next one.
    pub(crate) async fn next(&self) -> Wire {
        poll_fn(|cx| {
            let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match waiting.0.pop_front() {
                Some(wire) => Poll::Ready(wire),
                None => {
                    waiting.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}
