//! Tokens by client credentials, from a server on this machine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use kailash_core::{ErrorKind, Map, Result, Services, Value, testing::NodeTest, value};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{any, body_string, header, method, path},
};

use crate::http::{HttpRequest, OAuthTokens, RestClient};

/// Gives tokens `t1`, `t2`, and so on.
struct Tokens {
    given: Arc<AtomicUsize>,
    life: f64,
}

impl Respond for Tokens {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let token = format!("t{}", 1 + self.given.fetch_add(1, Ordering::SeqCst));
        let answer =
            serde_json::json!({"access_token": token, "token_type": "Bearer", "expires_in": self.life});
        ResponseTemplate::new(200).set_body_json(answer).set_delay(Duration::from_millis(20))
    }
}

struct Lab {
    server: MockServer,
    given: Arc<AtomicUsize>,
    services: Services,
    secret: tempfile::NamedTempFile,
}

impl Lab {
    async fn new(life: f64) -> Self {
        let server = MockServer::start().await;
        let given = Arc::new(AtomicUsize::new(0));
        // `id` and `p&ss`, form-encoded and joined: id:p%26ss.
        let basic = header("authorization", "Basic aWQ6cCUyNnNz");
        let asked = Mock::given(method("POST")).and(path("/token")).and(basic);
        let asked = asked.and(body_string("grant_type=client_credentials&scope=read%20write"));
        asked.respond_with(Tokens { given: Arc::clone(&given), life }).mount(&server).await;
        let services = Services::builder().with(OAuthTokens::default()).unwrap().build();
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "p&ss\n").unwrap();
        Self { server, given, services, secret }
    }

    fn auth(&self) -> Value {
        value!({"oauth2": {
            "token_url": (format!("{}/token", self.server.uri())), "client_id": "id", "scope": "read write",
            "client_secret": (format!("file:{}", self.secret.path().display())),
        }})
    }

    async fn run(&self, verb: &str) -> Result<Map> {
        let config = value!({"base_url": (self.server.uri()), "auth": (self.auth())});
        let node = NodeTest::new::<RestClient>(config, &self.services)?;
        node.run(value!({"resource": "api", "method": (verb)})).await
    }

    async fn accept(&self, token: &str) {
        let given = header("authorization", format!("Bearer {token}").as_str());
        let mock = Mock::given(path("/api")).and(given);
        mock.respond_with(ResponseTemplate::new(200).set_body_string("in"))
            .with_priority(1)
            .mount(&self.server)
            .await;
    }

    fn fetched(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_nodes_and_runs() {
    let lab = Lab::new(3600.0).await;
    lab.accept("t1").await;
    for outputs in join_all((0..5).map(|_| lab.run("GET"))).await {
        assert_eq!(outputs.unwrap().get("data"), Some(&value!("in")));
    }
    let config = value!({"auth": (lab.auth())});
    let other = NodeTest::new::<HttpRequest>(config, &lab.services).unwrap();
    let outputs = other.run(value!({"url": (format!("{}/api", lab.server.uri()))})).await.unwrap();
    assert_eq!((outputs.get("success"), lab.fetched()), (Some(&value!(true)), 1));
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_also_for_a_post() {
    let lab = Lab::new(3600.0).await;
    lab.accept("t2").await;
    Mock::given(path("/api")).respond_with(ResponseTemplate::new(401)).mount(&lab.server).await;
    assert_eq!(lab.run("POST").await.unwrap().get("status_code"), Some(&value!(200)));
    assert_eq!(lab.fetched(), 2);
    assert_eq!(lab.run("POST").await.unwrap().get("status_code"), Some(&value!(200)));
    assert_eq!(lab.fetched(), 2);
}

#[tokio::test]
async fn a_post_is_not_sent_again_with_a_new_token_when_it_is_refused_behind_a_redirect() {
    for (verb, sent) in [("POST", 1_u64), ("PUT", 2)] {
        let lab = Lab::new(3600.0).await;
        let moved = ResponseTemplate::new(303).insert_header("location", "/result");
        Mock::given(path("/api")).respond_with(moved).expect(sent).mount(&lab.server).await;
        Mock::given(path("/result")).respond_with(ResponseTemplate::new(401)).mount(&lab.server).await;
        assert_eq!(lab.run(verb).await.unwrap().get("status_code"), Some(&value!(401)), "{verb}");
    }
}

#[tokio::test]
async fn a_client_that_is_refused_for_good_is_told_so() {
    let lab = Lab::new(3600.0).await;
    Mock::given(path("/api")).respond_with(ResponseTemplate::new(401)).mount(&lab.server).await;
    assert_eq!(lab.run("GET").await.unwrap().get("status_code"), Some(&value!(401)));
    assert_eq!(lab.fetched(), 2);
}

#[tokio::test]
async fn a_token_without_life_left_is_not_used_again() {
    let lab = Lab::new(0.0).await;
    Mock::given(path("/api")).respond_with(ResponseTemplate::new(200)).mount(&lab.server).await;
    for _ in 0..2 {
        lab.run("GET").await.unwrap();
    }
    assert_eq!(lab.fetched(), 2);
}

#[tokio::test]
async fn a_token_server_that_refuses_shows_its_code_and_no_secret() {
    let lab = Lab::new(1.0).await;
    let cases = [
        (
            ResponseTemplate::new(401).set_body_json(serde_json::json!({"error": "invalid_client"})),
            ErrorKind::Denied,
            "invalid_client",
        ),
        (
            ResponseTemplate::new(400).set_body_json(serde_json::json!({"error": "p&ss is wrong"})),
            ErrorKind::Denied,
            "400",
        ),
        (ResponseTemplate::new(503), ErrorKind::Unavailable, "503"),
        (ResponseTemplate::new(200).set_body_string("p&ss"), ErrorKind::Invalid, "access_token"),
        (
            ResponseTemplate::new(200)
                .set_body_json(serde_json::json!({"access_token": "t", "token_type": "mac"})),
            ErrorKind::Invalid,
            "bearer",
        ),
        (
            ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:9/"),
            ErrorKind::Denied,
            "307",
        ),
        (ResponseTemplate::new(200).set_body_string("x".repeat(100_000)), ErrorKind::Limit, "longer"),
    ];
    for (answer, kind, part) in cases {
        lab.server.reset().await;
        Mock::given(any()).respond_with(answer).mount(&lab.server).await;
        let error = lab.run("GET").await.unwrap_err();
        assert_eq!((error.kind(), error.message().contains(part)), (kind, true), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("p&ss"));
    }
}

#[tokio::test]
async fn all_who_wait_for_a_token_share_the_failure_to_fetch_it() {
    let lab = Lab::new(1.0).await;
    lab.server.reset().await;
    let slow = ResponseTemplate::new(503).set_delay(Duration::from_millis(500));
    Mock::given(any()).respond_with(slow).mount(&lab.server).await;
    let config = value!({"base_url": (lab.server.uri()), "auth": (lab.auth())});
    let node = NodeTest::new::<RestClient>(config, &lab.services).unwrap();
    let given = value!({"resource": "api"});
    assert!(node.run(given.clone()).await.is_err());
    for outcome in join_all((0..5).map(|_| node.run(given.clone()))).await {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http.token"));
    }
    assert_eq!(lab.server.received_requests().await.unwrap().len(), 2, "who came later asked once more");
}

#[tokio::test]
async fn nobody_waits_for_the_token_of_another_beyond_the_own_time_limit() {
    let lab = Lab::new(1.0).await;
    lab.server.reset().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
    Mock::given(any()).respond_with(slow).mount(&lab.server).await;
    let node = |seconds: f64| {
        let config = value!({"base_url": (lab.server.uri()), "auth": (lab.auth()), "timeout_s": (seconds)});
        NodeTest::new::<RestClient>(config, &lab.services).unwrap()
    };
    let (patient, hasty) = (node(60.0), node(0.3));
    let patient = patient.run(value!({"resource": "api"}));
    let hasty = async {
        // The other one has asked by now.
        while lab.server.received_requests().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        hasty.run(value!({"resource": "api"})).await.unwrap_err()
    };
    let error = tokio::select! {
        outcome = patient => panic!("it waits for 20 s: {outcome:?}"),
        error = hasty => error,
    };
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "http.timeout"));
    assert!(error.place().unwrap().ends_with("/token"), "{error:?}");
}

