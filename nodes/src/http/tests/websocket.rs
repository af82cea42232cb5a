//! `WebSocket` against servers on this machine: one exchange.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kailash_core::{
    ErrorKind, Map, Registry, Result, Retry, Services, Value, node::Effect, testing::NodeTest,
    validate::Nesting, value,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::mpsc};
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::derive_accept_key,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use wiremock::ResponseTemplate;

use super::{
    raw::{closed, head, serve, write_without_end},
    served::serving,
    talking::{Served, talking},
};
use crate::http::{WebSocket, register};

async fn run(config: Value, given: Value) -> Result<Map> {
    NodeTest::new::<WebSocket>(config, &Services::default())?.run(given).await
}

async fn echo(mut socket: Served) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.ok();
        }
    }
}

/// Sends a message of each kind and closes with `code`.
async fn tell(mut socket: Served, code: u16) {
    for message in [
        Message::text("a"),
        Message::binary(vec![1_u8, 2]),
        Message::Ping("p".into()),
        Message::text("{\"b\": 1}"),
    ] {
        socket.send(message).await.unwrap();
    }
    let frame = CloseFrame { code: CloseCode::from(code), reason: "that is all".into() };
    socket.close(Some(frame)).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

/// A server that shakes hands properly and then writes these bytes.
async fn writing(bytes: Vec<u8>, without_end: bool) -> String {
    let address = serve(move |mut stream: TcpStream| {
        let bytes = bytes.clone();
        async move {
            let head = head(&mut stream).await;
            let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&bytes).await.ok();
            if without_end {
                write_without_end(&mut stream, &[b'x'; 4096]).await;
            }
        }
    });
    format!("ws://{}/", address.await)
}

#[tokio::test]
async fn a_message_is_sent_and_its_answer_received() {
    let (url, _) = talking(echo).await;
    for (message, back) in [
        (value!("hi é"), value!("hi é")),
        (Value::bytes(vec![0_u8, 255]), Value::bytes(vec![0_u8, 255])),
        (value!({"a": [1]}), value!("{\"a\":[1]}")),
        (value!(7), value!("7")),
    ] {
        let outputs = run(value!({}), value!({"url": (url.as_str()), "message": (message)})).await.unwrap();
        assert_eq!(outputs.get("messages"), Some(&Value::list(vec![back])));
        assert_eq!(
            (outputs.get("count"), outputs.get("close_code")),
            (Some(&value!(1)), Some(&value!(1000)))
        );
    }
    let config = value!({"max_messages": 3, "message_format": "json"});
    let given = value!({"url": (url), "messages": [{"n": 1}, {"n": 2}, "[3]"]});
    let outputs = run(config, given).await.unwrap();
    assert_eq!(outputs.get("messages"), Some(&value!([{"n": 1}, {"n": 2}, [3]])));
}

#[tokio::test]
async fn messages_are_received_until_the_server_closes() {
    let (url, _) = talking(|socket| tell(socket, 4001)).await;
    let outputs = run(value!({"max_messages": 9}), value!({"url": (url)})).await.unwrap();
    let expected = vec![value!("a"), Value::bytes(vec![1_u8, 2]), value!("{\"b\": 1}")];
    assert_eq!(outputs.get("messages"), Some(&Value::list(expected)));
    assert_eq!((outputs.get("count"), outputs.get("close_code")), (Some(&value!(3)), Some(&value!(4001))));
}

#[tokio::test]
async fn sending_alone_waits_for_no_answer() {
    let (sender, mut got) = mpsc::unbounded_channel();
    let (url, _) = talking(move |mut socket: Served| {
        let sender = sender.clone();
        async move {
            while let Some(Ok(message)) = socket.next().await {
                sender.send(message).unwrap();
            }
        }
    })
    .await;
    let outputs =
        run(value!({"max_messages": 0}), value!({"url": (url), "messages": ["a", "b"]})).await.unwrap();
    assert_eq!((outputs.get("count"), outputs.get("close_code")), (Some(&value!(0)), Some(&value!(1000))));
    assert_eq!(got.recv().await.unwrap(), Message::text("a"));
    assert_eq!(got.recv().await.unwrap(), Message::text("b"));
    assert!(got.recv().await.unwrap().is_close());
}

#[tokio::test]
async fn an_exchange_whose_time_is_over_before_all_is_sent_fails_and_is_not_repeated() {
    let (url, _) = talking(|socket: Served| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let given = value!({"url": (url), "message": ("x".repeat(32 << 20))});
    let error = run(value!({"duration_s": 0.3}), given).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "websocket.timeout"));
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn times_beyond_what_a_clock_can_add_are_cut_to_a_year() {
    let (url, _) = talking(echo).await;
    let config = value!({"timeout_s": 1e19, "duration_s": 1e19, "heartbeat_s": 1e19});
    let outputs = run(config, value!({"url": (url), "message": "a"})).await.unwrap();
    assert_eq!(outputs.get("messages"), Some(&value!(["a"])));
}

