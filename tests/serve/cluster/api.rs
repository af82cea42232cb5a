//! The cluster over HTTP: entries, leases, watching, members.

use futures_util::StreamExt;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value as Json, json};

use super::{Member, stop, three};

impl Member {
    /// What is answered to a request, with its status.
    async fn ask(&self, method: Method, path: &str, content: Option<&Json>) -> (StatusCode, Json) {
        let request = Client::new().request(method, format!("{}/cluster{path}", self.http));
        let request = content.into_iter().fold(request, |request, content| request.json(content));
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> (StatusCode, Json) {
        self.ask(Method::GET, path, None).await
    }

    async fn put(&self, path: &str, content: Json) -> (StatusCode, Json) {
        self.ask(Method::PUT, path, Some(&content)).await
    }

    /// How the cluster stands, once that is as `wanted`.
    async fn status(&self, wanted: impl Fn(&Json) -> bool) -> Json {
        let began = std::time::Instant::now();
        loop {
            let (_, told) = self.get("").await;
            if wanted(&told) {
                return told;
            }
            assert!(began.elapsed().as_secs() < 30, "{told:#}");
        }
    }

    /// The events of a stream until they are `enough`.
    async fn events(
        &self,
        path: &str,
        last: Option<&str>,
        enough: impl Fn(&[(String, Json)]) -> bool,
    ) -> Vec<(String, Json)> {
        let request = Client::new().get(format!("{}/cluster{path}", self.http));
        let request = last.into_iter().fold(request, |request, last| request.header("Last-Event-ID", last));
        let mut content = request.send().await.unwrap().error_for_status().unwrap().bytes_stream();
        let (mut text, mut events) = (String::new(), Vec::new());
        while !enough(&events) {
            text += std::str::from_utf8(&content.next().await.unwrap().unwrap()).unwrap();
            while let Some((event, rest)) = text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                if let Some(data) = field("data: ").filter(|_| !enough(&events)) {
                    let id = field("id: ").unwrap_or_default().to_owned();
                    events.push((id, serde_json::from_str(data).unwrap()));
                }
                text = rest.to_owned();
            }
        }
        events
    }
}

