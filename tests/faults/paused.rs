//! Members that stand still and go on: a leader that does not know that time has passed (C4).

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};

use super::{
    harness::{Clients, Cluster},
    rounds,
};

/// How long a lease lasts.
const TTL_S: f64 = 1.0;

/// What a lease guards: it refuses a token that is smaller than one it has seen.
#[derive(Default)]
struct Resource {
    seen: u64,
    written: u32,
}

impl Resource {
    fn write(&mut self, token: u64) -> bool {
        let is_new = token >= self.seen;
        if is_new {
            self.seen = token;
            self.written += 1;
        }
        is_new
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stood_still_serves_nothing_old_and_its_leases_are_fenced() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    let http = reqwest::Client::builder().timeout(super::harness::LIMIT).build().unwrap();
    let acquire = |url: String, holder: &'static str| {
        let request = http.post(format!("{url}/cluster/leases/press"));
        let request = request.json(&json!({ "holder": holder, "ttl_s": TTL_S }));
        async move { request.send().await.unwrap().json::<Json>().await.unwrap() }
    };
    for _ in 0..rounds(2) {
        clients.answered(100).await;
        let mut resource = Resource::default();
        let leader = cluster.leader().await;
        let (held, other) = (cluster.hosts[leader].url.clone(), cluster.hosts[(leader + 1) % 3].url.clone());
        let first = acquire(held.clone(), "old").await;
        let old = first["token"].as_u64().unwrap_or_else(|| panic!("{first}"));
        assert!(resource.write(old));
        cluster.hosts[leader].pause();
        let paused = Instant::now();
        // Somebody else leads, lets the lease begin anew and lapse, and grants it again.
        let new = loop {
            let told = acquire(other.clone(), "new").await;
            if let Some(token) = told["token"].as_u64() {
                break token;
            }
            assert!(paused.elapsed().as_secs() < 60, "{told}");
            sleep(Duration::from_millis(50)).await;
        };
        assert!(paused.elapsed().as_secs_f64() > TTL_S, "not before its time");
        assert!(new > old && resource.write(new));
        while paused.elapsed().as_secs_f64() < 2.0 * TTL_S {
            sleep(Duration::from_millis(50)).await;
        }
        cluster.hosts[leader].go_on();
        println!("stood still for {:?}", paused.elapsed());
        assert!(!resource.write(old), "who held it before writes nothing more");
        let fenced = http.put(format!("{held}/cluster/map/fenced"));
        let fenced = fenced.json(&json!({ "value": 1, "fence": { "lease": "press", "token": old } }));
        let fenced = fenced.send().await.unwrap();
        assert_eq!(fenced.status(), 409, "nor in the map");
        let told: Json =
            http.get(format!("{held}/cluster/leases/press")).send().await.unwrap().json().await.unwrap();
        assert!(told["holder"] != "old", "{told}");
        cluster.converge().await;
        // The next round takes it again.
        let release = http.delete(format!("{other}/cluster/leases/press?token={new}"));
        release.send().await.unwrap().error_for_status().unwrap();
    }
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}
