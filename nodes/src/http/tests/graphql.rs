//! `GraphQL` against servers on this machine.

use kailash_core::{
    ErrorKind, Map, Registry, Result, Retry, Services, Value, node::Effect, testing::NodeTest,
    validate::Nesting, value,
};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{any, body_json, header, header_exists, header_regex, method},
};

use super::served::serving;
use crate::http::{GraphQl, register};

fn node(config: Value) -> NodeTest {
    NodeTest::new::<GraphQl>(config, &Services::default()).unwrap()
}

async fn run(config: Value, given: Value) -> Result<Map> {
    node(config).run(given).await
}

fn json(body: serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn a_query_is_asked_with_its_variables_and_without_a_key() {
    let server = MockServer::start().await;
    let keyed = Mock::given(header_exists("idempotency-key"));
    keyed.respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let query = "query A($id: ID!) { user(id: $id) { name } } query B { x }";
    let asked = serde_json::json!({"query": query, "variables": {"id": 7}, "operationName": "A"});
    let mock = Mock::given(method("POST")).and(body_json(asked)).and(header("x-a", "1"));
    let mock = mock.and(header_regex("accept", "graphql-response"));
    let body = serde_json::json!({"data": {"user": {"name": "Ada"}}, "extensions": {"cost": 1}});
    mock.respond_with(json(body)).mount(&server).await;
    let config = value!({"endpoint": (server.uri()), "query": (query)});
    let given = value!({"variables": {"id": 7}, "operation_name": "A", "headers": {"X-A": 1}});
    let outputs = run(config.clone(), given.clone()).await.unwrap();
    assert_eq!(outputs.get("data"), Some(&value!({"user": {"name": "Ada"}})));
    assert_eq!(outputs.get("extensions"), Some(&value!({"cost": 1})));
    assert_eq!((outputs.get("errors"), outputs.get("success")), (Some(&value!([])), Some(&value!(true))));
    let streamed = node(config).stream(given, vec![]).await.unwrap();
    assert_eq!(streamed.items[0], [value!({"user": {"name": "Ada"}})]);
    assert_eq!(streamed.outputs.get("success"), Some(&value!(true)));
}

#[tokio::test]
async fn a_mutation_carries_a_key_and_is_not_repeated_unless_that_is_harmless() {
    for (idempotent, requests) in [(false, 1), (true, 3)] {
        let server = MockServer::start().await;
        let mock = Mock::given(header_exists("idempotency-key"));
        mock.respond_with(ResponseTemplate::new(503)).mount(&server).await;
        let config = value!({"endpoint": (server.uri()), "retry_count": 2, "retry_backoff_s": 0, "idempotent": (idempotent)});
        let error = run(config, value!({"query": "mutation { pay }"})).await.unwrap_err();
        assert_eq!(error.code(), "http.status");
        assert_eq!(server.received_requests().await.unwrap().len(), requests);
    }
}

#[tokio::test]
async fn a_query_is_repeated_although_it_is_a_post() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(502)).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(json(serde_json::json!({"data": {"a": 1}}))).mount(&server).await;
    let config = value!({"endpoint": (server.uri()), "retry_count": 1, "retry_backoff_s": 0});
    assert_eq!(run(config, value!({"query": "{ a }"})).await.unwrap().get("data"), Some(&value!({"a": 1})));
}

#[tokio::test]
async fn errors_in_an_answer_fail_the_node_with_their_paths() {
    let body = serde_json::json!({
        "data": {"users": [null]},
        "errors": [
            {"message": "no such user", "path": ["users", 0, "name"]}, {"message": "x".repeat(1000)}, {"message": "3"}, {"message": "4"},
            {"message": "5\r\n"}, {"message": "hidden"},
        ],
    });
    for status in [200, 400] {
        let server = serving(ResponseTemplate::new(status).set_body_json(&body)).await;
        let config = value!({"endpoint": (server.uri())});
        let error = run(config.clone(), value!({"query": "{ a }"})).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.retry()),
            (ErrorKind::Node, "graphql.errors", Retry::Never)
        );
        let message = error.message();
        assert!(
            message.contains("users.0.name: no such user; xxx") && message.ends_with("4; 5; and 1 more"),
            "{message}"
        );
        assert!(message.len() < 400);
        assert_eq!(
            node(config).stream(value!({"query": "{ a }"}), vec![]).await.unwrap_err().code(),
            "graphql.errors"
        );
        let config = value!({"endpoint": (server.uri()), "raise_for_errors": false});
        let outputs = run(config, value!({"query": "{ a }"})).await.unwrap();
        assert_eq!(
            (outputs.get("data"), outputs.get("success")),
            (Some(&value!({"users": [null]})), Some(&value!(false)))
        );
        assert_eq!(outputs.get("errors").and_then(Value::as_list).unwrap().len(), 6);
    }
}