fn problem(answered: &(StatusCode, Json)) -> (u16, String) {
    (answered.0.as_u16(), answered.1["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_have_versions_and_are_the_same_on_every_host() {
    let data = tempfile::tempdir().unwrap();
    let members = three(&data).await;
    let (status, told) =
        members[0].put("/map/doors%2Fa", json!({"value": {"open": true}, "if_version": 0})).await;
    assert_eq!((status, &told["version"]), (StatusCode::OK, &json!(1)), "{told}");
    for member in &members {
        let (_, told) = member.get("/map/doors%2Fa").await;
        assert_eq!((&told["value"], &told["stale"]), (&json!({"open": true}), &json!(false)), "{told}");
    }
    let again = members[1].put("/map/doors%2Fa", json!({"value": 1, "if_version": 0})).await;
    assert_eq!(problem(&again), (409, "map.version".into()));
    let (_, told) = members[2].put("/map/doors%2Fa", json!({"value": null, "if_version": 1})).await;
    assert_eq!(told["version"], 2, "{told}");
    let (_, told) = members[2].put("/map/doors%2Fb", json!({"value": 1, "ttl_s": 0.05})).await;
    assert_eq!(told["version"], 1, "{told}");
    let began = std::time::Instant::now();
    while members[0].get("/map/doors%2Fb").await.0 == StatusCode::OK {
        assert!(began.elapsed().as_secs() < 10, "it ends by itself");
    }
    let (_, told) = members[1].get("/map?prefix=doors/&limit=1&stale_ok=true").await;
    assert_eq!((&told["entries"][0]["key"], &told["next"]), (&json!("doors/a"), &json!("doors/a")), "{told}");
    let (_, told) = members[1].ask(Method::DELETE, "/map/doors%2Fa?if_version=2", None).await;
    assert_eq!(told["existed"], true, "{told}");
    assert_eq!(problem(&members[1].get("/map/doors%2Fa").await), (404, "map.key".into()));
    let reserved = members[0].put("/map/state%2Fx%2Fy", json!({"value": 1})).await;
    assert_eq!(problem(&reserved), (422, "cluster.reserved".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder_and_its_token_fences_entries() {
    let data = tempfile::tempdir().unwrap();
    let members = three(&data).await;
    let take = |holder: &str| json!({"holder": holder, "ttl_s": 30});
    let (_, first) = members[0].ask(Method::POST, "/leases/press", Some(&take("a"))).await;
    let token = first["token"].as_u64().unwrap();
    let second = members[1].ask(Method::POST, "/leases/press", Some(&take("b"))).await;
    assert_eq!(problem(&second), (409, "lease.held".into()));
    let fenced = |token: u64| json!({"value": 1, "fence": {"lease": "press", "token": token}});
    assert_eq!(members[2].put("/map/k", fenced(token)).await.0, StatusCode::OK);
    let (status, _) = members[1].put("/leases/press", json!({"token": token, "ttl_s": 30})).await;
    assert_eq!(status, StatusCode::OK);
    let (_, told) = members[1].get("/leases/press").await;
    assert_eq!((&told["holder"], &told["token"]), (&json!("a"), &json!(token)), "{told}");
    let (_, told) = members[1].ask(Method::DELETE, &format!("/leases/press?token={token}"), None).await;
    assert_eq!(told["released"], true, "{told}");
    assert_eq!(problem(&members[2].put("/map/k", fenced(token)).await), (409, "lease.lost".into()));
    let (_, told) = members[1].ask(Method::POST, "/leases/press", Some(&take("b"))).await;
    assert!(told["token"].as_u64().unwrap() > token, "{told}");
    let late = members[0].put("/leases/press", json!({"token": token, "ttl_s": 30})).await;
    assert_eq!(problem(&late), (409, "lease.lost".into()));
    let (_, told) = members[0].get("/leases?prefix=pr").await;
    assert_eq!(told["leases"][0]["holder"], "b", "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_watched_in_order_and_go_on_at_another_host() {
    let data = tempfile::tempdir().unwrap();
    let members = three(&data).await;
    let (_, told) = members[0].put("/map/w%2F0", json!({"value": 0})).await;
    let from = told["index"].as_u64().unwrap();
    for n in 1..6 {
        members[n % 3].put("/map/w%2Fk", json!({"value": n})).await;
        members[n % 3].put("/map/other", json!({"value": n})).await;
    }
    let values = |events: &[(String, Json)]| -> Vec<Json> {
        events.iter().map(|(_, event)| event["data"]["value"].clone()).collect()
    };
    let path = format!("/watch?from={from}&prefix=w/");
    let first = members[1].events(&path, None, |events| events.len() == 4).await;
    assert_eq!(values(&first), [0, 1, 2, 3].map(Json::from));
    let rest = members[2].events(&path, Some(&first[3].0), |events| events.len() == 2).await;
    assert_eq!(values(&rest), [4, 5].map(Json::from));
    let refused =
        Client::new().get(format!("{}/cluster/watch", members[0].http)).header("Last-Event-ID", "x");
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_tells_how_it_stands_and_lets_members_go() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    let whole = |told: &Json| {
        let members = told["members"].as_array().unwrap();
        told["quorum"] == true && members.len() == 3 && members.iter().all(|member| member["lag"] == 0)
    };
    let told = members[2].status(whole).await;
    let hosts: std::collections::BTreeSet<&str> =
        told["members"].as_array().unwrap().iter().map(|member| member["host"].as_str().unwrap()).collect();
    assert_eq!(hosts, ["edge-1", "edge-2", "edge-3"].into());
    let leader = told["leader"].clone();
    let (status, told) = members[1].ask(Method::POST, "/step-down", None).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let told = members[0].status(|told| told["quorum"] == true && told["leader"] != leader).await;
    assert_eq!(told["term"], 2, "{told}");
    let metrics = Client::new().get(format!("{}/metrics", members[0].http)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in ["kailash_cluster_term 2", "kailash_cluster_quorum 1", "kailash_cluster_voters 3"] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(metrics.contains("kailash_cluster_sync_duration_seconds_count"), "{metrics}");
    assert_eq!(
        problem(&members[0].ask(Method::DELETE, "/members/edge-9", None).await),
        (404, "cluster.member".into())
    );
    let (status, told) = members[0].ask(Method::DELETE, "/members/edge-3", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
    members[1].status(|told| told["members"].as_array().unwrap().len() == 2).await;
    let gone = members.remove(2);
    gone.stop.cancel();
    gone.host.as_ref().unwrap().rest().await;
    stop(gone.host.unwrap()).await;
    assert_eq!(members[1].put("/map/after", json!({"value": 1})).await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_the_cluster_is_told_when_a_majority_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let mut members = three(&data).await;
    members[0].status(|told| told["quorum"] == true).await;
    let gone = members.split_off(1);
    let is_lost = |(_, event): &(String, Json)| event["type"] == "quorum.lost";
    let watched = members[0].events("/events", None, |events| events.iter().any(is_lost));
    let stopped = async {
        for member in gone {
            member.stop.cancel();
            member.host.as_ref().unwrap().rest().await;
            stop(member.host.unwrap()).await;
        }
    };
    tokio::join!(watched, stopped);
    members[0].status(|told| told["quorum"] == false).await;
    let refused = members[0].put("/map/k", json!({"value": 1})).await;
    assert_eq!(problem(&refused), (503, "coordinate.no_quorum".into()));
}
