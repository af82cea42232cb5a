//! `RESTClient` against servers on this machine: single answers.

use kailash_core::{
    ErrorKind, Map, Registry, Result, Services, Value, node::Effect, testing::NodeTest, validate::Nesting,
    value,
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, header_exists, method, path, query_param},
};

use super::served::serving;
use crate::http::{RestClient, register};

fn node(config: Value) -> NodeTest {
    NodeTest::new::<RestClient>(config, &Services::default()).unwrap()
}

async fn run(config: Value, given: Value) -> Result<Map> {
    node(config).run(given).await
}

#[tokio::test]
async fn a_resource_is_read_below_the_base() {
    let server = MockServer::start().await;
    let mock = Mock::given(method("GET")).and(path("/v1/users/a%2Fb/posts")).and(query_param("n", "2"));
    let answer = ResponseTemplate::new(200)
        .set_body_json([1, 2])
        .insert_header("x-ratelimit-remaining", "7")
        .insert_header("retry-after", "1");
    let mock = mock.and(header("x-a", "given")).and(header("x-b", "default"));
    mock.respond_with(answer).mount(&server).await;
    let config = value!({
        "base_url": (format!("{}/v1/", server.uri())), "default_headers": {"X-A": "default", "X-B": "default"},
    });
    let given = value!({
        "resource": "users/{id}/posts", "path_params": {"id": "a/b"}, "query_params": {"n": 2}, "headers": {"x-a": "given"},
    });
    let outputs = run(config, given).await.unwrap();
    assert_eq!(outputs.get("data"), Some(&value!([1, 2])));
    assert_eq!(
        (outputs.get("status_code"), outputs.get("success")),
        (Some(&value!(200)), Some(&value!(true)))
    );
    let metadata = outputs.get("metadata").unwrap();
    assert_eq!(metadata.get("rate_limit"), Some(&value!({"x-ratelimit-remaining": "7", "retry-after": "1"})));
    assert_eq!(metadata.get("method"), Some(&value!("GET")));
}

#[tokio::test]
async fn data_is_sent_with_an_idempotency_key() {
    let mock = Mock::given(method("PATCH"))
        .and(body_json(serde_json::json!({"a": 1})))
        .and(header_exists("idempotency-key"));
    let server = MockServer::start().await;
    mock.respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let given = value!({"resource": "x", "method": "patch", "data": {"a": 1}});
    let outputs = run(value!({"base_url": (server.uri())}), given).await.unwrap();
    assert_eq!(outputs.get("status_code"), Some(&value!(204)));
}

#[tokio::test]
async fn another_status_fails_a_stream_and_otherwise_only_if_asked_for() {
    let server = serving(ResponseTemplate::new(404)).await;
    let config = value!({"base_url": (server.uri())});
    assert_eq!(run(config.clone(), value!({})).await.unwrap().get("success"), Some(&value!(false)));
    let error = node(config).stream(value!({}), vec![]).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "http.status"));
    for config in [
        value!({"base_url": (server.uri()), "raise_for_status": true}),
        value!({"base_url": (server.uri()), "pagination": {"type": "page"}}),
    ] {
        assert_eq!(run(config, value!({})).await.unwrap_err().code(), "http.status");
    }
}

#[tokio::test]
async fn without_pages_a_stream_has_the_items_of_the_one_answer() {
    for (body, items) in [
        (serde_json::json!([1, 2]), vec![value!(1), value!(2)]),
        (serde_json::json!({"a": 1}), vec![value!({"a": 1})]),
    ] {
        let server = serving(ResponseTemplate::new(200).set_body_json(body)).await;
        let streamed = node(value!({"base_url": (server.uri())})).stream(value!({}), vec![]).await.unwrap();
        assert_eq!(streamed.items[0], items);
    }
}

#[tokio::test]
async fn paths_that_lead_elsewhere_are_never_sent() {
    let server = serving(ResponseTemplate::new(200)).await;
    let config = value!({"base_url": (format!("{}/v1", server.uri()))});
    for given in [
        value!({"resource": "../admin"}),
        value!({"resource": "//evil.test/x"}),
        value!({"resource": "x?admin=1"}),
        value!({"resource": "u/{id}", "path_params": {"id": ".."}}),
        value!({"resource": "u/{id}"}),
    ] {
        assert_eq!(run(config.clone(), given).await.unwrap_err().code(), "http.path");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
    let given = value!({"resource": "u/{id}", "path_params": {"id": "../../x?y#z"}});
    run(config, given).await.unwrap();
    let sent = &server.received_requests().await.unwrap()[0];
    assert_eq!(sent.url.path(), "/v1/u/..%2F..%2Fx%3Fy%23z");
}

#[test]
fn with_pages_it_only_reads_and_otherwise_may_do_anything() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let configure = |config: Value| {
        registry.get("RESTClientNode").unwrap().configure(
            config.as_map().unwrap(),
            &registry,
            &Nesting::default(),
        )
    };
    let effect = |config| configure(config).unwrap().effect;
    assert_eq!(effect(value!({"base_url": "http://a"})), Effect::Effectful);
    assert_eq!(effect(value!({"base_url": "http://a", "pagination": {"type": "link"}})), Effect::Idempotent);
    let issues = configure(value!({
        "base_url": "ftp://a", "method": "POST", "timeout": (-1), "default_headers": {"Host": "x"},
        "pagination": {"type": "cursor", "page_param": "p", "max_pages": 0, "page_size": 0, "short_page_ends": true},
    }))
    .unwrap_err();
    let places: Vec<&str> = issues.iter().map(|issue| issue.place.as_deref().unwrap()).collect();
    assert_eq!(
        places,
        [
            "config.timeout_s",
            "config.base_url",
            "config.default_headers",
            "config.method",
            "config.pagination.page_param",
            "config.pagination.cursor_path",
            "config.pagination.short_page_ends",
            "config.pagination.page_size",
            "config.pagination.max_pages",
        ]
    );
    let issues = configure(
        value!({"base_url": "http://a", "pagination": {"type": "link", "allowed_origins": ["evil"]}}),
    )
    .unwrap_err();
    assert_eq!(issues[0].place.as_deref(), Some("config.pagination.allowed_origins"));
}

#[tokio::test]
async fn a_post_is_refused_where_pages_are_read() {
    let config = value!({"base_url": "http://127.0.0.1:9", "pagination": {"type": "page"}});
    let error = run(config, value!({"method": "POST"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "http.pagination"));
}
