//! What clients should not send: refused with a typed error, within limits, and the host goes on.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Served, inputs, read};

async fn posted(served: &Served, body: impl Into<reqwest::Body>) -> (StatusCode, serde_json::Value) {
    let post = served.request(Method::POST, "/workflows/count/execute");
    read(post.header("content-type", "application/json").body(body).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_no_json_of_the_right_shape_is_refused_with_its_place() {
    let served = Served::new().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&[u8], &str); 9] = [
        (b"", "http.json"),
        (b"{", "http.json"),
        (b"[]", "http.json"),
        (b"{\"inputs\": 7}", "http.json"),
        (b"{\"mode\": \"never\"}", "http.json"),
        (b"{\"colour\": 1}", "http.json"),
        (b"{\"inputs\": {\"x\": 1, \"x\": 2}}", "http.json"),
        (b"{\"inputs\": {}} trailing", "http.json"),
        (b"\xff\xfe", "http.json"),
    ];
    for (body, code) in cases {
        let (status, told) = posted(&served, body.to_vec()).await;
        assert_eq!(
            (status, told["code"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some(code)),
            "{body:?}"
        );
        assert!(told["place"].is_string() || told["detail"].is_string());
    }
    assert_eq!(posted(&served, deep).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        served.post("/workflows/count/execute", &inputs(1)).await.0,
        StatusCode::OK,
        "the host goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_too_large_is_refused_whether_or_not_it_says_so() {
    let served = Served::with(&["http.max_body_bytes=10000"]).await;
    let (status, told) = posted(&served, vec![b' '; 10_001]).await;
    assert_eq!((status, &told["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("http.body_size")));
    let chunks = (0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000]));
    let endless = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let (status, told) = posted(&served, endless).await;
    assert_eq!((status, &told["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("http.body_size")));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_runs_and_paths_and_methods_are_told_apart() {
    let served = Served::new().await;
    let run = "01a1ff2a-b0ac-7747-ab65-825be754af2a";
    for (path, code) in [
        (format!("/status/{run}"), "run.unknown"),
        (format!("/runs/{run}/history"), "run.unknown"),
        (format!("/runs/{run}/events"), "run.unknown"),
        ("/nowhere".into(), "http.path"),
        ("/workflows/none".into(), "workflow.unknown"),
    ] {
        let (status, told) = served.get(&path).await;
        assert_eq!((status, told["code"].as_str()), (StatusCode::NOT_FOUND, Some(code)), "{path}");
    }
    for path in ["/status/odd", "/runs/1", "/runs/%00"] {
        assert_eq!(served.get(path).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    let (status, told) = served.post("/health", &json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("http.method")));
    for key in ["", &"x".repeat(256), "\u{1F600}"] {
        let post = served.request(Method::POST, "/workflows/count/execute").json(&inputs(1));
        let value = reqwest::header::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let (status, told) = read(post.header("idempotency-key", value).send().await.unwrap()).await;
        assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("submit.key")));
    }
}

/// What the server answers to raw bytes until it closes the connection.
async fn raw(served: &Served, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    // The server may close before it has read everything.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    drop(read.expect("the server closes the connection"));
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_end_and_floods_of_headers_are_cut_off() {
    let served = Served::new().await;
    let many: String = (0..1000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let long = "x".repeat(1 << 20);
    for head in [
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
        format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
    ] {
        let answer = raw(&served, head.as_bytes()).await;
        let first = answer.lines().next().unwrap_or_default();
        assert!(
            answer.is_empty() || first.contains("431") || first.contains("414") || first.contains("400"),
            "{first}"
        );
    }
    assert!(
        raw(&served, b"\x16\x03\x01\x02\x00\x01\x00").await.starts_with("HTTP/1.1 400"),
        "no HTTP at all"
    );
    assert_eq!(served.get("/health").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_slowly_are_given_up_and_keep_nobody_out() {
    let settings = ["http.head_timeout_s=1", "http.body_timeout_s=1", "http.max_connections=20"];
    let served = Served::with(&settings).await;
    let began = Instant::now();
    let head = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx";
    let body = b"POST /workflows/count/execute HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{";
    let slow = (0..40).map(|n| raw(&served, if n % 2 == 0 { head.as_slice() } else { body.as_slice() }));
    let answers = futures_util::future::join_all(slow).await;
    println!("40 slow clients on 20 connections were given up after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(15));
    let late = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 408")).count();
    assert!(late >= 20, "{late} were told that they were late");
    assert_eq!(served.get("/health").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_json_for_others_stays_one() {
    let served = Served::new().await;
    let text = "'; DROP TABLE runs; -- \u{0} \u{202e} <script>alert(1)</script>";
    let (status, told) = served.post("/workflows/count/execute", &inputs(text)).await;
    assert_eq!((status, told["outputs"]["count"]["out"].as_str()), (StatusCode::OK, Some(text)));
}
