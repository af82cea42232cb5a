//! What a group of members does for its clients.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use kailash_core::{Text, Value, exec::Token, value};

use super::{Cluster, Host, cluster::TOKEN};
use crate::coordinate::{
    Consistency, Coordinator,
    net::Ask,
    state::{Answer, Command, Encoded, Expect, Granted, NewEvent},
};

fn put(key: &str, value: impl Into<Value>) -> Command {
    let value = Encoded::of(&value.into()).unwrap();
    Command::Put { key: key.into(), value, expect: Expect::Any, ttl: None, fence: None }
}

async fn get(coordinator: &Coordinator, key: &str, consistency: Consistency) -> Option<Value> {
    let reading = coordinator.get(key, consistency).await.unwrap();
    assert_eq!(reading.stale, consistency == Consistency::StaleOk);
    reading.value.map(|entry| entry.value.value().unwrap())
}

async fn acquire(coordinator: &Coordinator, holder: &str, ttl: u64) -> Granted {
    let command = Command::Acquire { lease: "l".into(), holder: holder.into(), ttl };
    match coordinator.propose(command).await.unwrap().answer {
        Answer::Held(granted) => granted,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cluster_of_one_needs_nobody() {
    let cluster = Cluster::of(1).await;
    let alone = cluster.coordinator(0);
    alone.propose(put("k", value!(1))).await.unwrap();
    assert_eq!(get(alone, "k", Consistency::Linearizable).await, Some(value!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_read_from_the_first_moment_after_a_restart() {
    for members in [1, 3] {
        let mut cluster = Cluster::of(members).await;
        for n in 0..300 {
            cluster.coordinator(0).propose(put("k", value!(n))).await.unwrap();
        }
        let stopping = cluster.hosts.iter_mut().map(Host::cut_short);
        futures_util::future::join_all(stopping).await;
        for host in &mut cluster.hosts {
            host.start(TOKEN).await;
        }
        let reads = cluster.hosts.iter().map(|host| get(host.coordinator(), "k", Consistency::Linearizable));
        for read in futures_util::future::join_all(reads).await {
            assert_eq!(read, Some(value!(299)), "{members} members");
        }
    }
}

#[tokio::test]
async fn a_cluster_of_one_keeps_its_data_and_grows_to_three_without_losing_it() {
    let mut cluster = Cluster::of(1).await;
    for n in 0..50 {
        cluster.coordinator(0).propose(put(&format!("k{n}"), value!(n))).await.unwrap();
    }
    cluster.hosts[0].stop().await;
    cluster.hosts[0].start(TOKEN).await;
    for _ in 0..2 {
        let mut host = Host::new().await;
        host.start(TOKEN).await;
        host.coordinator().join(&[cluster.hosts[0].address()], true).await.unwrap();
        cluster.hosts.push(host);
    }
    for host in &cluster.hosts {
        for n in 0..50 {
            let found = get(host.coordinator(), &format!("k{n}"), Consistency::Linearizable).await;
            assert_eq!(found, Some(value!(n)));
        }
    }
    let voters: Vec<_> = cluster.coordinator(2).metrics().membership_config.voter_ids().collect();
    assert_eq!(voters.len(), 3);
}

#[tokio::test]
async fn a_leader_that_begins_again_does_not_lead_before_it_is_elected_again() {
    let mut cluster = Cluster::of(1).await;
    cluster.coordinator(0).propose(put("k", value!(1))).await.unwrap();
    for n in 2..5 {
        let term = cluster.coordinator(0).metrics().current_term;
        cluster.hosts[0].stop().await;
        cluster.hosts[0].start(TOKEN).await;
        assert_eq!(get(cluster.coordinator(0), "k", Consistency::Linearizable).await, Some(value!(n - 1)));
        assert!(cluster.coordinator(0).metrics().current_term > term, "it knows all that was answered");
        cluster.coordinator(0).propose(put("k", value!(n))).await.unwrap();
    }
}

#[tokio::test]
async fn what_one_host_writes_every_host_reads_at_once() {
    let cluster = Cluster::of(3).await;
    for n in 0..30 {
        let writer = cluster.coordinator(n % 3);
        writer.propose(put("k", value!(n))).await.unwrap();
        let reader = cluster.coordinator((n + 1) % 3);
        assert_eq!(get(reader, "k", Consistency::Linearizable).await, Some(value!(n)));
    }
    get(cluster.coordinator(0), "k", Consistency::StaleOk).await;
}

#[tokio::test]
async fn when_the_leader_is_gone_another_one_goes_on_with_all_that_was_answered() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let other = (leader + 1) % 3;
    for n in 0..20 {
        cluster.coordinator(other).propose(put(&format!("k{n}"), value!(n))).await.unwrap();
    }
    cluster.hosts[leader].stop().await;
    cluster.coordinator(other).propose(put("after", value!(1))).await.unwrap();
    for n in 0..20 {
        let found = get(cluster.coordinator(other), &format!("k{n}"), Consistency::Linearizable).await;
        assert_eq!(found, Some(value!(n)));
    }
    cluster.hosts[leader].start(TOKEN).await;
    assert_eq!(get(cluster.coordinator(leader), "after", Consistency::Linearizable).await, Some(value!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_is_left_for_the_one_that_follows_it() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let other = cluster.coordinator((leader + 1) % 3);
    other.propose(put("k", 1)).await.unwrap();
    cluster.hosts[leader].cut_off();
    let began = tokio::time::Instant::now();
    other.propose(put("k", 2)).await.unwrap();
    let gap = began.elapsed();
    println!("the next write after {gap:?}");
    assert!(gap < Duration::from_millis(3 * 1200), "{gap:?}");
    assert_eq!(get(other, "k", Consistency::Linearizable).await, Some(value!(2)));
    let old = cluster.coordinator(leader);
    assert_eq!(old.propose(put("k", 3)).await.unwrap_err().code(), "coordinate.no_quorum");
    let read = old.get("k", Consistency::Linearizable).await;
    assert_eq!(
        read.unwrap_err().code(),
        "coordinate.no_quorum",
        "it does not tell what is old for what is new"
    );
}

#[tokio::test]
async fn without_a_majority_nothing_is_answered_with_success() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    for at in (0..3).filter(|at| *at != leader) {
        cluster.hosts[at].stop().await;
    }
    let alone = cluster.coordinator(leader);
    let error = alone.propose(put("k", value!(1))).await.unwrap_err();
    assert_eq!(error.code(), "coordinate.no_quorum");
    let error = alone.get("k", Consistency::Linearizable).await.unwrap_err();
    assert_eq!(error.code(), "coordinate.no_quorum");
    assert!(alone.get("k", Consistency::StaleOk).await.unwrap().stale);
}

#[tokio::test]
async fn who_finds_no_leader_looks_for_one_now_and_then() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    for at in (0..3).filter(|at| *at != follower) {
        cluster.hosts[at].stop().await;
    }
    let tries = AtomicU32::new(0);
    let ask = || {
        tries.fetch_add(1, Ordering::Relaxed);
        Ask::ReadIndex
    };
    let error = cluster.coordinator(follower).until_led(ask).await.unwrap_err();
    assert_eq!(error.code(), "coordinate.no_quorum");
    let tries = tries.into_inner();
    assert!((10..700).contains(&tries), "{tries} tries in 5 s, with pauses of 20 ms");
}

#[tokio::test]
async fn a_lease_that_nobody_renews_lapses_and_a_new_leader_begins_its_time_anew() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let other = (leader + 1) % 3;
    let first = acquire(cluster.coordinator(other), "a", 300).await;
    let lease = Command::Acquire { lease: "l".into(), holder: "b".into(), ttl: 300 };
    assert_eq!(cluster.coordinator(other).propose(lease).await.unwrap_err().code(), "lease.held");
    cluster.hosts[leader].stop().await;
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    let second = loop {
        let lease = Command::Acquire { lease: "l".into(), holder: "b".into(), ttl: 300 };
        match cluster.coordinator(other).propose(lease).await {
            Ok(carried) => break carried.answer,
            Err(error) => assert_eq!(error.code(), "lease.held"),
        }
        assert!(tokio::time::Instant::now() < until, "it never lapsed");
        cluster.coordinator(other).catch_up().await.unwrap();
    };
    let Answer::Held(second) = second else { panic!("{second:?}") };
    assert!(second.token > first.token);
    let stale = Command::Renew { grants: vec![("l".into(), first.token), ("l".into(), Token(0))], ttl: 100 };
    let answer = cluster.coordinator(other).propose(stale).await.unwrap().answer;
    assert_eq!(answer, Answer::Renewed(vec![false, false]));
}

#[tokio::test]
async fn a_member_that_was_away_while_the_log_was_forgotten_is_given_a_snapshot() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let away = (leader + 1) % 3;
    cluster.hosts[away].stop().await;
    let large: Text = "x".repeat(4000).into();
    for n in 0..2500 {
        cluster
            .coordinator(leader)
            .propose(put(&format!("k{}", n % 700), value!([n, (large.clone())])))
            .await
            .unwrap();
    }
    let metrics = cluster.coordinator(leader).metrics();
    assert!(metrics.snapshot.is_some(), "a snapshot was due");
    cluster.hosts[away].start(TOKEN).await;
    let found = get(cluster.coordinator(away), "k5", Consistency::Linearizable).await.unwrap();
    assert_eq!(found.as_list().unwrap()[0], value!(2105));
    let listed = cluster.coordinator(away).list("k", "", 1000, Consistency::StaleOk).await.unwrap();
    assert_eq!(listed.value.len(), 700);
    let digest = cluster.coordinator(leader).digest().unwrap();
    assert_eq!(
        cluster.coordinator(away).digest().unwrap(),
        digest,
        "written here, given there: it is the same"
    );
    cluster.coordinator(leader).propose(put("k5", value!(1))).await.unwrap();
    assert_ne!(cluster.coordinator(leader).digest().unwrap().1, digest.1);
}

#[tokio::test]
async fn events_from_several_hosts_get_one_order() {
    let cluster = Cluster::of(3).await;
    let propose = |at: usize| {
        let coordinator = cluster.coordinator(at).clone();
        async move {
            for n in 0..20 {
                let event = NewEvent {
                    id: Some(format!("{}", n / 2).into()),
                    after: Vec::new(),
                    data: Encoded::of(&value!(at)).unwrap(),
                };
                coordinator.propose(Command::Order { group: "g".into(), events: vec![event] }).await.unwrap();
            }
        }
    };
    tokio::join!(propose(0), propose(1), propose(2));
    let last =
        NewEvent { id: Some("last".into()), after: vec!["9".into()], data: Encoded::of(&value!(1)).unwrap() };
    let carried =
        cluster.coordinator(0).propose(Command::Order { group: "g".into(), events: vec![last] }).await;
    let Answer::Ordered { events, .. } = carried.unwrap().answer else { panic!("not ordered") };
    assert_eq!(events[0].place, 10, "each id has one place");
}
