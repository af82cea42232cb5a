//! Hosts that are one cluster, over loopback.

mod api;
mod nodes;

use std::{net::TcpListener, sync::Arc};

use kailash::{
    Error,
    host::{Host, config::Layers},
    http::Listener,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A host that takes part in a cluster.
struct Member {
    host: Option<Arc<Host>>,
    http: String,
    stop: CancellationToken,
}

impl Member {
    async fn start(data: &TempDir, id: &str, settings: &[String]) -> Self {
        let folder = format!("host.data={}", data.path().join(id).display());
        let id = format!("identity.id={id}");
        let basic = [folder.as_str(), id.as_str(), "http.listen=127.0.0.1:0"];
        let settings = basic.into_iter().chain(settings.iter().map(String::as_str));
        let host =
            Arc::new(Host::start(Layers::new().settings(settings).unwrap().config().unwrap()).await.unwrap());
        let listener = Listener::bind(Arc::clone(&host)).await.unwrap();
        let http = format!("http://{}", listener.address());
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(stop.clone(), std::time::Duration::ZERO));
        Self { host: Some(host), http, stop }
    }

    async fn coordinate(&self, config: Json) -> Json {
        self.run("EdgeCoordinationNode", config).await
    }

    /// What a workflow of one such node gives.
    async fn run(&self, kind: &str, config: Json) -> Json {
        let nodes = json!({"n": {"type": kind, "config": config}});
        let asked = reqwest::Client::new().post(format!("{}/execute", self.http));
        let answer = asked.json(&json!({"workflow": {"nodes": nodes}})).send().await.unwrap();
        let told: Json = answer.json().await.unwrap();
        assert_eq!(told["status"], "completed", "{told}");
        told["outputs"]["n"].clone()
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn listen(address: &str) -> String {
    format!("cluster.listen={address}")
}

/// Three hosts: edge-1, edge-2 and edge-3.
async fn three(data: &TempDir) -> Vec<Member> {
    let first = free_address();
    let mut members = vec![Member::start(data, "edge-1", &[listen(&first)]).await];
    for id in ["edge-2", "edge-3"] {
        let join = format!("cluster.join=[\"{first}\"]");
        members.push(Member::start(data, id, &[listen(&free_address()), join]).await);
    }
    members
}

/// Stops a host that nobody else uses any more.
async fn stop(mut host: Arc<Host>) {
    loop {
        match Arc::try_unwrap(host) {
            Ok(mut alone) => return alone.stop().await,
            Err(shared) => {
                host = shared;
                tokio::task::yield_now().await;
            }
        }
    }
}

#[test]
fn a_cluster_that_strangers_could_reach_or_nobody_is_refused() {
    let refused = |settings: &[&str]| -> Error {
        Layers::new().settings(settings.iter().copied()).unwrap().config().unwrap_err()
    };
    for (settings, expected) in [
        (&["cluster.listen=10.0.0.1:1"][..], "cluster.open"),
        (&["cluster.join=[\"a:1\"]"], "cluster.listen"),
        (&["cluster.listen=0.0.0.0:1", "identity.cluster_token=env:HOME"], "cluster.advertise"),
    ] {
        assert_eq!(refused(settings).code(), expected);
    }
}
