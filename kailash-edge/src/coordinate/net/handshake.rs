//! Both sides of a connection prove that they know the cluster's token, without telling it.
//!
//! ```text
//! client                                  server
//!   │── hello: who, nonce a ──────────────────>│
//!   │<── who, nonce b, MAC("server", a, b) ────│     now the client knows the server
//!   │── prove: MAC("client", a, b) ───────────>│     now the server knows the client
//! ```
//! The MAC is keyed BLAKE3; its key is derived from the token. Who listens learns nothing that serves for another
//! connection; against who changes what is said on the way there is TLS.

use std::sync::{Mutex, OnceLock, PoisonError};

use kailash_core::{Error, ErrorKind, FormatVersion, Result, Retry, Text};
use serde::{Deserialize, Serialize};

use crate::coordinate::raft::{MemberId, draw};

/// The version of what peers say to each other.
const FORMAT: FormatVersion = FormatVersion::new(1, 0);

/// Names a cluster: drawn when its first member begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(pub u128);

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What the members of a cluster know and nobody else.
#[derive(Clone)]
pub struct ClusterKey([u8; 32]);

impl ClusterKey {
    /// The key that follows from a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(blake3::derive_key("kailash 2026-11 peers of a cluster", token.as_bytes()))
    }

    fn mac(&self, side: &str, hello: &Hello, welcome: (ClusterId, MemberId, u128)) -> [u8; 32] {
        let (cluster, member, nonce) = welcome;
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(side.as_bytes());
        for number in [hello.nonce, u128::from(hello.member), nonce, u128::from(member), cluster.0] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize().into()
    }
}

impl std::fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterKey")
    }
}

/// Who speaks here.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its cluster; none as long as it belongs to none.
    pub cluster: Option<ClusterId>,
    /// Its number.
    pub member: MemberId,
    /// The name of its host.
    pub host: Text,
    /// What its cluster knows.
    pub key: ClusterKey,
}

/// What a client says first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    format: FormatVersion,
    cluster: Option<ClusterId>,
    member: MemberId,
    host: Text,
    nonce: u128,
}

/// What a server answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Welcome {
    format: FormatVersion,
    pub(super) cluster: ClusterId,
    pub(super) member: MemberId,
    nonce: u128,
    mac: [u8; 32],
}

/// What a client says then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Proof {
    mac: [u8; 32],
}

impl Local {
    /// The client's first words.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub(super) fn hello(&self) -> Result<Hello> {
        let Self { cluster, member, host, .. } = self.clone();
        Ok(Hello { format: FORMAT, cluster, member, host, nonce: nonce()? })
    }

    /// The server's answer to them, and what it expects to hear then.
    ///
    /// # Errors
    /// `format.newer` for a client of a later version; kind `Conflict`, code `peer.cluster`, for one of another cluster;
    /// kind `Unavailable`, code `peer.no_cluster`, as long as the server belongs to none.
    pub(super) fn welcome(&self, hello: &Hello) -> Result<(Welcome, Expected)> {
        FORMAT.check(hello.format)?;
        let Some(cluster) = self.cluster else {
            let error =
                Error::new(ErrorKind::Unavailable, "peer.no_cluster", "this host belongs to no cluster yet");
            return Err(error.with_retry(Retry::Now));
        };
        check_cluster(cluster, hello.cluster)?;
        let nonce = nonce()?;
        let said = (cluster, self.member, nonce);
        let welcome = Welcome {
            format: FORMAT,
            cluster,
            member: self.member,
            nonce,
            mac: self.key.mac("server", hello, said),
        };
        let peer = Known { member: hello.member, host: hello.host.clone() };
        Ok((welcome, Expected { mac: self.key.mac("client", hello, said), peer }))
    }

    /// What the client says to a server that proved itself.
    ///
    /// # Errors
    /// Kind `Denied`, code `peer.token`, for a server that does not know the token; `peer.cluster` for one of another
    /// cluster.
    pub(super) fn proof(&self, hello: &Hello, welcome: &Welcome) -> Result<Proof> {
        FORMAT.check(welcome.format)?;
        let said = (welcome.cluster, welcome.member, welcome.nonce);
        if !same(&self.key.mac("server", hello, said), &welcome.mac) {
            return Err(stranger("the peer does not know the cluster's token"));
        }
        if let Some(cluster) = self.cluster {
            check_cluster(cluster, Some(welcome.cluster))?;
        }
        Ok(Proof { mac: self.key.mac("client", hello, said) })
    }
}

/// A client that proved itself.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its number.
    pub member: MemberId,
    /// The name of its host.
    pub host: Text,
}

/// What a client must say to be known.
pub(super) struct Expected {
    mac: [u8; 32],
    peer: Known,
}

/// What a server knows of the other side of a connection.
#[derive(Default)]
pub(super) struct Session {
    expected: Mutex<Option<Expected>>,
    known: OnceLock<Known>,
}

impl Session {
    /// Remembers what the client must say next.
    pub(super) fn expect(&self, expected: Expected) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Some(expected);
    }

    /// Takes the client's proof. There is one try for each hello.
    ///
    /// # Errors
    /// Kind `Denied`, code `peer.token`.
    pub(super) fn prove(&self, proof: &Proof) -> Result<()> {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner).take();
        match expected.filter(|expected| same(&expected.mac, &proof.mac)) {
            Some(Expected { peer, .. }) => {
                self.known.get_or_init(|| peer);
                Ok(())
            }
            None => Err(stranger("you do not know the cluster's token")),
        }
    }

    /// The client, if it proved itself.
    ///
    /// # Errors
    /// Kind `Denied`, code `peer.unknown`.
    pub(super) fn known(&self) -> Result<&Known> {
        self.known.get().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "peer.unknown", "prove first that you belong here")
                .with_retry(Retry::Never)
        })
    }
}

fn check_cluster(own: ClusterId, other: Option<ClusterId>) -> Result<()> {
    match other.filter(|other| *other != own) {
        None => Ok(()),
        Some(other) => {
            let message = format!("a peer belongs to cluster {other}, not to {own}");
            Err(Error::new(ErrorKind::Conflict, "peer.cluster", message).with_retry(Retry::Never))
        }
    }
}

fn stranger(message: &str) -> Error {
    Error::new(ErrorKind::Denied, "peer.token", message)
        .with_retry(Retry::Never)
        .with_hint("all members of a cluster have the same `identity.cluster_token`")
}

/// Whether both are the same, in a time that does not tell where they differ.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    blake3::Hash::from_bytes(*one) == blake3::Hash::from_bytes(*other)
}

fn nonce() -> Result<u128> {
    let [high, low] = draw()?;
    Ok(u128::from(high) << 64 | u128::from(low))
}