#[tokio::test]
async fn codes_of_errors_say_what_can_be_done() {
    for (code, query, kind, again) in [
        ("UNAUTHENTICATED", "{ a }", ErrorKind::Denied, false),
        ("GRAPHQL_VALIDATION_FAILED", "{ a }", ErrorKind::Invalid, false),
        ("THROTTLED", "{ a }", ErrorKind::Limit, true),
        ("THROTTLED", "mutation { a }", ErrorKind::Limit, false),
    ] {
        let body = serde_json::json!({"errors": [{"message": "no", "extensions": {"code": code}}]});
        let server = serving(json(body)).await;
        let error = run(value!({"endpoint": (server.uri())}), value!({"query": (query)})).await.unwrap_err();
        assert_eq!((error.kind(), error.retry() != Retry::Never), (kind, again), "{code}");
    }
}

#[tokio::test]
async fn what_is_no_answer_of_graphql_is_said_to_be_so() {
    for (answer, code) in [
        (ResponseTemplate::new(200).set_body_string("<html>"), "graphql.answer"),
        (json(serde_json::json!({"result": 1})), "graphql.answer"),
        (json(serde_json::json!([1])), "graphql.answer"),
        (ResponseTemplate::new(404).set_body_string("<html>"), "http.status"),
        (ResponseTemplate::new(500).set_body_json(serde_json::json!({"data": null})), "http.status"),
    ] {
        let server = serving(answer).await;
        let endpoint = format!("{}/graphql?key=hunter2", server.uri());
        let error = run(value!({"endpoint": (endpoint)}), value!({"query": "{ a }"})).await.unwrap_err();
        assert_eq!(error.code(), code);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn documents_that_cannot_be_asked_are_never_sent() {
    let server = serving(ResponseTemplate::new(200)).await;
    for (given, code) in [
        (value!({"query": "{ a "}), "graphql.query"),
        (value!({"query": "query A { a } query B { b }"}), "graphql.operation"),
        (value!({"query": "query A { a }", "operation_name": "B"}), "graphql.operation"),
        (value!({"query": "subscription { a }"}), "graphql.subscription"),
    ] {
        assert_eq!(run(value!({"endpoint": (server.uri())}), given).await.unwrap_err().code(), code);
    }
    let config = value!({"endpoint": (server.uri()), "query": "{ a }"});
    let error = run(config, value!({"query": "mutation { a }"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "graphql.mutation"));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn the_query_of_the_config_decides_what_it_does_to_the_world() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let configure = |config: Value| {
        registry.get("GraphQLNode").unwrap().configure(
            config.as_map().unwrap(),
            &registry,
            &Nesting::default(),
        )
    };
    let connection = value!({"connection_path": "users"});
    for (config, effect) in [
        (value!({"endpoint": "http://a"}), Effect::Effectful),
        (value!({"endpoint": "http://a", "query": "{ a }"}), Effect::Idempotent),
        (value!({"endpoint": "http://a", "query": "query A { a } mutation B { b }"}), Effect::Effectful),
        (value!({"endpoint": "http://a", "pagination": (connection)}), Effect::Idempotent),
    ] {
        assert_eq!(configure(config).unwrap().effect, effect);
    }
    assert!(configure(value!({"endpoint": "http://a", "idempotent": true})).unwrap().honours_key);
    let issues = configure(value!({
        "endpoint": "nowhere", "query": "{ a", "timeout": 0,
        "pagination": {"connection_path": "a", "page_size": 0, "max_pages": 0, "max_items": 0},
    }))
    .unwrap_err();
    let places: Vec<&str> = issues.iter().map(|issue| issue.place.as_deref().unwrap()).collect();
    assert_eq!(
        places,
        [
            "config.timeout_s",
            "config.endpoint",
            "config.query",
            "config.pagination.page_size",
            "config.pagination.max_pages",
            "config.pagination.max_items",
        ]
    );
    let config = value!({"endpoint": "http://a", "query": "{ a }", "pagination": {"connection_path": "a"}});
    assert_eq!(configure(config).unwrap_err()[0].code, "graphql.pagination");
    assert!(registry.get("GraphQLClientNode").is_ok());
}

const QUERY: &str = "query($first: Int, $after: String) { shop { orders(first: $first, after: $after) { nodes pageInfo { hasNextPage endCursor } } } }";

/// Orders from 0, page by page.
struct Orders {
    count: usize,
    edges: bool,
}

impl Respond for Orders {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let asked: serde_json::Value = request.body_json().unwrap();
        let first = asked["variables"]["first"].as_u64().unwrap() as usize;
        let from = asked["variables"]["after"].as_str().map_or(0, |mark| mark[1..].parse::<usize>().unwrap());
        let to = self.count.min(from + first);
        let info = serde_json::json!({"hasNextPage": to < self.count, "endCursor": format!("m{to}")});
        let items: Vec<usize> = (from..to).collect();
        let connection = if self.edges {
            let edges: Vec<_> = items.iter().map(|item| serde_json::json!({"node": item})).collect();
            serde_json::json!({"edges": edges, "pageInfo": info})
        } else {
            serde_json::json!({"nodes": items, "pageInfo": info})
        };
        json(serde_json::json!({"data": {"shop": {"orders": connection}}}))
    }
}

fn paged(server: &MockServer, how: Value) -> Value {
    value!({"endpoint": (server.uri()), "query": (QUERY), "pagination": (how)})
}

#[tokio::test]
async fn a_connection_is_read_to_its_end_whole_and_as_a_stream() {
    for edges in [false, true] {
        let server = serving(Orders { count: 7, edges }).await;
        let node = node(paged(&server, value!({"connection_path": "shop.orders", "page_size": 3})));
        let outputs = node.run(value!({"variables": {"x": 1}})).await.unwrap();
        assert_eq!(outputs.get("data"), Some(&value!([0, 1, 2, 3, 4, 5, 6])));
        let info = value!({"pages": 3, "items": 7, "truncated": false, "end_cursor": "m6"});
        assert_eq!(outputs.get("page_info"), Some(&info));
        let streamed = node.stream(value!({}), vec![]).await.unwrap();
        assert_eq!(Value::list(streamed.items[0].clone()), value!([0, 1, 2, 3, 4, 5, 6]));
        assert_eq!(streamed.outputs.get("page_info"), Some(&info));
        let asked: serde_json::Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
        assert_eq!(asked["variables"], serde_json::json!({"x": 1, "first": 3, "after": null}));
    }
}

#[tokio::test]
async fn a_connection_without_end_ends_at_its_limits() {
    let server = serving(Orders { count: usize::MAX / 2, edges: false }).await;
    for (limit, items) in [("max_pages", 20), ("max_items", 2)] {
        let how = Map::from_iter([
            ("connection_path".into(), value!("shop.orders")),
            ("page_size".into(), value!(10)),
            (limit.into(), value!(2)),
        ]);
        let outputs = run(paged(&server, how.into()), value!({})).await.unwrap();
        assert_eq!(outputs.get("data").and_then(Value::as_list).unwrap().len(), items);
        assert_eq!(outputs.get("page_info").unwrap().get("truncated"), Some(&value!(true)));
    }
    let how = value!({"connection_path": "shop.orders", "max_total_bytes": 5000});
    assert_eq!(run(paged(&server, how), value!({})).await.unwrap_err().code(), "http.too_large");
}

#[tokio::test]
async fn connections_that_make_no_sense_are_named() {
    let connection = |connection: serde_json::Value| serde_json::json!({"data": {"c": connection}});
    let again = serde_json::json!({"nodes": [1], "pageInfo": {"hasNextPage": true, "endCursor": "same"}});
    for (body, code) in [
        (serde_json::json!({"data": {"d": 1}}), "graphql.connection"),
        (connection(serde_json::json!(null)), "graphql.connection"),
        (connection(serde_json::json!({"nodes": []})), "graphql.connection"),
        (connection(serde_json::json!({"nodes": [], "pageInfo": {}})), "graphql.connection"),
        (
            connection(
                serde_json::json!({"nodes": [], "pageInfo": {"hasNextPage": true, "endCursor": null}}),
            ),
            "graphql.connection",
        ),
        (connection(again), "http.pages_repeat"),
        (serde_json::json!({"data": {"c": null}, "errors": [{"message": "no"}]}), "graphql.errors"),
    ] {
        let server = serving(json(body)).await;
        let node = node(paged(&server, value!({"connection_path": "c"})));
        assert_eq!(node.run(value!({})).await.unwrap_err().code(), code);
        assert_eq!(node.stream(value!({}), vec![]).await.unwrap_err().code(), code);
    }
    let server = MockServer::start().await;
    let error =
        run(paged(&server, value!({"connection_path": "c"})), value!({"query": "{ c }"})).await.unwrap_err();
    assert_eq!(error.code(), "graphql.pagination");
}
