//! Who may do what, from where, and how often.

use kailash::host::keys::{Keys, Scope, Scopes};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Served, inputs, read};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_reach_needs_a_key_first() {
    let data = tempfile::tempdir().unwrap();
    let folder = format!("host.data={}", data.path().display());
    let settings = [folder.as_str(), "http.listen=0.0.0.0:0"];
    let config = kailash::host::config::Layers::new().settings(settings).unwrap().config().unwrap();
    let host = std::sync::Arc::new(kailash::host::Host::start(config).await.unwrap());
    let refused = kailash::http::Listener::bind(host.clone()).await.err().unwrap();
    assert_eq!((refused.kind(), refused.code()), (kailash::ErrorKind::Denied, "http.open"));
    let add = format!("kailash keys add NAME --data {}", data.path().display());
    assert!(refused.hint().unwrap().contains(&add), "{refused:?}");
    host.keys.add("first", Scopes::all()).unwrap();
    let listener = kailash::http::Listener::bind(host).await.unwrap();
    assert!(!listener.address().ip().is_loopback());
}

#[test]
fn the_file_of_keys_is_for_its_owner_alone_and_changes_do_not_meet() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            // Each as another process: with a handle of its own.
            scope.spawn(|| Keys::open(data.path()).unwrap().add(name, Scopes::all()).unwrap());
        }
    });
    assert_eq!(Keys::open(data.path()).unwrap().list().unwrap().len(), 4);
    let mode = std::fs::metadata(data.path().join("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_allows_what_its_scopes_say_and_nothing_when_it_is_revoked() {
    let served = Served::with(&["http.require_key=true"]).await;
    let keys = &served.host.keys;
    let token = |name: &str, scope: Scope| keys.add(name, Scopes::new([scope])).unwrap().1;
    let (read_key, execute_key, manage_key) =
        (token("r", Scope::Read), token("e", Scope::Execute), token("m", Scope::Manage));
    let get = |key: String| served.request(Method::GET, "/runs").bearer_auth(key).send();
    let execute = |key: String| {
        served
            .request(Method::POST, "/workflows/count/execute")
            .header("x-api-key", key)
            .json(&inputs(1))
            .send()
    };
    let delete = |key: String| served.request(Method::DELETE, "/workflows/wait").bearer_auth(key).send();
    for (key, may) in
        [(&read_key, [200, 403, 403]), (&execute_key, [403, 200, 403]), (&manage_key, [403, 403, 204])]
    {
        let told = [get(key.clone()).await, execute(key.clone()).await, delete(key.clone()).await];
        assert_eq!(told.map(|response| response.unwrap().status().as_u16()), may);
    }
    let inline = json!({"workflow": {"format": "1.0", "name": "x", "nodes": []}});
    let post = served.request(Method::POST, "/execute").bearer_auth(&execute_key).json(&inline);
    assert_eq!(
        post.send().await.unwrap().status(),
        StatusCode::FORBIDDEN,
        "a document needs the scope manage"
    );

    let none = served.request(Method::GET, "/runs").send().await.unwrap();
    assert_eq!(none.headers()["www-authenticate"], "Bearer");
    let (status, told) = read(none).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNAUTHORIZED, &json!("key.none")));
    keys.revoke("r").unwrap();
    let (status, told) = read(get(read_key).await.unwrap()).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNAUTHORIZED, &json!("key.wrong")));
    for open in ["/health", "/ready", "/openapi.json"] {
        assert_eq!(served.get(open).await.0, StatusCode::OK, "{open} is for anybody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_refused_also_where_none_is_needed_and_never_told_again() {
    let served = Served::new().await;
    let (key, token) = served.host.keys.add("one", Scopes::all()).unwrap();
    let forged = format!("kls_{}_{}", key.id, "0".repeat(64));
    for wrong in ["", "x", "kls_", "kls_0_0", forged.as_str(), &token[..token.len() - 1]] {
        let response = served.request(Method::GET, "/runs").header("x-api-key", wrong).send().await.unwrap();
        let (status, told) = read(response).await;
        assert_eq!((status, &told["code"]), (StatusCode::UNAUTHORIZED, &json!("key.wrong")), "{wrong}");
        assert!(wrong.len() < 8 || !told.to_string().contains(wrong));
    }
    let kept = std::fs::read_to_string(served.host.config.host.data.join("keys.json")).unwrap();
    let secret = token.rsplit('_').next().unwrap();
    assert!(kept.contains("$argon2id$") && !kept.contains(secret), "only a hash is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_or_under_another_name_reaches_nothing() {
    let served = Served::new().await;
    let to = |host: &'static str, origin: Option<&'static str>| {
        let get = served.request(Method::GET, "/runs").header("host", host);
        origin.into_iter().fold(get, |get, origin| get.header("origin", origin)).send()
    };
    assert_eq!(to("localhost:80", None).await.unwrap().status(), StatusCode::OK);
    assert_eq!(to("127.0.0.1", Some("http://127.0.0.1")).await.unwrap().status(), StatusCode::OK);
    for (host, origin) in
        [("evil.example", None), ("127.0.0.1", Some("http://evil.example")), ("localhost", Some("null"))]
    {
        assert_eq!(to(host, origin).await.unwrap().status(), StatusCode::FORBIDDEN, "{host} {origin:?}");
    }
    let plain = served.request(Method::POST, "/workflows/count/execute").header("content-type", "text/plain");
    let status = plain.body("{}").send().await.unwrap().status();
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "what any page may send is not taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_told_to_wait() {
    let served = Served::with(&["http.rate_per_s=5"]).await;
    let mut refused = 0;
    for _ in 0..20 {
        let response = served.request(Method::GET, "/runs").send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(response.headers()["retry-after"], "1");
            refused += 1;
        }
    }
    assert!((10..=15).contains(&refused), "{refused} of 20 were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_runs_at_a_time_are_refused_with_when_to_try_again() {
    let settings = ["runs.max_running=1", "runs.max_waiting=2"];
    let served = Served::with(&settings).await;
    let runs = [served.begin("hold").await, served.begin("hold").await, served.begin("hold").await];
    assert_eq!(served.get(&format!("/status/{}", runs[2])).await.1["status"], "pending");
    let post = served.request(Method::POST, "/workflows/hold/execute").json(&json!({"mode": "async"}));
    let response = post.send().await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
    );
    assert_eq!(read(response).await.1["code"], "runs.waiting");
    served.world.open(3);
    for run in &runs {
        served.until(run, "completed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_at_a_time_are_refused() {
    let served = Served::with(&["http.max_requests=4"]).await;
    let held: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(served.request(Method::POST, "/workflows/hold/execute").json(&json!({})).send())
        })
        .collect();
    served.world.holding(4).await;
    let told = served.request(Method::GET, "/runs").send().await.unwrap();
    assert_eq!(read(told).await.1["code"], "http.requests");
    for always in ["/health", "/ready"] {
        assert_eq!(served.get(always).await.0, StatusCode::OK, "{always}");
    }
    served.world.open(4);
    for held in held {
        drop(held.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_host_lives_and_is_ready_is_told_however_often_and_whoever_asks_by_its_name() {
    let served = Served::with(&["http.rate_per_s=1", "http.require_key=true"]).await;
    for path in ["/health", "/ready"].repeat(10) {
        let asked = served.request(Method::GET, path).header("x-api-key", "wrong").send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::OK, "{path}");
    }
    let elsewhere =
        served.request(Method::GET, "/health").header("host", "evil.example").send().await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
}
