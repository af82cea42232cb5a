//! A connection that can be cut off: what is said is swallowed and nothing is heard, as behind a broken switch.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::coordinate::net::{Dial, Wire};

/// Whether a host is cut off.
pub(super) type IsCut = Arc<AtomicBool>;

/// A connection of a host that may be cut off.
pub(super) struct Cut {
    pub(super) wire: TcpStream,
    pub(super) cut: IsCut,
}

/// Makes connections that are cut off with their host.
pub(super) fn dial(cut: IsCut) -> Dial {
    Arc::new(move |address| {
        let cut = Arc::clone(&cut);
        Box::pin(async move {
            if cut.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            let wire = TcpStream::connect(&*address).await?;
            wire.set_nodelay(true)?;
            Ok(Box::new(Cut { wire, cut }) as Box<dyn Wire>)
        })
    })
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.cut.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.wire).poll_read(cx, into)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}
