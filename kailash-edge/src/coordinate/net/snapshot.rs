//! Sending a snapshot and taking one: the file as it is, after who leads.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use kailash_core::{Error, ErrorKind, Result, log::disk_error};
use openraft::raft::SnapshotResponse;

use super::{Body, MAX_MESSAGE, Peer, frame, unpack};
use crate::coordinate::{
    raft::{Raft, Snapshot, Types, Vote},
    store::{MachineStore, SnapshotFile},
};

/// How many bytes are read and sent at once.
const PIECE: usize = 256 << 10;
/// How long a peer may take nothing of a snapshot.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long taking a snapshot that has arrived may last.
const INSTALL: Duration = Duration::from_secs(60);

/// Sends `snapshot` in the name of the leader that `vote` tells.
pub(super) async fn send(peer: &Peer, vote: Vote, snapshot: SnapshotFile) -> Result<SnapshotResponse<Types>> {
    let (head, size) = (frame::encode(&vote)?, snapshot.size());
    let pieces = stream::iter((0..size).step_by(PIECE)).map(move |offset| {
        let length = usize::try_from(size - offset).unwrap_or(PIECE).min(PIECE);
        snapshot.bytes(offset, length).map(Bytes::from)
    });
    let frames = stream::iter([Ok(head)]).chain(pieces);
    // A piece that cannot be read ends the file too early: the peer notices.
    let frames = frames.take_while(|piece| std::future::ready(piece.is_ok()));
    let frames =
        frames.filter_map(|piece| std::future::ready(piece.ok().map(|piece| Ok(Frame::data(piece)))));
    let body: Body = StreamBody::new(frames).boxed_unsync();
    let response = peer.send("/snapshot", body).await?;
    let content = Limited::new(response.into_body(), MAX_MESSAGE).collect().await;
    let broken = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Unavailable, "peer.broken", error.to_string())
    };
    unpack(&content.map_err(broken)?.to_bytes())
}

/// Takes a snapshot that a leader sends, and lets the state be that.
pub(super) async fn take(
    raft: &Raft,
    store: &MachineStore,
    body: Incoming,
) -> Result<SnapshotResponse<Types>> {
    let mut arriving = Arriving { pieces: BodyStream::new(body), left: Bytes::new() };
    let length = arriving.exactly(4).await?;
    let length = u32::from_le_bytes(*length.first_chunk().unwrap_or(&[0; 4])) as usize;
    if length > 1 << 16 {
        return Err(Error::invalid("peer.message", "a snapshot does not begin with a vote"));
    }
    let vote: Vote = unpack(&arriving.exactly(length).await?)?;
    let disk = store.disk();
    let name = store.incoming()?;
    let taken = arriving.write(&**disk, &name).await.and_then(|()| {
        let opened = crate::coordinate::store::blocking(|| SnapshotFile::open(&**disk, &name))?;
        Ok((opened.meta()?, opened))
    });
    let (meta, snapshot) = match taken {
        Ok(taken) => taken,
        Err(error) => {
            disk.remove(&name).map_err(|failed| disk_error(&failed, "removing half a snapshot"))?;
            return Err(error);
        }
    };
    let install = raft.install_full_snapshot(vote, Snapshot { meta, snapshot });
    let late = |_| Error::new(ErrorKind::Timeout, "peer.timeout", "a snapshot was not taken in time");
    let installed = tokio::time::timeout(INSTALL, install).await.map_err(late)?;
    installed.map_err(|error| Error::new(ErrorKind::Unavailable, "coordinate.stopped", error.to_string()))
}

/// A body as it arrives.
struct Arriving {
    pieces: BodyStream<Incoming>,
    left: Bytes,
}

impl Arriving {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if !self.left.is_empty() {
            return Ok(Some(std::mem::take(&mut self.left)));
        }
        let broken = |why: String| Error::new(ErrorKind::Unavailable, "peer.broken", why);
        match tokio::time::timeout(PATIENCE, self.pieces.next()).await {
            Ok(Some(Ok(frame))) => Ok(Some(frame.into_data().unwrap_or_default())),
            Ok(Some(Err(error))) => Err(broken(error.to_string())),
            Ok(None) => Ok(None),
            Err(_) => Err(broken("a snapshot does not go on".to_owned())),
        }
    }

    /// The next `length` bytes.
    async fn exactly(&mut self, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let piece = self.next().await?;
            let mut piece =
                piece.ok_or_else(|| Error::invalid("peer.message", "a snapshot ends before it begins"))?;
            let wanted = piece.split_to(piece.len().min(length - bytes.len()));
            bytes.extend_from_slice(&wanted);
            self.left = piece;
        }
        Ok(bytes.into())
    }

    /// Writes all that is left to the file `name`.
    async fn write(&mut self, disk: &dyn kailash_core::log::Disk, name: &str) -> Result<()> {
        use crate::coordinate::store::blocking;
        let failed = |error| disk_error(&error, &format!("the snapshot {name}"));
        let file = disk.create(name).map_err(failed)?;
        while let Some(piece) = self.next().await? {
            blocking(|| file.append(&piece)).map_err(failed)?;
        }
        blocking(|| file.sync()).map_err(failed)
    }
}