#[tokio::test]
async fn large_messages_both_ways_do_not_block_each_other() {
    let (url, _) = talking(|mut socket: Served| async move {
        let large = "y".repeat(8 << 20);
        socket.send(Message::text(large)).await.unwrap();
        let got = socket.next().await.unwrap().unwrap();
        socket.send(Message::text(got.len().to_string())).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let config = value!({"max_messages": 2, "max_message_bytes": (16 << 20)});
    let given = value!({"url": (url), "message": ("x".repeat(8 << 20))});
    let outputs = run(config, given).await.unwrap();
    assert_eq!(outputs.get("messages").and_then(Value::as_list).unwrap()[1], value!((8 << 20).to_string()));
}

#[tokio::test]
async fn the_handshake_carries_headers_secrets_and_subprotocols() {
    let (url, seen) = talking(echo).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let config = value!({"auth": {"bearer": (format!("file:{}", file.path().display()))}, "subprotocols": ["v2", "v1"]});
    let given = value!({"url": (url), "message": "a", "headers": {"Origin": "https://a.test"}});
    run(config, given).await.unwrap();
    let seen = seen.lock().unwrap();
    let text = |name: &str| seen[0].get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!((text("authorization"), text("origin")), ("Bearer s3cret".into(), "https://a.test".into()));
    assert_eq!(
        (text("sec-websocket-protocol"), text("sec-websocket-version")),
        ("v2, v1".into(), "13".into())
    );
}

#[tokio::test]
async fn what_is_no_websocket_server_is_said_to_be_so() {
    let accept =
        |more: &str| format!("HTTP/1.1 101 x\r\nupgrade: websocket\r\nconnection: upgrade\r\n{more}\r\n\r\n");
    for (answer, message) in [
        (accept("sec-websocket-accept: AAAA"), "another request"),
        ("HTTP/1.1 101 x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n".to_owned(), "another protocol"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(), "web server"),
    ] {
        let address = serve(move |mut stream: TcpStream| {
            let answer = answer.clone();
            async move {
                head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
                closed(&mut stream).await;
            }
        });
        let error = run(value!({}), value!({"url": (format!("ws://{}/?k=hunter2", address.await))}))
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "websocket.handshake"));
        assert!(error.message().contains(message) && !format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(error.place().unwrap().starts_with("ws://127.0.0.1"));
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_not_asked_again_nor_followed() {
    for (status, kind) in [
        (401, ErrorKind::Denied),
        (404, ErrorKind::Missing),
        (302, ErrorKind::Invalid),
        (503, ErrorKind::Unavailable),
    ] {
        let server =
            serving(ResponseTemplate::new(status).insert_header("location", "http://127.0.0.1:9/")).await;
        let url = server.uri().replacen("http", "ws", 1);
        let error = run(value!({}), value!({"url": (url)})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, "http.status"));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn connections_that_cannot_be_made_are_told_apart() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = run(value!({}), value!({"url": (format!("ws://{free}/"))})).await.unwrap_err();
    assert_eq!((error.code(), error.retry() == Retry::Never), ("http.connect", false));
    let (url, _) = talking(echo).await;
    let error = run(value!({}), value!({"url": (url.replacen("ws", "wss", 1))})).await.unwrap_err();
    assert_eq!(error.code(), "http.tls");
    let mute = serve(|mut stream: TcpStream| async move { closed(&mut stream).await });
    let error = run(value!({"timeout_s": 0.2}), value!({"url": (format!("ws://{}/", mute.await))}))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "http.timeout"));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_only_so_long() {
    let (url, _) =
        talking(|mut socket: Served| async move { while let Some(Ok(_)) = socket.next().await {} }).await;
    let given = value!({"url": (url.as_str()), "message": "a"});
    let error = run(value!({"timeout_s": 0.2}), given.clone()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.retry()),
        (ErrorKind::Timeout, "websocket.timeout", Retry::Never)
    );
    let error = run(value!({"timeout_s": 0.2}), value!({"url": (url)})).await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(Duration::ZERO), "nothing was sent");
    let outputs = run(value!({"duration_s": 0.2}), given).await.unwrap();
    assert_eq!((outputs.get("count"), outputs.get("close_code")), (Some(&value!(0)), Some(&value!(1000))));
}

