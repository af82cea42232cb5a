//! Followers that were away until the log they need was given up: they take a snapshot, even if that is torn on the way
//! (C11).

use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::harness::{Cluster, Fault};

/// How long a follower may take to catch up: the target is 30 s.
const CAUGHT_UP: Duration = Duration::from_secs(3 * 30);
/// How many entries are written: more than a leader keeps behind a snapshot.
const ENTRIES: u32 = 1600;

/// Writes more than the log keeps, and waits until the leader has given the beginning up.
async fn outgrow(cluster: &Cluster, leader: usize, round: u32) {
    let (http, url) = (reqwest::Client::new(), &cluster.hosts[leader].url);
    let puts = stream::iter(0..ENTRIES).map(|n| {
        let put = http.put(format!("{url}/cluster/map/e{n}"));
        let put = put.json(&json!({ "value": format!("{round}-{}", "x".repeat(2500)) }));
        async move { put.send().await.unwrap().error_for_status().map(drop).unwrap() }
    });
    puts.buffer_unordered(16).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_whose_log_is_gone_takes_a_snapshot_that_breaks_off_and_begins_again() {
    let mut cluster = Cluster::of(3).await;
    for (round, kill) in [(0, false), (1, true)] {
        let leader = cluster.leader().await;
        let (away, other) = ((leader + 1) % 3, (leader + 2) % 3);
        let cut: Vec<_> = [leader, other].into_iter().flat_map(|at| [(at, away), (away, at)]).collect();
        cluster.links.set(Fault::CUT, cut.clone());
        let before = cluster.hosts[away].status().await.unwrap()["last_log"].as_u64().unwrap();
        outgrow(&cluster, leader, round).await;
        let newer = |status: &serde_json::Value| status["snapshot"]["last"].as_u64() > Some(before + 200);
        let (status, _) = cluster.hosts[leader].until("a snapshot", newer).await;
        // Half a snapshot arrives, twice.
        for tear in 0..2 {
            let slow = Fault { delay: Duration::from_millis(30), ..Fault::default() };
            cluster.links.set(slow, cut.clone());
            let began = Instant::now();
            while cluster.links.hit() < 300_000 {
                assert!(began.elapsed().as_secs() < 60, "something is sent again");
                sleep(Duration::from_millis(5)).await;
            }
            cluster.links.set(Fault::CUT, cut.clone());
            if kill && tear == 0 {
                cluster.hosts[away].kill().await;
                cluster.start(away);
            }
            sleep(Duration::from_millis(500)).await;
            println!("torn with {} bytes hit", cluster.links.mend());
            cluster.links.set(Fault::CUT, cut.clone());
        }
        let began = Instant::now();
        cluster.links.mend();
        cluster.converge().await;
        let took = began.elapsed();
        let taken = cluster.hosts[away].status().await.unwrap();
        println!(
            "the leader's snapshot reaches to {}, the follower was at {before}; it has one to {} and caught up in {took:?}",
            status["snapshot"]["last"], taken["snapshot"]["last"]
        );
        assert!(newer(&taken), "it took a snapshot: {taken}");
        assert!(took <= CAUGHT_UP);
        assert_eq!(cluster.content().await.len(), usize::try_from(ENTRIES).unwrap());
    }
}
