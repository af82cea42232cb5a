//! What a member hears from its peers.

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kailash_core::{Error, ErrorKind, Result};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Ask, Body, Local, MAX_MESSAGE, Told,
    ask::Failed,
    frame,
    handshake::{Known, Session},
    pack, snapshot, unpack, whole,
};
use crate::coordinate::{raft::Raft, store::MachineStore};

/// How many requests of one peer may be under way.
const STREAMS: u32 = 256;
/// How long a peer may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// Who answers peers.
#[async_trait]
pub trait Answering: Send + Sync + 'static {
    /// Who speaks here.
    fn local(&self) -> Local;

    /// The group, while it runs here.
    fn raft(&self) -> Option<(Raft, MachineStore)>;

    /// A peer was heard.
    fn heard(&self, from: &Known);

    /// Answers what a peer asks for its clients.
    ///
    /// # Errors
    /// What the peer is told.
    async fn ask(&self, from: &Known, ask: Ask) -> Result<Told>;
}

/// Serves one connection until it ends.
pub async fn serve_connection<W, A>(wire: W, answering: Arc<A>)
where
    W: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answering,
{
    let session = Arc::new(Session::default());
    let service = service_fn({
        let session = Arc::clone(&session);
        move |request| answer(request, Arc::clone(&session), Arc::clone(&answering))
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        // Peers have no use for it.
        .auto_date_header(false)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(4096)
        .keep_alive_interval(Some(Duration::from_secs(2)))
        .keep_alive_timeout(Duration::from_secs(5))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    let mut serving = std::pin::pin!(builder.serve_connection(TokioIo::new(wire), service));
    tokio::select! {
        biased;
        ended = &mut serving => return drop(ended),
        () = tokio::time::sleep(HELLO) => {}
    }
    if session.known().is_ok() {
        // How it ends tells nobody anything.
        drop(serving.await);
    }
}

async fn answer<A: Answering>(
    request: Request<Incoming>,
    session: Arc<Session>,
    answering: Arc<A>,
) -> Result<Response<Body>, Infallible> {
    let answered = route(request, &session, &answering).await;
    Ok(answered.unwrap_or_else(|error| {
        let body = pack(&Failed::from(&error)).map(whole).unwrap_or_else(|_| whole(Bytes::new()));
        let mut response = Response::new(body);
        *response.status_mut() = match error.kind() {
            ErrorKind::Denied => StatusCode::UNAUTHORIZED,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        response
    }))
}

async fn route<A: Answering>(
    request: Request<Incoming>,
    session: &Session,
    answering: &Arc<A>,
) -> Result<Response<Body>> {
    if request.method() != Method::POST {
        return Err(unknown());
    }
    let (head, body) = request.into_parts();
    match head.uri.path() {
        "/hello" => {
            let (welcome, expected) = answering.local().welcome(&read(body, 4096).await?)?;
            session.expect(expected);
            return told(&welcome);
        }
        "/prove" => return told(&session.prove(&read(body, 4096).await?)?),
        _ => {}
    }
    // Nobody gets further who did not prove that it belongs here.
    let peer = session.known()?;
    answering.heard(peer);
    if head.uri.path() == "/ask" {
        return told(&answering.ask(peer, read(body, MAX_MESSAGE).await?).await?);
    }
    let (raft, store) = answering.raft().ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "coordinate.stopped", "the member does not take part at present")
    })?;
    match head.uri.path() {
        "/append" => {
            let entries = frame::messages(body).take_while(|message| std::future::ready(message.is_ok()));
            let (hearing, peer) = (Arc::clone(answering), peer.clone());
            let entries = entries.filter_map(move |message| {
                hearing.heard(&peer);
                std::future::ready(message.ok())
            });
            let answers = raft.stream_append(entries);
            let answers = answers.take_while(|answer| std::future::ready(answer.is_ok()));
            let answers = answers.filter_map(|answer| std::future::ready(answer.ok()));
            Ok(Response::new(frame::body(answers)))
        }
        "/vote" => within(raft.vote(read(body, 1 << 16).await?)).await,
        "/pre-vote" => within(raft.pre_vote(read(body, 1 << 16).await?)).await,
        "/transfer" => within(raft.handle_transfer_leader(read(body, 1 << 16).await?)).await,
        "/snapshot" => told(&snapshot::take(&raft, &store, body).await?),
        _ => Err(unknown()),
    }
}

/// Answers what the group says.
async fn within<T, E>(answer: impl Future<Output = std::result::Result<T, E>>) -> Result<Response<Body>>
where
    T: Serialize,
    E: std::fmt::Display,
{
    match answer.await {
        Ok(answer) => told(&answer),
        Err(error) => Err(Error::new(ErrorKind::Unavailable, "coordinate.stopped", error.to_string())),
    }
}

async fn read<T: DeserializeOwned>(body: Incoming, most: usize) -> Result<T> {
    let content = Limited::new(body, most).collect().await;
    let content = content.map_err(|error| Error::invalid("peer.message", error.to_string()))?;
    unpack(&content.to_bytes())
}

fn told<T: Serialize>(message: &T) -> Result<Response<Body>> {
    Ok(Response::new(whole(pack(message)?)))
}

fn unknown() -> Error {
    Error::missing("peer.path", "there is no such thing to ask a peer")
}