#[tokio::test]
async fn messages_and_frames_that_are_too_long_are_cut_off() {
    let huge = [&[0x82, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    // Fragments without an end, each of them short.
    let fragment = [&[0x01, 126][..], &4000_u16.to_be_bytes(), &[b'x'; 4000]].concat();
    let more = [&[0x00, 126][..], &4000_u16.to_be_bytes(), &[b'x'; 4000]].concat();
    for bytes in [huge, [fragment, more.repeat(100)].concat()] {
        let url = writing(bytes, true).await;
        let error = run(value!({"max_message_bytes": 100_000}), value!({"url": (url)})).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.code(), error.retry()),
            (ErrorKind::Limit, "websocket.too_large", Retry::Never)
        );
    }
    let (url, _) = talking(|mut socket: Served| async move {
        while socket.send(Message::text("x".repeat(1000))).await.is_ok() {}
    })
    .await;
    let config = value!({"max_messages": 1_000_000, "max_total_bytes": 100_000});
    assert_eq!(run(config, value!({"url": (url)})).await.unwrap_err().code(), "websocket.too_large");
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_or_the_connection_is_an_error() {
    for (bytes, code) in [
        // Reserved bits, text that is no UTF-8, a ping that is too long, nothing at all.
        (vec![0xf1, 0], "websocket.protocol"),
        (vec![0x81, 1, 0xff], "websocket.protocol"),
        ([&[0x89, 126, 0, 200][..], &[0; 200]].concat(), "websocket.protocol"),
        (vec![], "websocket.io"),
    ] {
        let error = run(value!({}), value!({"url": (writing(bytes, false).await)})).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
    }
    let config = value!({"message_format": "json"});
    let (url, _) = talking(|socket| tell(socket, 1000)).await;
    let error = run(config, value!({"url": (url)})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "websocket.json"));
}

#[tokio::test]
async fn messages_that_the_server_did_not_want_are_not_counted_as_sent() {
    let (url, _) = talking(|mut socket: Served| async move {
        let frame = CloseFrame { code: CloseCode::Policy, reason: "no".into() };
        socket.close(Some(frame)).await.unwrap();
    })
    .await;
    let large = "x".repeat(32 << 20);
    for max_messages in [0, 1] {
        let config = value!({"max_messages": (max_messages)});
        let error =
            run(config, value!({"url": (url.as_str()), "message": (large.as_str())})).await.unwrap_err();
        // Whether the closing or the broken connection is seen first is up to the machine.
        assert!(["websocket.closed", "websocket.io"].contains(&error.code()), "{error:?}");
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unavailable, Retry::Never));
    }
}

#[tokio::test]
async fn a_run_that_is_given_up_closes_its_connection() {
    let (sender, mut events) = mpsc::unbounded_channel();
    let (url, _) = talking(move |mut socket: Served| {
        let sender = sender.clone();
        async move {
            sender.send("open").unwrap();
            while let Some(Ok(_)) = socket.next().await {}
            sender.send("closed").unwrap();
        }
    })
    .await;
    let run = tokio::spawn(async move { run(value!({}), value!({"url": (url)})).await });
    assert_eq!(events.recv().await, Some("open"));
    run.abort();
    assert_eq!(events.recv().await, Some("closed"));
}

#[tokio::test]
async fn requests_that_cannot_be_made_are_invalid() {
    for (given, code) in [
        (value!({"url": "nowhere"}), "http.url"),
        (value!({"url": "http://127.0.0.1:9/"}), "http.url"),
        (value!({"url": "ws://127.0.0.1:9/", "message": 1, "messages": [2]}), "websocket.message"),
        (value!({"url": "ws://127.0.0.1:9/", "headers": {"Sec-WebSocket-Key": "x"}}), "http.header"),
        (value!({"url": "ws://127.0.0.1:9/", "headers": {"Upgrade": "x"}}), "http.header"),
    ] {
        let error = run(value!({}), given).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
    }
}

#[test]
fn sending_is_effectful_and_listening_alone_is_not() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    let configure = |config: Value| {
        registry.get("WebSocketNode").unwrap().configure(
            config.as_map().unwrap(),
            &registry,
            &Nesting::default(),
        )
    };
    assert_eq!(configure(value!({"url": "ws://a"})).unwrap().effect, Effect::Effectful);
    let listens = configure(value!({"url": "ws://a", "listen_only": true})).unwrap();
    assert_eq!((listens.effect, listens.ports.input("message")), (Effect::Idempotent, None));
    let issues = configure(value!({
        "url": "http://a", "timeout": 0, "heartbeat_s": (-1), "duration_s": 0, "subprotocols": ["a b"], "max_message_bytes": 0,
        "max_total_bytes": 0, "buffer_messages": 0, "reconnect": {"max_attempts": 0}, "listen_only": true, "message": "x",
        "auth": {"api_key": {"header": "a b", "value": "env:X"}},
    }))
    .unwrap_err();
    let places: Vec<&str> = issues.iter().map(|issue| issue.place.as_deref().unwrap()).collect();
    assert_eq!(
        places,
        [
            "config.timeout_s",
            "config.heartbeat_s",
            "config.duration_s",
            "config.auth",
            "config.subprotocols",
            "config.max_message_bytes",
            "config.max_total_bytes",
            "config.buffer_messages",
            "config.reconnect",
            "config.url",
            "config.message",
        ]
    );
}
