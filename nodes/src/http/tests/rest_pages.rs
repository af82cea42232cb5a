//! `RESTClient` against servers on this machine: answers page by page.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use kailash_core::{
    Error, ErrorKind, Map, Result, Services, Value,
    node::Emit,
    testing::{Collected, NodeTest},
    value,
};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{any, header, header_exists, path, query_param, query_param_is_missing},
};

use super::{
    alone::{context, source},
    served::serving,
};
use crate::http::RestClient;

fn node(config: Value) -> NodeTest {
    NodeTest::new::<RestClient>(config, &Services::default()).unwrap()
}

async fn run(config: Value, given: Value) -> Result<Map> {
    node(config).run(given).await
}

/// Runs both forms, which must agree, and gives the items with the metadata.
async fn both(config: Value) -> Result<(Vec<Value>, Value)> {
    let node = node(config);
    let whole = node.run(value!({})).await;
    let streamed = node.stream(value!({}), vec![]).await;
    match (whole, streamed) {
        (Ok(whole), Ok(Collected { mut items, outputs })) => {
            let items = items.remove(0);
            assert_eq!(whole.get("data"), Some(&Value::list(items.clone())));
            let told = |outputs: &Map| {
                let metadata = outputs.get("metadata").unwrap();
                ["pages", "items", "truncated", "url"].map(|name| metadata.get(name).cloned())
            };
            assert_eq!(told(&whole), told(&outputs));
            assert_eq!(outputs.get("success"), Some(&value!(true)));
            Ok((items, whole.get("metadata").cloned().unwrap()))
        }
        (Err(whole), Err(streamed)) => {
            assert_eq!(whole.code(), streamed.code());
            Err(whole)
        }
        (whole, streamed) => panic!("{whole:?} is not {streamed:?}"),
    }
}

fn numbers(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item.as_i64().unwrap()).collect()
}

/// Numbers from 0, page by page, as services with a limit of their own give them.
struct Numbers {
    count: usize,
    most: usize,
}

impl Respond for Numbers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let param = |name: &str| {
            request
                .url
                .query_pairs()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value.parse().unwrap())
        };
        let size = param("limit").or(param("per_page")).unwrap_or(self.most).min(self.most);
        let from = match (param("page"), param("offset")) {
            (Some(page), _) => (page - 1) * size,
            (_, offset) => offset.unwrap_or(0),
        };
        let page: Vec<usize> = (from..self.count.min(from + size)).collect();
        ResponseTemplate::new(200).set_body_json(serde_json::json!({"result": {"rows": page}}))
    }
}

#[tokio::test]
async fn numbered_pages_are_read_to_the_last() {
    // The service gives 4 items at most, whatever it is asked for.
    for (count, pages) in [(0, 1), (3, 2), (8, 3), (10, 3)] {
        let server = serving(Numbers { count, most: 4 }).await;
        for how in [
            value!({"type": "page", "page_size": 100, "items_path": "result.rows"}),
            value!({"type": "offset", "items_path": "result.rows"}),
        ] {
            let (items, metadata) =
                both(value!({"base_url": (server.uri()), "pagination": (how)})).await.unwrap();
            assert_eq!(items.len(), count);
            assert!(items.iter().enumerate().all(|(at, item)| item.as_i64() == Some(at as i64)));
            assert_eq!(metadata.get("pages"), Some(&value!(pages)), "{count}");
            assert_eq!(
                (metadata.get("items"), metadata.get("truncated")),
                (Some(&value!(count)), Some(&value!(false)))
            );
        }
    }
}

#[tokio::test]
async fn a_short_page_is_the_last_one_where_that_is_said() {
    let server = serving(Numbers { count: 5, most: 10 }).await;
    for (size, pages) in [(10, 1), (3, 2), (5, 2)] {
        let how = value!({"type": "page", "page_size": (size), "short_page_ends": true, "items_path": "result.rows"});
        let (items, metadata) =
            both(value!({"base_url": (server.uri()), "pagination": (how)})).await.unwrap();
        assert_eq!((items.len(), metadata.get("pages")), (5, Some(&value!(pages))), "{size}");
    }
}

