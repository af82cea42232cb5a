//! Members that come and go while clients work and others fail (C12).

use super::harness::{Clients, Cluster, Fault, Started};

async fn remove(cluster: &Cluster, at: usize, by: usize) {
    let url = format!("{}/cluster/members/{}", cluster.hosts[by].url, cluster.hosts[at].name);
    let gone = reqwest::Client::new().delete(url).send().await.unwrap();
    assert_eq!(gone.status(), 204, "{}", gone.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_replaced_and_removed_while_others_fail() {
    let mut cluster = Cluster::of(3).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    clients.answered(100).await;
    // A fourth one joins, and the leader dies for good and is let go.
    let fourth = cluster.add(Started::default(), &[]).await;
    let leader = cluster.leader().await;
    cluster.hosts[leader].kill().await;
    println!("a write {:?} after the leader of four was killed", clients.gap().await);
    remove(&cluster, leader, fourth).await;
    clients.answered(100).await;
    // One joins while a link is cut.
    let leader = cluster.leader().await;
    let other = (0..3).find(|at| *at != leader && cluster.hosts[*at].child_runs()).unwrap();
    cluster.links.set(Fault::CUT, [(leader, other), (other, leader)]);
    let fifth = cluster.add(Started::default(), &[]).await;
    clients.answered(50).await;
    assert!(cluster.links.mend() > 0, "something was held up");
    cluster.converge().await;
    // A learner joins: it has everything, and counts in no majority.
    let learner = cluster.add(Started::default(), &["cluster.voter=false"]).await;
    let (status, _) = cluster.hosts[learner].until("a learner", |status| status["role"] == "learner").await;
    let voters =
        status["members"].as_array().unwrap().iter().filter(|member| member["voter"] == true).count();
    assert_eq!(voters, 4, "{status}");
    clients.answered(50).await;
    // The leader is let go while it leads, and stops.
    let leader = cluster.leader().await;
    remove(&cluster, leader, leader).await;
    println!("a write {:?} after the leader was let go", clients.gap().await);
    cluster.hosts[leader].kill().await;
    clients.answered(50).await;
    let (status, _) = cluster.hosts[fifth]
        .until("four members", |status| status["members"].as_array().is_some_and(|all| all.len() == 4))
        .await;
    assert_eq!(status["quorum"], true);
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}
