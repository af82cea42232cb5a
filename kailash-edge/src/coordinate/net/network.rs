//! The group's own messages, as openraft sends them.

use std::{
    future::Future,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use kailash_core::{Error, ErrorKind};
use openraft::{
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetworkFactory, v2::RaftNetworkV2},
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
        TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};

use super::{Peer, Peers, frame, snapshot};
use crate::coordinate::{
    raft::{Member, MemberId, Snapshot, Types, Vote},
    store::SnapshotFile,
};

/// How long a peer may leave entries unanswered. A slow disk takes its time; a connection into nowhere ends by itself.
const ANSWER: Duration = Duration::from_secs(10);

/// The way to the peers.
#[derive(Clone)]
pub struct Network(pub Peers);

/// The way to one peer.
pub struct To(Peer);

impl RaftNetworkFactory<Types> for Network {
    type Network = To;

    async fn new_client(&mut self, target: MemberId, node: &Member) -> To {
        self.0.is_at(target, &node.address);
        To(self.0.member(target))
    }
}

type Rpc<T> = Result<T, RPCError<Types>>;

impl RaftNetworkV2<Types> for To {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<Types>> {
        let one = Box::pin(stream::once(async { rpc }));
        let mut answers = self.stream_append(one, option).await?;
        let answer = answers.next().await.unwrap_or_else(|| Err(broken("a peer answers nothing")))?;
        Ok(answer.into())
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<Types>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        Box::pin(async move {
            let sent = Arc::new(AtomicU64::new(0));
            let counted = input.inspect({
                let sent = Arc::clone(&sent);
                move |_| {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
            let response = self.0.send("/append", frame::body(counted)).await.map_err(rpc_error)?;
            let answers = Box::pin(frame::messages::<StreamAppendResult<Types>, _>(response.into_body()));
            let answered = stream::unfold(Some((answers, 0)), move |state| {
                let sent = Arc::clone(&sent);
                async move {
                    let (mut answers, count) = state?;
                    loop {
                        match tokio::time::timeout(ANSWER, answers.next()).await {
                            Ok(Some(Ok(answer))) => return Some((Ok(answer), Some((answers, count + 1)))),
                            Ok(Some(Err(error))) => return Some((Err(rpc_error(error)), None)),
                            Ok(None) => return None,
                            Err(_) if sent.load(Ordering::Relaxed) > count => {
                                return Some((Err(broken("a peer does not answer entries")), None));
                            }
                            // Nothing was sent that could be answered.
                            Err(_) => {}
                        }
                    }
                }
            });
            Ok(Box::pin(answered) as BoxStream<'s, _>)
        })
    }

    async fn vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Rpc<VoteResponse<Types>> {
        self.0.call("/vote", &rpc, option.soft_ttl()).await.map_err(rpc_error)
    }

    async fn pre_vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Rpc<VoteResponse<Types>> {
        self.0.call("/pre-vote", &rpc, option.soft_ttl()).await.map_err(rpc_error)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let sending = snapshot::send(&self.0, vote, snapshot.snapshot);
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = sending => sent.map_err(|error| StreamingError::Unreachable(Unreachable::from_string(error))),
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<Types>> {
        self.0.call("/transfer", &rpc, option.soft_ttl()).await.map_err(rpc_error)
    }
}

/// What openraft makes of an error: it waits a while before it tries somebody again who cannot be reached.
fn rpc_error(error: Error) -> RPCError<Types> {
    match error.kind() {
        ErrorKind::Timeout => RPCError::Network(NetworkError::from_string(error)),
        _ => RPCError::Unreachable(Unreachable::from_string(error)),
    }
}

fn broken(why: &str) -> RPCError<Types> {
    RPCError::Network(NetworkError::from_string(why))
}