#[tokio::test]
async fn a_page_behind_the_last_one_may_be_missing() {
    let server = MockServer::start().await;
    Mock::given(query_param("p", "0"))
        .respond_with(ResponseTemplate::new(200).set_body_json([7, 8]))
        .mount(&server)
        .await;
    let config = value!({"base_url": (server.uri()), "pagination": {"type": "page", "page_param": "p", "first_page": 0}});
    let (items, metadata) = both(config).await.unwrap();
    assert_eq!((numbers(&items), metadata.get("pages")), (vec![7, 8], Some(&value!(1))));
}

#[tokio::test]
async fn marks_lead_from_page_to_page() {
    let server = MockServer::start().await;
    let page = |items: [u8; 2], next: serde_json::Value| {
        ResponseTemplate::new(200).set_body_json(serde_json::json!({"data": items, "meta": {"next": next}}))
    };
    let first = Mock::given(query_param_is_missing("after"))
        .and(query_param("limit", "2"))
        .and(query_param("q", "a b"));
    first.respond_with(page([1, 2], "x/y=&".into())).mount(&server).await;
    let second = Mock::given(query_param("after", "x/y=&"))
        .and(query_param("limit", "2"))
        .and(query_param("q", "a b"));
    second.respond_with(page([3, 4], serde_json::Value::Null)).mount(&server).await;
    let config = value!({"base_url": (server.uri()), "query_params": {"q": "a b"}, "pagination": {
        "type": "cursor", "cursor_param": "after", "cursor_path": "meta.next", "items_path": "data", "page_size": 2,
    }});
    let (items, metadata) = both(config).await.unwrap();
    assert_eq!((numbers(&items), metadata.get("pages")), (vec![1, 2, 3, 4], Some(&value!(2))));
}

#[tokio::test]
async fn links_lead_from_page_to_page() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200)
        .set_body_json([1])
        .insert_header("link", r#"</list?page=2>; rel="next", </list>; rel=first"#);
    Mock::given(path("/list"))
        .and(query_param("page", "2"))
        .respond_with(ResponseTemplate::new(200).set_body_json([2]))
        .mount(&server)
        .await;
    Mock::given(path("/list")).respond_with(answer).mount(&server).await;
    let config = value!({"base_url": (server.uri()), "resource": "list", "pagination": {"type": "link"}});
    assert_eq!(numbers(&both(config).await.unwrap().0), [1, 2]);
}

#[tokio::test]
async fn addresses_in_the_content_lead_from_page_to_page() {
    let server = MockServer::start().await;
    let page = |items: [u8; 1], next: &str| {
        ResponseTemplate::new(200).set_body_json(serde_json::json!({"results": items, "next": next}))
    };
    let next = format!("{}/b?x=1", server.uri());
    Mock::given(path("/a")).respond_with(page([1], &next)).mount(&server).await;
    Mock::given(path("/b")).and(query_param("x", "1")).respond_with(page([2], "")).mount(&server).await;
    let how = value!({"type": "link", "next_path": "next", "items_path": "results"});
    let config = value!({"base_url": (server.uri()), "resource": "a", "pagination": (how)});
    assert_eq!(numbers(&both(config).await.unwrap().0), [1, 2]);
}

#[tokio::test]
async fn no_link_and_no_redirect_leads_to_another_origin() {
    let elsewhere = serving(ResponseTemplate::new(200).set_body_json([9])).await;
    let home = MockServer::start().await;
    let link = ResponseTemplate::new(200)
        .set_body_json([1])
        .insert_header("link", format!("<{}/x?token=hunter2>; rel=next", elsewhere.uri()));
    Mock::given(path("/link")).respond_with(link).mount(&home).await;
    let next = serde_json::json!({"items": [1], "next": format!("//{}/x", elsewhere.address())});
    Mock::given(path("/next"))
        .respond_with(ResponseTemplate::new(200).set_body_json(next))
        .mount(&home)
        .await;
    let redirect = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    Mock::given(path("/redirect")).respond_with(redirect).mount(&home).await;
    for (resource, how) in [
        ("link", value!({"type": "link"})),
        ("next", value!({"type": "link", "next_path": "next", "items_path": "items"})),
        ("redirect", value!({"type": "page"})),
        ("redirect", value!(null)),
    ] {
        let config = value!({"base_url": (home.uri()), "resource": (resource), "pagination": (how)});
        let error = both(config).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "http.origin"), "{resource}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_origin_that_is_allowed_gets_no_secret() {
    let elsewhere = MockServer::start().await;
    for name in ["authorization", "cookie"] {
        Mock::given(header_exists(name)).respond_with(ResponseTemplate::new(500)).mount(&elsewhere).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json([2])).mount(&elsewhere).await;
    let home = MockServer::start().await;
    let link = ResponseTemplate::new(200)
        .set_body_json([1])
        .insert_header("link", format!("<{}/x>; rel=next", elsewhere.uri()));
    Mock::given(header("authorization", "Bearer s3cret")).respond_with(link).mount(&home).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let config = value!({
        "base_url": (home.uri()), "auth": {"bearer": (format!("file:{}", file.path().display()))}, "headers": {"Cookie": "a=b"},
        "pagination": {"type": "link", "allowed_origins": [(elsewhere.uri())]},
    });
    assert_eq!(numbers(&both(config).await.unwrap().0), [1, 2]);
}