#[tokio::test]
async fn the_credentials_may_stand_in_the_content() {
    let lab = Lab::new(1.0).await;
    lab.server.reset().await;
    let form = "grant_type=client_credentials&audience=api&client_id=id&client_secret=p%26ss";
    let answer = serde_json::json!({"access_token": "t", "token_type": "bearer"});
    Mock::given(body_string(form))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&lab.server)
        .await;
    lab.accept("t").await;
    let auth = value!({"oauth2": {
        "token_url": (format!("{}/token", lab.server.uri())), "client_id": "id", "audience": "api", "credentials_in": "body",
        "client_secret": (format!("file:{}", lab.secret.path().display())),
    }});
    let config = value!({"base_url": (lab.server.uri()), "auth": (auth)});
    let node = NodeTest::new::<RestClient>(config, &lab.services).unwrap();
    assert_eq!(node.run(value!({"resource": "api"})).await.unwrap().get("data"), Some(&value!("in")));
}

#[test]
fn credentials_that_cannot_work_are_refused_early() {
    for auth in [
        value!({"oauth2": {"token_url": "nowhere", "client_id": "id", "client_secret": "env:X"}}),
        value!({"oauth2": {"token_url": "http://a", "client_id": "id", "client_secret": "hunter2"}}),
    ] {
        let error =
            NodeTest::new::<HttpRequest>(value!({"auth": (auth)}), &Services::default()).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert!(!format!("{:?}", OAuthTokens::default()).contains("Bearer"));
}
