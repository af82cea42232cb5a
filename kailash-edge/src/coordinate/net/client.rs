//! Connections to peers: one to each, made when it is needed, kept while it lives.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kailash_core::{Error, ErrorKind, Result, Retry, Text};
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Ask, Body, Local, MAX_MESSAGE, Told,
    ask::Failed,
    handshake::{ClusterId, Welcome},
    pack, unpack, whole,
};
use crate::coordinate::raft::MemberId;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How often a silent peer is asked whether it is there, and how long it may take to answer: a connection into nowhere
/// is given up, so that the next one finds the peer as soon as it can be reached again.
const ALIVE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(1500));

/// A connection of bytes, encrypted or not.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection being made.
pub type Dialed = Pin<Box<dyn Future<Output = io::Result<Box<dyn Wire>>> + Send>>;
/// Makes connections to addresses of the form `host:port`.
pub type Dial = Arc<dyn Fn(Text) -> Dialed + Send + Sync>;

/// Connections without encryption.
#[must_use]
pub fn plain_dial() -> Dial {
    Arc::new(|address| {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(&*address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Wire>)
        })
    })
}

/// All peers of a member. Clones are the same.
#[derive(Clone)]
pub struct Peers(Arc<Shared>);

struct Shared {
    local: Mutex<Local>,
    dial: Dial,
    members: Mutex<BTreeMap<MemberId, Peer>>,
    /// Where each member is, as far as is known here.
    addresses: Mutex<BTreeMap<MemberId, Text>>,
}

impl Peers {
    /// No connection yet.
    #[must_use]
    pub fn new(local: Local, dial: Dial) -> Self {
        let (members, addresses) = (Mutex::default(), Mutex::default());
        Self(Arc::new(Shared { local: Mutex::new(local), dial, members, addresses }))
    }

    /// Who speaks here.
    #[must_use]
    pub fn local(&self) -> Local {
        self.0.local.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the cluster that this member belongs to from now on.
    pub fn belongs_to(&self, cluster: ClusterId) {
        self.0.local.lock().unwrap_or_else(PoisonError::into_inner).cluster = Some(cluster);
    }

    /// Notes where a member is from now on.
    pub fn is_at(&self, member: MemberId, address: &Text) {
        let mut addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.get(&member) != Some(address) {
            addresses.insert(member, address.clone());
        }
    }

    /// A member, wherever it is.
    #[must_use]
    pub fn member(&self, member: MemberId) -> Peer {
        let mut members = self.0.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.entry(member).or_insert_with(|| Peer::new(self.clone(), Who::Member(member))).clone()
    }

    /// Whoever is at `address`.
    #[must_use]
    pub fn at(&self, address: &Text) -> Peer {
        Peer::new(self.clone(), Who::At(address.clone()))
    }

    fn address(&self, member: MemberId) -> Option<Text> {
        self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&member).cloned()
    }
}

/// A peer. Clones share its connection.
#[derive(Clone)]
pub struct Peer(Arc<PeerShared>);

struct PeerShared {
    peers: Peers,
    who: Who,
    connection: tokio::sync::Mutex<Option<Connection>>,
}

/// Who a peer is.
enum Who {
    /// A member, wherever it is.
    Member(MemberId),
    /// Whoever is there.
    At(Text),
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(member) => write!(f, "member {member}"),
            Self::At(address) => address.fmt(f),
        }
    }
}

#[derive(Clone)]
struct Connection {
    sender: http2::SendRequest<Body>,
    cluster: ClusterId,
}

impl Peer {
    fn new(peers: Peers, who: Who) -> Self {
        Self(Arc::new(PeerShared { peers, who, connection: tokio::sync::Mutex::new(None) }))
    }

    /// Asks for something on behalf of clients.
    ///
    /// # Errors
    /// What the peer answers; kind `Unavailable`, code `peer.unreachable`; kind `Timeout`, code `peer.timeout`.
    pub async fn ask(&self, ask: &Ask, time: Duration) -> Result<Told> {
        self.call("/ask", ask, time).await
    }

    /// Asks for an answer.
    ///
    /// # Errors
    /// What the peer answers; kind `Unavailable`, code `peer.unreachable`; kind `Timeout`, code `peer.timeout`.
    pub(super) async fn call<A, T>(&self, path: &str, asked: &A, time: Duration) -> Result<T>
    where
        A: Serialize + Sync,
        T: DeserializeOwned,
    {
        let asked = whole(pack(asked)?);
        let answered = tokio::time::timeout(time, async {
            let response = self.send(path, asked).await?;
            let content = Limited::new(response.into_body(), MAX_MESSAGE).collect().await;
            content.map(|content| content.to_bytes()).map_err(|error| unreachable(&self.0.who, &error))
        });
        let late =
            |_| Error::new(ErrorKind::Timeout, "peer.timeout", format!("{} does not answer", self.0.who));
        unpack(&answered.await.map_err(late)??)
    }

