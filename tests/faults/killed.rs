//! Members that are killed while clients write: the leader, all one after the other, all at once (C1, C2).

use std::time::Duration;

use super::{
    harness::{Clients, Cluster},
    rounds,
};

/// How long nobody may be served when a leader was killed: the target is 2.5 s.
const GAP: Duration = Duration::from_millis(3 * 2500);
/// How long a cluster may take to serve again when all were killed: the target is 5 s.
const READY: Duration = Duration::from_secs(3 * 5);

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_by_another_and_no_answered_write_is_lost() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    let mut gaps = Vec::new();
    for _ in 0..rounds(3) {
        clients.answered(100).await;
        let leader = cluster.leader().await;
        cluster.hosts[leader].kill().await;
        let gap = clients.gap().await;
        assert!(gap <= GAP, "{gap:?} without a write");
        gaps.push(gap);
        cluster.start(leader);
        clients.answered(50).await;
        cluster.converge().await;
    }
    gaps.sort_unstable();
    println!("gap p50 {:?}, max {:?}", gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_killed_one_after_the_other_and_all_at_once_have_everything_again() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    for _ in 0..rounds(1) {
        for at in 0..3 {
            clients.answered(100).await;
            cluster.hosts[at].kill().await;
            clients.gap().await;
            cluster.start(at);
            cluster.converge().await;
        }
        clients.answered(100).await;
        cluster.kill_all().await;
        for at in 0..3 {
            cluster.start(at);
        }
        let ready = clients.gap().await;
        println!("served {ready:?} after the whole cluster began again");
        assert!(ready <= READY);
        clients.answered(50).await;
    }
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_hands_the_lead_over() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    let mut gaps = Vec::new();
    for _ in 0..rounds(2) {
        clients.answered(100).await;
        let leader = cluster.leader().await;
        let stopping = cluster.hosts[leader].terminate();
        let ((), gap) = tokio::join!(stopping, clients.longest_gap(Duration::from_secs(3)));
        gaps.push(gap);
        cluster.start(leader);
        cluster.converge().await;
    }
    gaps.sort_unstable();
    println!("longest time without a write while the leader stops: {gaps:?}");
    assert!(gaps[gaps.len() - 1] <= GAP);
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}
