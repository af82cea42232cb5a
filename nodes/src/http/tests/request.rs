//! `HTTPRequest` against a server on this machine.

use std::time::Duration;

use kailash_core::{
    ErrorKind, Map, Registry, Result, Retry, Services, Value, node::Effect, testing::NodeTest, value,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_json, body_string, header, header_exists, method, path, query_param},
};

use crate::http::{HttpRequest, register};

async fn run(config: Value, given: Value) -> Result<Map> {
    NodeTest::new::<HttpRequest>(config, &Services::default())?.run(given).await
}

async fn content(config: Value, given: Value) -> Value {
    let outputs = run(config, given).await.unwrap();
    outputs.get("response").and_then(|response| response.get("content")).cloned().unwrap()
}

async fn server(mock: Mock) -> MockServer {
    let server = MockServer::start().await;
    mock.mount(&server).await;
    server
}

#[tokio::test]
async fn a_get_gives_the_answer_with_its_json_read() {
    let mock =
        Mock::given(method("GET")).and(path("/v1")).and(query_param("q", "a b")).and(query_param("n", "1"));
    let server = server(mock.respond_with(ResponseTemplate::new(200).set_body_json([1, 2]))).await;
    let given =
        value!({"url": (format!("{}/v1", server.uri())), "params": {"q": "a b", "n": 1, "none": null}});
    let outputs = run(value!({}), given).await.unwrap();
    let response = outputs.get("response").unwrap();
    assert_eq!(response.get("content"), Some(&value!([1, 2])));
    assert_eq!(response.get("content_type"), Some(&value!("application/json")));
    assert!(response.get("response_time_ms").and_then(Value::as_f64).unwrap() > 0.0);
    assert_eq!(
        (outputs.get("status_code"), outputs.get("success")),
        (Some(&value!(200)), Some(&value!(true)))
    );
}

#[tokio::test]
async fn maps_are_sent_as_json_with_an_idempotency_key() {
    let mock = Mock::given(method("POST"))
        .and(body_json(serde_json::json!({"a": 1})))
        .and(header("content-type", "application/json"))
        .and(header_exists("idempotency-key"));
    let server = server(mock.respond_with(ResponseTemplate::new(201))).await;
    for input in ["body", "json_data"] {
        let given = value!({"url": (server.uri()), "method": "post", input: {"a": 1}});
        assert_eq!(run(value!({}), given).await.unwrap().get("status_code"), Some(&value!(201)), "{input}");
    }
}

#[tokio::test]
async fn text_is_sent_as_it_is_and_headers_win() {
    let mock =
        Mock::given(body_string("a,b")).and(header("content-type", "text/csv")).and(header("x-n", "3"));
    let server = server(mock.respond_with(ResponseTemplate::new(200).set_body_string("ok"))).await;
    let given = value!({
        "url": (server.uri()), "method": "PUT", "body": "a,b", "headers": {"Content-Type": "text/csv", "X-N": 3},
    });
    assert_eq!(content(value!({}), given).await, value!("ok"));
}

#[tokio::test]
async fn another_status_is_no_error_unless_asked_for() {
    let server = server(Mock::given(any()).respond_with(ResponseTemplate::new(404))).await;
    let given = value!({"url": (format!("{}/x?token=hunter2", server.uri()))});
    let outputs = run(value!({}), given.clone()).await.unwrap();
    assert_eq!(outputs.get("success"), Some(&value!(false)));
    let error = run(value!({"raise_for_status": true}), given).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "http.status"));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_status_that_passes_is_tried_again_only_where_that_is_harmless() {
    for (verb, idempotent, expected) in [("GET", false, 200), ("POST", false, 503), ("POST", true, 200)] {
        let server = MockServer::start().await;
        let busy = ResponseTemplate::new(503).insert_header("retry-after", "0");
        Mock::given(any()).respond_with(busy).up_to_n_times(2).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        let config = value!({"retry_count": 2, "idempotent": idempotent});
        let outputs = run(config, value!({"url": (server.uri()), "method": verb})).await.unwrap();
        assert_eq!(outputs.get("status_code"), Some(&value!(expected)), "{verb} {idempotent}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_an_hour_is_not_waited_for() {
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    let server = server(Mock::given(any()).respond_with(busy)).await;
    let given = value!({"url": (server.uri())});
    assert_eq!(
        run(value!({"retry_count": 3}), given.clone()).await.unwrap().get("status_code"),
        Some(&value!(429))
    );
    let error = run(value!({"raise_for_status": true}), given).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Limit, Retry::After(Duration::from_secs(3600))));
}

#[tokio::test]
async fn too_long_an_answer_is_cut_off() {
    let server =
        server(Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("x".repeat(1000))))
            .await;
    let error = run(value!({"max_response_bytes": 999}), value!({"url": (server.uri())})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "http.too_large"));
    assert!(run(value!({"max_response_bytes": 1000}), value!({"url": (server.uri())})).await.is_ok());
}

