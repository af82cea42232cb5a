//! How members speak to each other: HTTP/2, one connection to each peer, on which both have proved that they know the
//! cluster's token before anything else is said.
//!
//! ```text
//! POST /hello, /prove     who is it, and does it belong here                   handshake
//! POST /append            entries out, answers in, both as frames of a stream  network
//! POST /vote, /pre-vote   elections                                            network
//! POST /transfer          a leader asks its successor to stand                 network
//! POST /snapshot          the file of a snapshot                               snapshot
//! POST /ask               what clients want, passed on to the leader           ask
//! ```
//! Messages are MessagePack. Whatever comes from outside has a limit.

mod ask;
mod client;
mod frame;
mod handshake;
mod network;
mod server;
mod snapshot;

pub use ask::{Ask, Told};
pub use client::{Dial, Dialed, Peer, Peers, Wire, plain_dial};
pub use handshake::{ClusterId, ClusterKey, Known, Local};
pub use network::Network;
pub use server::{Answering, serve_connection};

use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use kailash_core::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};

/// The longest message, in bytes. Snapshots are longer: they come in pieces.
pub const MAX_MESSAGE: usize = 64 << 20;

/// What a request or an answer carries.
type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// A body of `bytes`.
fn whole(bytes: impl Into<Bytes>) -> Body {
    UnsyncBoxBody::new(http_body_util::Full::new(bytes.into()))
}

/// The bytes of a message.
fn pack<T: Serialize + ?Sized>(message: &T) -> Result<Vec<u8>> {
    rmp_serde::to_vec(message).map_err(|error| Error::internal(format!("a message to a peer: {error}")))
}

/// The message in `bytes`.
fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    rmp_serde::from_slice(bytes).map_err(|error| {
        Error::invalid("peer.message", format!("a message of a peer cannot be read: {error}"))
    })
}
