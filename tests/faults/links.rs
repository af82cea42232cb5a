//! Links that break, are slow or lose (C3, C10).

use std::time::Duration;

use super::{
    harness::{Clients, Cluster, Fault},
    rounds,
};

/// How long hosts may take to agree after a link was mended: the target is 5 s.
const HEALED: Duration = Duration::from_secs(3 * 5);
/// How long a partition lasts.
const PARTED: Duration = Duration::from_secs(3);

/// Both directions between each of `one` and each of `other`.
fn between(one: &[usize], other: &[usize]) -> Vec<(usize, usize)> {
    one.iter().flat_map(|a| other.iter().flat_map(move |b| [(*a, *b), (*b, *a)])).collect()
}

/// Cuts these directions while clients work, then mends them.
async fn part(name: &str, cluster: &mut Cluster, clients: &Clients, directions: Vec<(usize, usize)>) {
    clients.answered(100).await;
    cluster.links.set(Fault::CUT, directions);
    tokio::time::sleep(PARTED).await;
    // Where a majority can speak to each other, it serves.
    let gap = clients.gap().await;
    let hit = cluster.links.mend();
    assert!(hit > 0, "{name}: something was held up");
    let healed = cluster.converge().await;
    println!(
        "{name}: {hit} bytes held up, a write {gap:?} after {PARTED:?}, agreed {healed:?} after it was mended"
    );
    assert!(healed <= HEALED, "{name}: {healed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_leave_clients_with_answers_that_agree() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    for _ in 0..rounds(1) {
        let leader = cluster.leader().await;
        let others: Vec<usize> = (0..3).filter(|at| *at != leader).collect();
        part("the leader alone", &mut cluster, &clients, between(&[leader], &others)).await;

        let leader = cluster.leader().await;
        let follower = (leader + 1) % 3;
        let others: Vec<usize> = (0..3).filter(|at| *at != follower).collect();
        part("a follower alone", &mut cluster, &clients, between(&[follower], &others)).await;

        let leader = cluster.leader().await;
        let others = (0..3).filter(|at| *at != leader);
        part("the leader hears nobody", &mut cluster, &clients, others.map(|at| (at, leader)).collect())
            .await;

        let leader = cluster.leader().await;
        let others = (0..3).filter(|at| *at != leader);
        part("nobody hears the leader", &mut cluster, &clients, others.map(|at| (leader, at)).collect())
            .await;

        let leader = cluster.leader().await;
        let (one, bridge) = ((leader + 1) % 3, (leader + 2) % 3);
        let name = format!("only host {bridge} hears both others");
        part(&name, &mut cluster, &clients, between(&[leader], &[one])).await;
    }
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_leader_that_is_cut_off_answers_no_read_that_must_be_new() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (0..3).filter(|at| *at != leader).collect();
    let http = reqwest::Client::builder().timeout(super::harness::LIMIT).build().unwrap();
    let at = |host: usize, query: &str| format!("{}/cluster/map/k{query}", cluster.hosts[host].url);
    let put = |host, value: u32| http.put(at(host, "")).json(&serde_json::json!({ "value": value })).send();
    put(leader, 1).await.unwrap().error_for_status().unwrap();
    cluster.links.set(Fault::CUT, between(&[leader], &others));
    put(others[0], 2).await.unwrap().error_for_status().unwrap();
    let refused = http.get(at(leader, "")).send().await.unwrap();
    assert_eq!(refused.status(), 503, "it cannot know");
    let refused: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(refused["code"], "coordinate.no_quorum", "{refused}");
    let old: serde_json::Value =
        http.get(at(leader, "?stale_ok=true")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&old["value"], &old["stale"]), (&1.into(), &true.into()), "what may be old is marked so");
    assert_eq!(put(leader, 3).await.unwrap().status(), 503, "and nothing is accepted there");
    assert!(cluster.links.mend() > 0);
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_lossy_links_cause_no_elections() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    clients.answered(50).await;
    let leader = cluster.leader().await;
    let (before, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
    let all = [0, 1, 2].map(|at| between(&[at], &[(at + 1) % 3])).concat();
    for (name, fault) in [
        ("200 ms late", Fault { delay: Duration::from_millis(200), ..Fault::default() }),
        ("5 % lost", Fault { loss: 0.05, ..Fault::default() }),
    ] {
        cluster.links.set(fault, all.clone());
        tokio::time::sleep(Duration::from_secs(u64::from(rounds(6)))).await;
        clients.answered(20).await;
        let hit = cluster.links.mend();
        assert!(hit > 0, "{name}: something was hit");
        let (after, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
        println!("{name}: {hit} bytes, term {} before, {} after", before["term"], after["term"]);
        assert_eq!(before["term"], after["term"], "{name}: nobody was elected");
    }
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}