    /// Sends a request and gives the answer, if it is not a failure.
    pub(super) async fn send(&self, path: &str, body: Body) -> Result<Response<Incoming>> {
        let mut connection = self.connection().await?;
        let request = request(path, body)?;
        match connection.sender.send_request(request).await {
            Ok(response) if response.status() == StatusCode::OK => Ok(response),
            Ok(response) => Err(failure(response).await),
            Err(error) => Err(unreachable(&self.0.who, &error)),
        }
    }

    /// The cluster that the peer belongs to.
    ///
    /// # Errors
    /// What keeps a connection from being made.
    pub async fn cluster(&self) -> Result<ClusterId> {
        Ok(self.connection().await?.cluster)
    }

    async fn connection(&self) -> Result<Connection> {
        let mut kept = self.0.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|connection| !connection.sender.is_closed()) {
            return Ok(connection.clone());
        }
        let late = |_| {
            let message = format!("{} cannot be reached in {} s", self.0.who, CONNECT.as_secs());
            Error::new(ErrorKind::Timeout, "peer.timeout", message)
        };
        let connection = tokio::time::timeout(CONNECT, self.connect()).await.map_err(late)??;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    async fn connect(&self) -> Result<Connection> {
        let PeerShared { peers, who, .. } = &*self.0;
        let (address, member) = match who {
            Who::Member(member) => {
                let unknown = || {
                    Error::new(
                        ErrorKind::Unavailable,
                        "peer.unreachable",
                        format!("nobody knows where {who} is"),
                    )
                };
                (peers.address(*member).ok_or_else(unknown)?, Some(*member))
            }
            Who::At(address) => (address.clone(), None),
        };
        let address = &address;
        let wire = (peers.0.dial)(address.clone()).await.map_err(|error| unreachable(address, &error))?;
        let (mut sender, driver) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(ALIVE.0)
            .keep_alive_timeout(ALIVE.1)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(|error| unreachable(address, &error))?;
        // It ends with the connection; whoever uses that is told.
        tokio::spawn(async move { drop(driver.await) });
        let local = peers.local();
        let hello = local.hello()?;
        let welcome: Welcome = exchange(&mut sender, "/hello", &hello, address).await?;
        let proof = local.proof(&hello, &welcome)?;
        if let Some(member) = member.filter(|member| *member != welcome.member) {
            let message = format!("at {address} is member {}, not {member}", welcome.member);
            return Err(Error::new(ErrorKind::Conflict, "peer.other", message));
        }
        let () = exchange(&mut sender, "/prove", &proof, address).await?;
        Ok(Connection { sender, cluster: welcome.cluster })
    }
}

/// One message of the handshake and its answer.
async fn exchange<A, T>(
    sender: &mut http2::SendRequest<Body>,
    path: &str,
    asked: &A,
    address: &Text,
) -> Result<T>
where
    A: Serialize,
    T: DeserializeOwned,
{
    let request = request(path, whole(pack(asked)?))?;
    let response = sender.send_request(request).await.map_err(|error| unreachable(address, &error))?;
    if response.status() != StatusCode::OK {
        return Err(failure(response).await);
    }
    let content = Limited::new(response.into_body(), 1 << 16).collect().await;
    unpack(&content.map_err(|error| unreachable(address, &error))?.to_bytes())
}

fn request(path: &str, body: Body) -> Result<Request<Body>> {
    Request::post(format!("http://peer{path}"))
        .body(body)
        .map_err(|error| Error::internal(format!("a request to a peer: {error}")))
}

/// The error that an answer carries.
async fn failure(response: Response<Incoming>) -> Error {
    let status = response.status();
    let content = Limited::new(response.into_body(), 1 << 16).collect().await;
    let failed = content.ok().and_then(|content| unpack::<Failed>(&content.to_bytes()).ok());
    failed.map_or_else(
        || Error::new(ErrorKind::Unavailable, "peer.broken", format!("a peer answers {status}")),
        Error::from,
    )
}

fn unreachable(address: &dyn std::fmt::Display, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unavailable, "peer.unreachable", format!("{address}: {error}"))
        .with_retry(Retry::Now)
}
