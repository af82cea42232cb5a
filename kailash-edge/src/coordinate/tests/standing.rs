//! How the group stands, what is told of it, and who leads next.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::Cluster;
use crate::coordinate::{Coordinator, Happened, Observer, Role, Status};

/// Waits until what `coordinator` says is as `wanted`.
async fn until(coordinator: &Coordinator, wanted: impl Fn(&Status) -> bool) -> Status {
    let mut tries = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..500 {
        tries.tick().await;
        let status = coordinator.whole_status().await;
        if wanted(&status) {
            return status;
        }
    }
    panic!("{:#?}", coordinator.status());
}

/// Remembers what it is told.
#[derive(Default)]
pub(super) struct Noting(pub(super) Mutex<Vec<Happened>>, pub(super) Mutex<[u64; 2]>);

impl Observer for Noting {
    fn committed(&self, _: Duration) {
        self.1.lock().unwrap()[0] += 1;
    }

    fn synced(&self, _: Duration) {
        self.1.lock().unwrap()[1] += 1;
    }

    fn happened(&self, happened: &Happened) {
        self.0.lock().unwrap().push(happened.clone());
    }
}

#[tokio::test]
async fn a_member_that_is_alone_is_its_own_majority() {
    let cluster = Cluster::of(1).await;
    let status = until(cluster.coordinator(0), |status| status.quorum).await;
    assert_eq!((status.role, status.leader), (Role::Leader, Some(status.member)));
    assert_eq!(status.members.len(), 1);
    assert_eq!((status.members[0].lag, status.members[0].silent_ms), (Some(0), None));
    assert_eq!(
        cluster.coordinator(0).step_down().await.expect_err("nobody else").code(),
        "coordinate.no_successor"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_tells_how_the_others_stand_and_who_is_cut_off_knows_it() {
    let noting = Arc::new(Noting::default());
    let mut cluster = Cluster::watched(3, noting.clone()).await;
    let leader = cluster.leader().await;
    let (one, other) = ((leader + 1) % 3, (leader + 2) % 3);
    for at in [leader, one, other] {
        let all = |status: &Status| {
            status.quorum
                && status.members.iter().filter(|member| member.voter && member.lag == Some(0)).count() == 3
        };
        let status = until(cluster.coordinator(at), all).await;
        assert_eq!(status.leader, Some(cluster.coordinator(leader).member()));
    }
    cluster.hosts[other].cut_off();
    until(cluster.coordinator(other), |status| !status.quorum).await;
    let lost = Happened::PeerLost { host: cluster.coordinator(other).host() };
    let began = Instant::now();
    while !noting.0.lock().unwrap().contains(&lost) {
        assert!(began.elapsed().as_secs() < 10, "{:?}", noting.0);
        tokio::task::yield_now().await;
    }
    assert!(until(cluster.coordinator(leader), |_| true).await.quorum, "two of three are a majority");
    assert!(noting.0.lock().unwrap().contains(&Happened::QuorumLost), "of the one that was cut off");
    let [committed, synced] = *noting.1.lock().unwrap();
    assert!(synced > 0 && committed == 0, "{synced} syncs");
    cluster.hosts[one].stop().await;
    until(cluster.coordinator(leader), |status| !status.quorum).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_steps_down_when_it_is_asked_to_and_before_it_goes() {
    let mut cluster = Cluster::of(3).await;
    let first = cluster.leader().await;
    let began = Instant::now();
    cluster.coordinator((first + 1) % 3).step_down().await.unwrap();
    let second = cluster.leader().await;
    println!("another leads after {:?}", began.elapsed());
    assert_ne!(first, second);
    let term = cluster.coordinator(second).status().term;
    let began = Instant::now();
    cluster.hosts[second].stop().await;
    let third = cluster.leader().await;
    let took = began.elapsed();
    println!("another leads {took:?} after the leader began to stop");
    assert_ne!(second, third);
    assert_eq!(cluster.coordinator(third).status().term, term + 1, "one vote, asked for by its predecessor");
}