#[tokio::test]
async fn a_slow_server_times_out() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
    let server = server(Mock::given(any()).respond_with(slow)).await;
    let error = run(value!({"timeout_s": 0.1}), value!({"url": (server.uri())})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "http.timeout"));
    let given = value!({"url": (server.uri()), "method": "POST"});
    let error = run(value!({"timeout_s": 0.1}), given).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Never, "a POST in doubt is not repeated");
}

#[tokio::test]
async fn secrets_stay_within_one_origin() {
    let elsewhere = MockServer::start().await;
    Mock::given(header_exists("x-api-key")).respond_with(ResponseTemplate::new(500)).mount(&elsewhere).await;
    Mock::given(header_exists("cookie")).respond_with(ResponseTemplate::new(500)).mount(&elsewhere).await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_string("far"))
        .mount(&elsewhere)
        .await;
    let home = MockServer::start().await;
    let away = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
    Mock::given(path("/away")).and(header("x-api-key", "s3cret")).respond_with(away).mount(&home).await;
    let near = ResponseTemplate::new(307).insert_header("location", "/here");
    Mock::given(path("/near")).respond_with(near).mount(&home).await;
    let here = Mock::given(path("/here"))
        .and(header("x-api-key", "s3cret"))
        .and(method("POST"))
        .and(body_string("b"));
    here.respond_with(ResponseTemplate::new(200).set_body_string("near")).mount(&home).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let auth = value!({"api_key": {"value": (format!("file:{}", file.path().display()))}});
    let given = value!({"url": (format!("{}/away", home.uri())), "headers": {"Cookie": "a=b"}});
    assert_eq!(content(value!({"auth": (auth.clone())}), given).await, value!("far"));
    let given = value!({"url": (format!("{}/near", home.uri())), "method": "POST", "body": "b"});
    assert_eq!(content(value!({"auth": auth}), given).await, value!("near"));
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let circle = ResponseTemplate::new(302).insert_header("location", "/again");
    let server = server(Mock::given(any()).respond_with(circle)).await;
    let error = run(value!({}), value!({"url": (server.uri())})).await.unwrap_err();
    assert_eq!(error.code(), "http.redirects");
    let outputs = run(value!({"follow_redirects": false}), value!({"url": (server.uri())})).await.unwrap();
    assert_eq!(outputs.get("status_code"), Some(&value!(302)));
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_refused() {
    let away = ResponseTemplate::new(302).insert_header("location", "file:///etc/passwd");
    let server = server(Mock::given(any()).respond_with(away)).await;
    assert_eq!(run(value!({}), value!({"url": (server.uri())})).await.unwrap_err().code(), "http.redirect");
}

#[tokio::test]
async fn a_post_that_was_answered_with_a_redirect_is_not_sent_again_when_its_target_fails() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (verb, idempotent, code, sent) in [
        ("POST", false, "http.in_doubt", 1),
        ("POST", true, "http.connect", 3),
        ("PUT", false, "http.connect", 3),
    ] {
        let away = ResponseTemplate::new(303).insert_header("location", format!("http://{free}/done"));
        let server = server(Mock::given(any()).respond_with(away)).await;
        let config = value!({"retry_count": 2, "retry_backoff_s": 0, "idempotent": idempotent});
        let error = run(config, value!({"url": (server.uri()), "method": verb})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, code), "{verb} {idempotent}");
        assert_eq!(error.retry() == Retry::Never, sent == 1, "{error:?}");
        assert_eq!(error.place(), Some(format!("http://{free}/done").as_str()));
        assert_eq!(server.received_requests().await.unwrap().len(), sent, "{verb} {idempotent}");
    }
}

#[tokio::test]
async fn a_status_says_that_a_post_may_be_repeated_only_where_it_was_not_carried_out() {
    let again = |seconds| Retry::After(Duration::from_secs(seconds));
    for (status, after, post) in [
        (500_u16, false, Retry::Never),
        (502, true, Retry::Never),
        (504, false, Retry::Never),
        (408, true, Retry::Never),
        (503, false, Retry::Never),
        (503, true, again(7)),
        (429, false, again(0)),
    ] {
        let answer = ResponseTemplate::new(status);
        let answer = if after { answer.insert_header("retry-after", "7") } else { answer };
        let server = server(Mock::given(any()).respond_with(answer)).await;
        let get = again(if after { 7 } else { 0 });
        for (verb, idempotent, expected) in [("GET", false, get), ("POST", true, get), ("POST", false, post)]
        {
            let config = value!({"raise_for_status": true, "idempotent": idempotent});
            let error = run(config, value!({"url": (server.uri()), "method": verb})).await.unwrap_err();
            assert_eq!(
                (error.code(), error.retry()),
                ("http.status", expected),
                "{status} {verb} {idempotent}"
            );
            assert_eq!(error.hint().is_some(), expected == Retry::Never, "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_status_behind_a_redirect_does_not_say_that_a_post_was_not_carried_out() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(303).insert_header("location", "/result");
    Mock::given(method("POST")).respond_with(moved).mount(&server).await;
    Mock::given(path("/result")).respond_with(ResponseTemplate::new(429)).mount(&server).await;
    let given = value!({"url": (server.uri()), "method": "POST"});
    let error = run(value!({"raise_for_status": true}), given).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Limit, Retry::Never));
}

#[tokio::test]
async fn nobody_at_home_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = run(value!({}), value!({"url": (format!("http://{free}/a?k=hunter2"))})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http.connect"));
    assert_eq!(error.place(), Some(format!("http://{free}/a").as_str()));
    assert!(!format!("{error:?}").contains("hunter2"));
    let error = run(value!({}), value!({"url": "http://no-such-host.invalid/"})).await.unwrap_err();
    assert_eq!(error.code(), "http.connect");
}

#[tokio::test]
async fn a_server_without_tls_is_said_to_be_so() {
    let server = server(Mock::given(any()).respond_with(ResponseTemplate::new(200))).await;
    let error =
        run(value!({}), value!({"url": (server.uri().replace("http:", "https:"))})).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("http.tls", Retry::Never), "{error}");
}

