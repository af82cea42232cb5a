//! Servers that misbehave.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Retry, Services, Value, testing::NodeTest, value};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::mpsc,
    time::{Instant, interval},
};

use super::raw::{closed, head, serve, write_without_end};
use crate::http::{HttpRequest, RestClient};

async fn failure(address: &str, config: Value) -> Error {
    let node = NodeTest::new::<HttpRequest>(config, &Services::default()).unwrap();
    node.run(value!({"url": (format!("http://{address}/"))})).await.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut_off_at_its_limit() {
    for start in ["transfer-encoding: chunked\r\n\r\n", "\r\n"] {
        let address = serve(move |mut stream: TcpStream| async move {
            head(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{start}").as_bytes()).await.unwrap();
            write_without_end(&mut stream, b"5\r\nhello\r\n").await;
        });
        let error = failure(&address.await, value!({"max_response_bytes": 100_000})).await;
        assert_eq!((error.code(), error.retry()), ("http.too_large", Retry::Never));
    }
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_long_is_not_read() {
    let address = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await.unwrap();
        closed(&mut stream).await;
    });
    assert_eq!(failure(&address.await, value!({})).await.code(), "http.too_large");
}

#[tokio::test]
async fn an_answer_that_trickles_ends_at_the_time_limit() {
    for prefix in ["", "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"] {
        let address = serve(move |mut stream: TcpStream| async move {
            head(&mut stream).await;
            stream.write_all(prefix.as_bytes()).await.unwrap();
            let mut ticks = interval(Duration::from_millis(10));
            while stream.write_all(b"H").await.is_ok() {
                ticks.tick().await;
            }
        });
        let began = Instant::now();
        let error = failure(&address.await, value!({"timeout_s": 0.3})).await;
        // Without a proper head the trickle may also be refused as no HTTP at all.
        assert!(["http.timeout", "http.io"].contains(&error.code()), "{error:?}");
        assert!(prefix.is_empty() || error.code() == "http.timeout", "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_worth_another_attempt_only_if_that_is_harmless() {
    let address = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let error = failure(&address, value!({})).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http.io"));
    assert!(matches!(error.retry(), Retry::After(_)));
    let node = NodeTest::new::<HttpRequest>(value!({"method": "POST"}), &Services::default()).unwrap();
    let error = node.run(value!({"url": (format!("http://{address}/"))})).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("http.io", Retry::Never));
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(10 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(100_000));
    for answer in [long, many] {
        let address = serve(move |mut stream: TcpStream| {
            let answer = answer.clone();
            async move {
                head(&mut stream).await;
                // The client may hang up before the end.
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        let error = failure(&address.await, value!({})).await;
        assert_eq!(error.code(), "http.io", "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let address = serve(|mut stream: TcpStream| async move {
        head(&mut stream).await;
        stream.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
    });
    assert_eq!(failure(&address.await, value!({})).await.code(), "http.io");
}

#[tokio::test]
async fn a_run_that_is_given_up_closes_its_connection() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let address = serve(move |mut stream: TcpStream| {
        let sender = sender.clone();
        async move {
            head(&mut stream).await;
            sender.send("asked").unwrap();
            closed(&mut stream).await;
            sender.send("closed").unwrap();
        }
    })
    .await;
    let config = value!({"base_url": (format!("http://{address}")), "pagination": {"type": "page"}});
    let node = NodeTest::new::<RestClient>(config, &Services::default()).unwrap();
    let run = tokio::spawn(async move { node.stream(value!({}), vec![]).await.map(drop) });
    assert_eq!(events.recv().await, Some("asked"));
    run.abort();
    assert_eq!(events.recv().await, Some("closed"));
}
