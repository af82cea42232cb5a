//! Node types of coordination on three hosts.

use serde_json::{Value as Json, json};

use super::{Member, free_address, listen, stop, three};

#[tokio::test(flavor = "multi_thread")]
async fn three_hosts_agree_on_leaders_and_proposals() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    let group = "edge_cluster";
    let elect = json!({"operation": "elect_leader", "coordination_group": group});
    let told = members[1].coordinate(elect.clone()).await;
    assert_eq!(
        (&told["success"], &told["leader"], &told["term"]),
        (&json!(true), &json!("edge-2"), &json!(1))
    );
    let mut last = 0;
    for member in &members {
        let told = member.coordinate(json!({"operation": "get_leader", "coordination_group": group})).await;
        assert_eq!(told["leader"], "edge-2", "{told}");
        let propose = json!({"operation": "propose", "coordination_group": group, "proposal": {"set": 1}});
        let told = member.coordinate(propose).await;
        let index = told["log_index"].as_u64().unwrap();
        assert!(told["accepted"] == true && index > last, "{told}");
        last = index;
    }
    // A host goes away, and comes back as the member that it was.
    let gone = members.remove(2);
    gone.stop.cancel();
    let host = gone.host.unwrap();
    let own = host.cluster.coordination().coordinator().await.unwrap().member();
    host.rest().await;
    drop(members[0].coordinate(elect).await);
    stop(host).await;
    let again = Member::start(&data, "edge-3", &[listen(&free_address())]).await;
    let member = again.host.as_ref().unwrap().cluster.coordination().coordinator().await.unwrap().member();
    assert_eq!(member, own);
    let told = again.coordinate(json!({"operation": "get_leader", "coordination_group": group})).await;
    assert_eq!(told["leader"], "edge-2", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_served_by_its_owner_until_that_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    let state = |operation: Json| {
        let mut config = json!({"state_id": "door/1"});
        config.as_object_mut().unwrap().extend(operation.as_object().unwrap().clone());
        config
    };
    let count = || state(json!({"operation": "increment", "key": "opened"}));
    for (at, expected) in [(2, 1), (0, 2), (1, 3)] {
        let told = members[at].run("EdgeStateMachine", count()).await;
        assert_eq!((&told["new_value"], &told["served_by"]), (&json!(expected), &json!("edge-3")), "{told}");
    }
    let gone = members.remove(2);
    gone.stop.cancel();
    gone.host.as_ref().unwrap().rest().await;
    stop(gone.host.unwrap()).await;
    let told = members[0].run("EdgeStateMachine", count()).await;
    assert_eq!((&told["success"], &told["redirect"]), (&json!(false), &json!(true)), "{told}");
    assert_eq!(told["primary_edge"], "edge-3", "{told}");
    // Its lease lapses, and whoever is asked next owns the state as it was left.
    let began = std::time::Instant::now();
    loop {
        let told = members[0].run("EdgeStateMachine", count()).await;
        if told["success"] == true {
            assert_eq!((&told["new_value"], &told["served_by"]), (&json!(4), &json!("edge-1")), "{told}");
            break;
        }
        assert!(began.elapsed().as_secs() < 30, "nobody owns it: {told}");
    }
}
