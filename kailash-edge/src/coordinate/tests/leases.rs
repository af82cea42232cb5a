//! The cluster keeps the rules of the lease port.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use kailash_core::testing::lease::{Bench, CHECKS};

use super::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn leases_of_the_cluster_keep_the_rules_of_leases() {
    let checks = CHECKS.iter().map(|(name, check)| async move {
        let cluster = Cluster::of(1).await;
        let bench = Bench {
            lease: Arc::new(cluster.coordinator(0).clone()),
            pass: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            ttl: Duration::from_secs(2),
        };
        check(bench).await;
        *name
    });
    let checked = join_all(checks).await;
    assert_eq!(checked.len(), CHECKS.len());
}
