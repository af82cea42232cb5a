//! Who does not belong here: hosts with another token or of another cluster; and proposals that are too large.

use serde_json::{Value as Json, json};

use super::harness::{Cluster, Started};

/// The setting of a token, which lies in a file.
fn token(root: &std::path::Path, name: &str, token: &str) -> String {
    let file = root.join(format!("{name}.token"));
    std::fs::write(&file, token).unwrap();
    format!("identity.cluster_token=file:{}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_another_token_or_of_another_cluster_gets_nothing() {
    let secrets = tempfile::tempdir().unwrap();
    let (right, wrong) =
        (token(secrets.path(), "right", "the token"), token(secrets.path(), "wrong", "guessed"));
    let mut cluster = Cluster::with(1, |_| Started::default(), &[&right]).await;
    let stranger = cluster.prepare(Started::default(), &[&wrong]).await;
    cluster.start(stranger);
    let log = cluster.hosts[stranger].logged("does not belong to the cluster").await;
    assert!(!log.contains("guessed") && !log.contains("the token"), "no secret is logged: {log}");
    // One that began a cluster of its own before.
    let mut other = Cluster::with(1, |_| Started::default(), &[&right]).await;
    other.hosts[0].terminate().await;
    let moved = cluster.prepare(Started::default(), &[&right]).await;
    std::fs::rename(other.hosts[0].data.join("cluster"), cluster.hosts[moved].data.join("cluster")).unwrap();
    cluster.start(moved);
    cluster.hosts[moved].logged("does not belong to the cluster").await;
    let (status, _) = cluster.hosts[0].until("a majority", |status| status["quorum"] == true).await;
    assert_eq!(status["members"].as_array().unwrap().len(), 1, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_unknown_is_refused_and_nothing_is_lost() {
    let mut cluster = Cluster::of(1).await;
    let (http, url) = (reqwest::Client::new(), cluster.hosts[0].url.clone());
    let put = |key: &str, value: Json| {
        http.put(format!("{url}/cluster/map/{key}")).json(&json!({ "value": value })).send()
    };
    put("small", json!(1)).await.unwrap().error_for_status().unwrap();
    let refused = put("large", json!("x".repeat(2 << 20))).await.unwrap();
    assert_eq!(refused.status(), 413);
    let told: Json = refused.json().await.unwrap();
    assert_eq!(told["code"], "coordinate.too_large", "{told}");
    for node in [
        json!({ "type": "EdgeCoordinationNode", "config": { "operation": "conquer", "coordination_group": "g" } }),
        json!({ "type": "EdgeStateMachine", "config": { "operation": "guess", "state_id": "s" } }),
    ] {
        let run = json!({ "workflow": { "nodes": { "n": node } } });
        let refused = http.post(format!("{url}/execute")).json(&run).send().await.unwrap();
        assert!(refused.status().is_client_error(), "{}", refused.text().await.unwrap());
    }
    assert_eq!(cluster.content().await.len(), 1);
}
