//! Whoever watches is told of every change, once and in order.

use kailash_core::value;

use super::Cluster;
use crate::coordinate::{
    Coordinator, Watch,
    state::{Command, Encoded, Expect, What},
};

async fn put(coordinator: &Coordinator, key: &str, n: u64) -> u64 {
    let value = Encoded::of(&value!(n)).unwrap();
    let command = Command::Put { key: key.into(), value, expect: Expect::Any, ttl: None, fence: None };
    coordinator.propose(command).await.unwrap().index
}

async fn values(watch: &mut Watch, count: usize) -> Vec<u64> {
    let mut values = Vec::new();
    while values.len() < count {
        if let What::Put { value, .. } = watch.next().await.unwrap().what {
            values.push(value.value().unwrap().as_u64().unwrap());
        }
    }
    values
}

#[tokio::test]
async fn every_member_tells_the_same_changes_in_order_and_goes_on_where_another_ended() {
    let cluster = Cluster::of(3).await;
    let first = put(cluster.coordinator(0), "k", 0).await;
    let mut early = cluster.coordinator(1).watch(first);
    let waiting = tokio::spawn(async move { values(&mut early, 50).await });
    let mut half = 0;
    for n in 1..50 {
        let index = put(cluster.coordinator(usize::try_from(n).unwrap() % 3), "k", n).await;
        half = if n == 24 { index } else { half };
    }
    assert_eq!(waiting.await.unwrap(), (0..50).collect::<Vec<_>>());
    let mut late = cluster.coordinator(2).watch(half + 1);
    assert_eq!(values(&mut late, 25).await, (25..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_comes_too_late_is_told_so() {
    let cluster = Cluster::of(1).await;
    for n in 0..600 {
        put(cluster.coordinator(0), &"k".repeat(500), n).await;
    }
    let mut watch = cluster.coordinator(0).watch(0);
    let changes = values(&mut watch, 600).await;
    assert_eq!(changes, (0..600).collect::<Vec<_>>());
    let large = value!("x".repeat(900_000));
    for _ in 0..3 {
        let value = Encoded::of(&large).unwrap();
        let command = Command::Put { key: "l".into(), value, expect: Expect::Any, ttl: None, fence: None };
        cluster.coordinator(0).propose(command).await.unwrap();
    }
    let error = cluster.coordinator(0).watch(0).next().await.unwrap_err();
    assert_eq!(error.code(), "watch.forgotten");
}
