//! Hosts that are one cluster, over loopback.

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

#[tokio::test(flavor = "multi_thread")]
async fn three_hosts_agree_on_leaders_and_proposals() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    let group = "edge_cluster";
    let elect = json!({"operation": "elect_leader", "coordination_group": group});
    let told = members[1].coordinate(elect.clone()).await;
    assert_eq!(
        (&told["success"], &told["leader"], &told["term"]),
        (&json!(true), &json!("edge-2"), &json!(1))
    );
    let mut last = 0;
    for member in &members {
        let told = member.coordinate(json!({"operation": "get_leader", "coordination_group": group})).await;
        assert_eq!(told["leader"], "edge-2", "{told}");
        let propose = json!({"operation": "propose", "coordination_group": group, "proposal": {"set": 1}});
        let told = member.coordinate(propose).await;
        let index = told["log_index"].as_u64().unwrap();
        assert!(told["accepted"] == true && index > last, "{told}");
        last = index;
    }
    // A host goes away, and comes back as the member that it was.
    let gone = members.remove(2);
    gone.stop.cancel();
    let host = gone.host.unwrap();
    let own = host.cluster.coordination().coordinator().await.unwrap().member();
    host.rest().await;
    drop(members[0].coordinate(elect).await);
    stop(host).await;
    let again = Member::start(&data, "edge-3", &[listen(&free_address())]).await;
    let member = again.host.as_ref().unwrap().cluster.coordination().coordinator().await.unwrap().member();
    assert_eq!(member, own);
    let told = again.coordinate(json!({"operation": "get_leader", "coordination_group": group})).await;
    assert_eq!(told["leader"], "edge-2", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_served_by_its_owner_until_that_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    let state = |operation: Json| {
        let mut config = json!({"state_id": "door/1"});
        config.as_object_mut().unwrap().extend(operation.as_object().unwrap().clone());
        config
    };
    let count = || state(json!({"operation": "increment", "key": "opened"}));
    for (at, expected) in [(2, 1), (0, 2), (1, 3)] {
        let told = members[at].run("EdgeStateMachine", count()).await;
        assert_eq!((&told["new_value"], &told["served_by"]), (&json!(expected), &json!("edge-3")), "{told}");
    }
    let gone = members.remove(2);
    gone.stop.cancel();
    gone.host.as_ref().unwrap().rest().await;
    stop(gone.host.unwrap()).await;
    let told = members[0].run("EdgeStateMachine", count()).await;
    assert_eq!((&told["success"], &told["redirect"]), (&json!(false), &json!(true)), "{told}");
    assert_eq!(told["primary_edge"], "edge-3", "{told}");
    // Its lease lapses, and whoever is asked next owns the state as it was left.
    let began = std::time::Instant::now();
    loop {
        let told = members[0].run("EdgeStateMachine", count()).await;
        if told["success"] == true {
            assert_eq!((&told["new_value"], &told["served_by"]), (&json!(4), &json!("edge-1")), "{told}");
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "nobody owns it: {told}");
    }
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
