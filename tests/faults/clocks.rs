//! Wall clocks that jump and drift (C5): leases count the monotonic time of the leader.

use std::{path::Path, time::Duration};

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::harness::{Cluster, Started};

/// The library that fakes the time; Debian's package libfaketime.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// How long a lease lasts.
const TTL: Duration = Duration::from_secs(4);

fn faked(file: &Path) -> Started {
    assert!(Path::new(FAKETIME).exists(), "install the package libfaketime");
    let with = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    Started { by: Vec::new(), with: with.map(|(name, value)| (name.into(), value.into())).into() }
}

/// What the host takes for the time, by the answer to a request, in seconds since 1970.
async fn wall(url: &str, http: &reqwest::Client) -> i64 {
    let put = http.put(format!("{url}/cluster/map/time")).json(&json!({ "value": 0, "ttl_s": 60 }));
    put.send().await.unwrap().error_for_status().unwrap();
    let run = json!({ "workflow": { "nodes": { "n": { "type": "Expression", "config": { "expression": "1" } } } } });
    let told: Json =
        http.post(format!("{url}/execute")).json(&run).send().await.unwrap().json().await.unwrap();
    let began: jiff::Timestamp = told["began"].as_str().unwrap_or_else(|| panic!("{told}")).parse().unwrap();
    began.as_second()
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_jump_and_drift_end_no_lease_early_and_grant_none_twice() {
    let clocks = tempfile::tempdir().unwrap();
    let file = |at: usize| clocks.path().join(format!("clock-{at}"));
    for at in 0..3 {
        std::fs::write(file(at), "+0\n").unwrap();
    }
    let mut cluster = Cluster::with(3, |at| faked(&file(at)), &[]).await;
    let http = reqwest::Client::new();
    for (name, skew) in [("an hour ahead", "+1h\n"), ("an hour behind", "-1h\n"), ("5 % fast", "+0 x1.05\n")]
    {
        let leader = cluster.leader().await;
        let (url, other) = (cluster.hosts[leader].url.clone(), cluster.hosts[(leader + 1) % 3].url.clone());
        let lease = |url: &str| format!("{url}/cluster/leases/clock");
        let take = |url: &str, holder: &str| {
            http.post(lease(url)).json(&json!({ "holder": holder, "ttl_s": TTL.as_secs_f64() })).send()
        };
        let granted: Json = take(&url, "a").await.unwrap().error_for_status().unwrap().json().await.unwrap();
        let began = Instant::now();
        let before = wall(&url, &http).await;
        std::fs::write(file(leader), skew).unwrap();
        let jumped = wall(&url, &http).await - before;
        println!("{name}: the leader's clock moved by {jumped} s");
        assert!(skew.contains('x') || jumped.abs() > 3000, "the clock really jumped: {jumped} s");
        // Until its time has passed by a clock that is right, nobody else gets it.
        while began.elapsed() < TTL - Duration::from_millis(500) {
            let asked = began.elapsed();
            let told = take(&other, "b").await.unwrap();
            assert_eq!(told.status(), 409, "{name}: granted twice after {asked:?}");
            sleep(Duration::from_millis(100)).await;
        }
        let again: Json = loop {
            let told = take(&other, "b").await.unwrap();
            if told.status() == 200 {
                break told.json().await.unwrap();
            }
            assert!(began.elapsed() < 5 * TTL, "{name}: it lapses");
            sleep(Duration::from_millis(50)).await;
        };
        println!("{name}: granted again after {:?} of {TTL:?}", began.elapsed());
        assert!(again["token"].as_u64() > granted["token"].as_u64());
        let release = http.delete(format!("{}?token={}", lease(&other), again["token"]));
        release.send().await.unwrap().error_for_status().unwrap();
        std::fs::write(file(leader), "+0\n").unwrap();
    }
    cluster.content().await;
}