#[tokio::test]
async fn requests_that_cannot_be_sent_are_invalid() {
    for (given, code) in [
        (value!({"url": "nowhere"}), "http.url"),
        (value!({"url": "ftp://host/"}), "http.url"),
        (value!({"url": "http://127.0.0.1:9/", "method": "BREW"}), "http.method"),
        (value!({"url": "http://127.0.0.1:9/", "headers": {"a b": 1}}), "http.header"),
        (value!({"url": "http://127.0.0.1:9/", "headers": {"a": [1]}}), "http.header"),
        (value!({"url": "http://127.0.0.1:9/", "params": {"a": {}}}), "http.params"),
        (value!({"url": "http://127.0.0.1:9/", "body": 1, "json_data": 2}), "http.body"),
    ] {
        let error = run(value!({}), given).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
    }
}

#[tokio::test]
async fn a_missing_secret_is_named() {
    let config = value!({"auth": {"bearer": "env:KAILASH_TEST_NO_SUCH_VARIABLE"}});
    let error = run(config, value!({"url": "http://127.0.0.1:9/"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "http.secret"));
}

#[test]
fn a_request_is_effectful_and_may_be_repeated_only_if_that_is_said() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let configure = |config: Value| {
        registry.get("HTTPRequestNode").unwrap().configure(
            config.as_map().unwrap(),
            &registry,
            &kailash_core::validate::Nesting::default(),
        )
    };
    for (config, honours_key) in [(value!({"url": "http://a"}), false), (value!({"idempotent": true}), true)]
    {
        let node = configure(config).unwrap();
        assert_eq!((node.effect, node.honours_key), (Effect::Effectful, honours_key));
    }
    let issues =
        configure(value!({"verify_ssl": false, "timeout": 0, "method": "BREW", "auth_type": "bearer"}))
            .unwrap_err();
    let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
    assert_eq!(codes, ["config.seconds", "http.tls", "http.auth", "http.method"]);
    let issues = configure(value!({"url": "file:///etc/passwd"})).unwrap_err();
    assert_eq!((issues[0].code.as_str(), issues[0].place.as_deref()), ("http.url", Some("config.url")));
}

#[test]
fn a_secret_that_may_go_to_any_address_is_warned_of() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let auth = value!({"bearer": "env:TOKEN"});
    for (name, url) in [("HTTPRequest", "http://a"), ("RateLimitedAPI", "http://a"), ("WebSocket", "ws://a")]
    {
        let warnings = |config: Value| -> Vec<String> {
            let nesting = kailash_core::validate::Nesting::default();
            let node = registry.get(name).unwrap().configure(config.as_map().unwrap(), &registry, &nesting);
            node.unwrap().warnings.iter().map(|issue| issue.code.to_string()).collect()
        };
        assert_eq!(warnings(value!({"auth": (auth.clone())})), ["http.auth.unbound"], "{name}");
        assert!(warnings(value!({"auth": (auth.clone()), "url": url})).is_empty(), "{name}");
        assert!(warnings(value!({})).is_empty(), "{name}");
    }
}

#[tokio::test]
async fn times_beyond_what_a_clock_can_add_are_cut_to_a_year() {
    let server = server(Mock::given(any()).respond_with(ResponseTemplate::new(200))).await;
    let config = value!({"timeout_s": 1e19, "retry_backoff_s": 1e19});
    let outputs = run(config, value!({"url": (server.uri())})).await.unwrap();
    assert_eq!(outputs.get("status_code"), Some(&value!(200)));
}

#[tokio::test]
async fn headers_that_follow_from_the_request_are_refused() {
    for name in ["Content-Length", "transfer-encoding", "HOST"] {
        let given = Value::from(Map::from_iter([
            ("url".into(), value!("http://127.0.0.1:9")),
            ("headers".into(), Map::from_iter([(name.into(), value!("5"))]).into()),
        ]));
        assert_eq!(run(value!({}), given).await.unwrap_err().code(), "http.header", "{name}");
    }
}