#[tokio::test]
async fn pages_that_repeat_are_noticed() {
    let server = MockServer::start().await;
    let body = serde_json::json!({"rows": [1, 2], "next": "again"});
    let same = ResponseTemplate::new(200).set_body_json(body).insert_header("link", "</list>; rel=next");
    Mock::given(path("/list")).respond_with(same).mount(&server).await;
    for how in [
        value!({"type": "page", "items_path": "rows"}),
        value!({"type": "offset", "items_path": "rows"}),
        value!({"type": "cursor", "cursor_path": "next", "items_path": "rows"}),
        value!({"type": "link", "items_path": "rows"}),
    ] {
        let config = value!({"base_url": (server.uri()), "resource": "list", "pagination": (how)});
        let error = both(config).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "http.pages_repeat"));
    }
    assert!(server.received_requests().await.unwrap().len() <= 16);
}

#[tokio::test]
async fn pages_without_end_end_at_their_limits_and_say_so() {
    let server = serving(Numbers { count: usize::MAX / 2, most: 10 }).await;
    for (limit, pages, items) in [("max_pages", 3, 30), ("max_items", 1, 3)] {
        let how = Map::from_iter([
            ("type".into(), value!("page")),
            ("items_path".into(), value!("result.rows")),
            (limit.into(), value!(3)),
        ]);
        let (got, metadata) =
            both(value!({"base_url": (server.uri()), "pagination": (Value::from(how))})).await.unwrap();
        assert_eq!(got.len(), items);
        assert_eq!(
            (metadata.get("pages"), metadata.get("truncated")),
            (Some(&value!(pages)), Some(&value!(true)))
        );
    }
    let how = value!({"type": "page", "items_path": "result.rows", "max_total_bytes": 1000});
    let config = value!({"base_url": (server.uri()), "pagination": (how)});
    let error = run(config, value!({})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "http.too_large"));
}

/// Counts requests.
struct Counted(Arc<AtomicUsize>);

impl Respond for Counted {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let page = self.0.fetch_add(1, Ordering::SeqCst);
        ResponseTemplate::new(200).set_body_json([page])
    }
}

#[tokio::test]
async fn a_stream_asks_for_a_page_only_when_it_is_pulled() {
    struct Full;

    #[async_trait]
    impl Emit for Full {
        async fn emit(&mut self, _: usize, _: Vec<Value>) -> Result<()> {
            Err(Error::internal("nobody takes anything"))
        }
    }

    let asked = Arc::new(AtomicUsize::new(0));
    let server = serving(Counted(Arc::clone(&asked))).await;
    let config = value!({"base_url": (server.uri()), "pagination": {"type": "page", "max_pages": 5}});
    assert_eq!(node(config.clone()).stream(value!({}), vec![]).await.unwrap().items[0].len(), 5);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 5);
    let cx = context();
    let mut source = source::<RestClient>(&config, &cx).unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let error = source.pull(&cx, &mut Full).await.unwrap_err();
    assert_eq!((error.message(), asked.load(Ordering::SeqCst)), ("nobody takes anything", 1));
}

#[tokio::test]
async fn what_is_not_a_list_is_named() {
    let server =
        serving(ResponseTemplate::new(200).set_body_json(serde_json::json!({"rows": 1, "none": null}))).await;
    let config = |path: &str| value!({"base_url": (server.uri()), "pagination": {"type": "page", "items_path": (path)}});
    for (path, message) in [("rows", "are int"), ("row", "no `row`"), ("", "are map")] {
        let error = both(config(path)).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message().contains(message)),
            ("http.items", true),
            "{path}: {error}"
        );
    }
    assert!(both(config("none")).await.unwrap().0.is_empty());
}
