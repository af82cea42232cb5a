//! Listening: connections under limits, each served until the host stops.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use kailash_core::{Error, ErrorKind, Result, Retry};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::app::{self, App};
use crate::host::{Host, Tls, config::HttpSection, keys::Keys};

/// The most bytes of a request's head, and the most headers in it.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 100;

/// The wait after a failure to take a connection: most often there are too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The place that a connection takes among those allowed. What outlives the HTTP on it, a WebSocket, keeps it.
#[derive(Clone)]
pub(super) struct Place(#[expect(dead_code, reason = "it is held, not read")] Arc<OwnedSemaphorePermit>);

/// The address of a listener, taken before anything else is begun.
pub struct Socket {
    listener: TcpListener,
    address: SocketAddr,
}

impl Socket {
    /// Binds the address that `section` says.
    ///
    /// # Errors
    /// Kind `Denied`, code `http.open`, for an address that others can reach while there is no API key; an address that
    /// cannot be bound.
    pub async fn bind(section: &HttpSection, keys: &Keys) -> Result<Self> {
        if !section.listen.ip().is_loopback() && !keys.any()? {
            let message = format!("{} can be reached by others, and there is no API key", section.listen);
            let add = format!("kailash keys add NAME --data {}", keys.folder().display());
            return Err(Error::new(ErrorKind::Denied, "http.open", message)
                .with_hint(format!("make a key with `{add}`, or listen on 127.0.0.1")));
        }
        let bound = TcpListener::bind(section.listen).await;
        let unbound = |error: std::io::Error| {
            Error::new(ErrorKind::Unavailable, "http.bind", format!("{}: {error}", section.listen))
                .with_retry(Retry::Never)
                .with_hint("is the port taken? `--set http.listen=127.0.0.1:0` takes any that is free")
        };
        let listener = bound.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        Ok(Self { listener, address })
    }
}

/// The HTTP API of a host, bound to its address.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    /// Cancelled when the listener stops.
    stopping: CancellationToken,
    max_connections: usize,
    head_timeout: Duration,
    /// None for plain HTTP.
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the address that the host's config says.
    ///
    /// # Errors
    /// As [`Socket::bind`].
    pub async fn bind(host: Arc<Host>) -> Result<Self> {
        let socket = Socket::bind(&host.config.http, &host.keys).await?;
        Self::on(socket, host)
    }

    /// The API of `host` on a socket that was bound for it.
    ///
    /// # Errors
    /// Never in practice.
    pub fn on(Socket { listener, address }: Socket, host: Arc<Host>) -> Result<Self> {
        let tls = host.identity.tls.as_ref().map(Tls::acceptor).transpose()?;
        let stopping = CancellationToken::new();
        let head_timeout = Duration::from_secs(host.config.http.head_timeout_s);
        let max_connections = host.config.http.max_connections;
        let router = app::router(App::new(host, address, stopping.clone()));
        Ok(Self { listener, address, router, stopping, max_connections, head_timeout, tls })
    }

    /// The address that was bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients find it, as the beginning of a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves connections until `stop`; then requests under way are answered, for `patience` at most.
    pub async fn serve(self, stop: CancellationToken, patience: Duration) {
        let permits = Arc::new(Semaphore::new(self.max_connections));
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&permits).acquire_owned() => permit,
                () = stop.cancelled() => break,
            };
            let taken = tokio::select! {
                taken = self.listener.accept() => taken,
                () = stop.cancelled() => break,
            };
            match (taken, permit) {
                (Ok((stream, from)), Ok(permit)) => self.connection(stream, from, permit),
                (Err(error), _) => {
                    tracing::warn!(%error, "no connection could be taken");
                    tokio::time::sleep(PAUSE).await;
                }
                (_, Err(_)) => break,
            }
        }
        drop(self.listener);
        self.stopping.cancel();
        // Every connection gives its permit back.
        let all = u32::try_from(self.max_connections).unwrap_or(u32::MAX);
        if tokio::time::timeout(patience, permits.acquire_many(all)).await.is_err() {
            tracing::warn!("connections were closed before their requests were answered");
        }
    }

    fn connection(&self, stream: TcpStream, from: SocketAddr, permit: OwnedSemaphorePermit) {
        // Answers are small: they need not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
        let permit = Arc::new(permit);
        let place = Arc::clone(&permit);
        let service = self.router.clone().map_request(move |mut request: hyper::Request<_>| {
            request.extensions_mut().insert(ConnectInfo(from));
            request.extensions_mut().insert(Place(Arc::clone(&place)));
            request.map(Body::new)
        });
        let service = TowerToHyperService::new(service);
        let (stopping, timeout, tls) = (self.stopping.clone(), self.head_timeout, self.tls.clone());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, service, timeout, stopping, from).await,
                Some(tls) => {
                    let greeted = tokio::select! {
                        greeted = tokio::time::timeout(timeout, tls.accept(stream)) => greeted,
                        () = stopping.cancelled() => return,
                    };
                    match greeted {
                        Ok(Ok(stream)) => converse(stream, service, timeout, stopping, from).await,
                        Ok(Err(error)) => {
                            tracing::debug!(%from, %error, "a client does not speak TLS as it should");
                        }
                        Err(_) => tracing::debug!(%from, "a client took too long to begin TLS"),
                    }
                }
            }
            drop(permit);
        });
    }
}

/// Serves the requests of one connection until it ends or `stopping`.
async fn converse<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: TowerToHyperService<S>,
    head_timeout: Duration,
    stopping: CancellationToken,
    from: SocketAddr,
) where
    S: Service<hyper::Request<Incoming>, Response = axum::response::Response, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%from, %error, "a connection ended badly");
    }
}
