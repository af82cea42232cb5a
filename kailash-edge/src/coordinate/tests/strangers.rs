//! Who does not belong to a cluster gets nothing from it.

use std::sync::Arc;

use kailash_core::exec::SystemClock;

use super::{Cluster, Host};
use crate::coordinate::{
    Coordinator,
    net::{Ask, ClusterId, ClusterKey, Local, Peers, plain_dial},
};

fn local(token: &str, cluster: Option<ClusterId>) -> Local {
    Local { cluster, member: 5, host: "stranger".into(), key: ClusterKey::of(token) }
}

#[tokio::test]
async fn a_peer_that_does_not_know_the_token_gets_nothing() {
    let cluster = Cluster::of(1).await;
    let stranger = Peers::new(local("guessed", None), plain_dial());
    let peer = stranger.at(&cluster.hosts[0].address());
    let error = peer.ask(&Ask::ReadIndex, std::time::Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.code(), "peer.token");
    let mut host = Host::new().await;
    host.start("guessed").await;
    let error = host.coordinator().join(&[cluster.hosts[0].address()], true).await.unwrap_err();
    assert_eq!(error.code(), "peer.token");
    assert_eq!(cluster.coordinator(0).metrics().membership_config.membership().nodes().count(), 1);
}

#[tokio::test]
async fn a_host_of_another_cluster_is_told_so() {
    let (one, other) = (Cluster::of(1).await, Cluster::of(1).await);
    let error = one.coordinator(0).join(&[other.hosts[0].address()], true).await.unwrap_err();
    assert_eq!(error.code(), "peer.cluster");
}

#[tokio::test]
async fn at_an_address_that_another_member_has_now_nobody_else_is_spoken_to() {
    let cluster = Cluster::of(1).await;
    let peers = cluster.coordinator(0).0.peers.clone();
    peers.is_at(2, &cluster.hosts[0].address());
    let error = peers.member(2).cluster().await.unwrap_err();
    assert_eq!(error.code(), "peer.other");
}

#[tokio::test]
async fn a_member_whose_promises_are_damaged_does_not_begin() {
    let mut cluster = Cluster::of(1).await;
    cluster.hosts[0].stop().await;
    let disk = cluster.hosts[0].disk.clone();
    let vote = kailash_core::log::Disk::list(&disk)
        .unwrap()
        .into_iter()
        .find(|name| name.starts_with("vote"))
        .unwrap();
    disk.damage(&vote, |bytes| bytes[18] ^= 1).unwrap();
    let clock = Arc::new(SystemClock::default());
    let opened =
        Coordinator::open(Arc::new(disk), crate::coordinate::Settings::default(), plain_dial(), clock).await;
    assert_eq!(opened.err().unwrap().code(), "sealed.damaged");
}
