//! etcd: how its members begin, and its put, get and status over gRPC (`etcdserverpb`, the fields that are needed).

use std::{path::Path, process::Command};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;

use crate::{Done, cluster::Place, grpc, process::Process, wire};

#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct PutResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
}

#[derive(Clone, PartialEq, Message)]
struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    kvs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}

/// The shortest election time that etcd takes with a heartbeat of 100 ms; it waits from one to two of it.
const ELECTION_MS: &str = "500";

/// Begins the member at `place`, of those at `all`.
pub(crate) fn start(place: &Place, all: &[Place], log: &Path) -> Done<Process> {
    let peers: Vec<_> = all.iter().map(|place| format!("{}=http://{}", place.name, place.peers)).collect();
    let (clients, peer) = (format!("http://{}", place.clients), format!("http://{}", place.peers));
    let mut command = Command::new("etcd");
    command
        .args(["--name", &place.name, "--heartbeat-interval", "100", "--election-timeout", ELECTION_MS])
        .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &peers.join(","), "--logger", "zap", "--log-level", "error"])
        .arg("--data-dir")
        .arg(&place.data);
    Process::start(&mut command, log)
}

/// A connection of one client to one member.
pub(crate) struct Client {
    sender: http2::SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(host: &str) -> Done<Self> {
        let wire = TokioIo::new(wire::connect(host).await?);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new()).handshake(wire).await?;
        // Whoever uses it is told how it ended.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, host: host.to_owned() })
    }

    pub(crate) async fn put(&mut self, key: &str, value: &str) -> Done {
        let (key, value) = (Bytes::copy_from_slice(key.as_bytes()), Bytes::copy_from_slice(value.as_bytes()));
        let request = PutRequest { key, value };
        let _: PutResponse =
            grpc::call(&mut self.sender, &self.host, "/etcdserverpb.KV/Put", &request).await?;
        Ok(())
    }

    pub(crate) async fn get(&mut self, key: &str) -> Done<Option<String>> {
        let request = RangeRequest { key: Bytes::copy_from_slice(key.as_bytes()) };
        let path = "/etcdserverpb.KV/Range";
        let found: RangeResponse = grpc::call(&mut self.sender, &self.host, path, &request).await?;
        let value = found.kvs.first().map(|entry| String::from_utf8(entry.value.to_vec()));
        Ok(value.transpose()?)
    }

    /// Whether the member that this is connected to leads.
    pub(crate) async fn leads(&mut self) -> Done<bool> {
        let path = "/etcdserverpb.Maintenance/Status";
        let status: StatusResponse =
            grpc::call(&mut self.sender, &self.host, path, &StatusRequest {}).await?;
        Ok(status.leader != 0 && status.header.is_some_and(|header| header.member_id == status.leader))
    }
}
