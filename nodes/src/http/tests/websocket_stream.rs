//! `WebSocket` against servers on this machine: messages as they arrive.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use kailash_core::{
    ErrorKind, Result, Retry, Services, Value,
    node::{Emit, Pressure, Progress, Source},
    testing::{Collected, NodeTest},
    value,
};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    alone::{context, source},
    raw::{closed, serve},
    talking::{Served, talking},
};
use crate::http::WebSocket;

async fn stream(config: Value) -> Result<Collected> {
    NodeTest::new::<WebSocket>(config, &Services::default())?.stream(value!({}), vec![]).await
}

fn output(collected: &Collected, name: &str) -> i64 {
    collected.outputs.get(name).and_then(Value::as_i64).unwrap()
}

/// Sends `count` numbers.
async fn count_up(socket: &mut Served, count: usize) {
    for n in 0..count {
        socket.feed(Message::text(n.to_string())).await.unwrap();
    }
    socket.flush().await.unwrap();
}

async fn close(mut socket: Served, code: u16) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
    socket.close(Some(frame)).await.ok();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn messages_flow_until_the_server_closes() {
    let (url, _) = talking(|mut socket: Served| async move {
        let begin = socket.next().await.unwrap().unwrap();
        assert_eq!(begin, Message::text("begin"));
        count_up(&mut socket, 5000).await;
        close(socket, 1000).await;
    })
    .await;
    let collected = stream(value!({"url": (url), "message": "begin"})).await.unwrap();
    assert!(collected.items[0].iter().enumerate().all(|(n, item)| item.as_str() == Some(&n.to_string())));
    assert_eq!((collected.items[0].len(), output(&collected, "count")), (5000, 5000));
    assert_eq!(
        (output(&collected, "close_code"), output(&collected, "lost"), output(&collected, "reconnects")),
        (1000, 0, 0)
    );
}

#[tokio::test]
async fn a_stream_ends_at_its_count_or_its_time() {
    let (url, _) = talking(|mut socket: Served| async move {
        count_up(&mut socket, 10).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let collected = stream(value!({"url": (url.as_str()), "max_messages": 7})).await.unwrap();
    assert_eq!(
        (collected.items[0].len(), output(&collected, "count"), output(&collected, "close_code")),
        (7, 7, 1000)
    );
    let began = Instant::now();
    let collected = stream(value!({"url": (url), "duration_s": 0.3})).await.unwrap();
    assert_eq!((collected.items[0].len(), output(&collected, "close_code")), (10, 1000));
    assert!(began.elapsed().as_secs_f64() >= 0.3 && began.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_made_again_and_told_the_same() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (url, _) = talking(move |mut socket: Served| {
        let connection = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("subscribe"));
            socket.send(Message::text(connection.to_string())).await.unwrap();
            match connection {
                // Gone without a word, then a restart, then the end.
                0 => socket.get_ref().set_zero_linger().unwrap(),
                1 => close(socket, 1012).await,
                _ => close(socket, 1000).await,
            }
        }
    })
    .await;
    let reconnect = value!({"delay_ms": 1, "max_attempts": 2});
    let collected =
        stream(value!({"url": (url), "message": "subscribe", "reconnect": (reconnect)})).await.unwrap();
    assert_eq!(collected.items[0], [value!("0"), value!("1"), value!("2")]);
    assert_eq!((output(&collected, "reconnects"), output(&collected, "close_code")), (2, 1000));
}

#[tokio::test]
async fn a_server_that_is_never_there_for_long_is_given_up() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (url, _) = talking(move |socket: Served| {
        counted.fetch_add(1, Ordering::SeqCst);
        close(socket, 1013)
    })
    .await;
    let reconnect = value!({"delay_ms": 1, "max_attempts": 4});
    let error = stream(value!({"url": (url), "reconnect": (reconnect)})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "websocket.closed"));
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_another_connection_cannot_mend_is_not_tried_again() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (url, _) = talking(move |socket: Served| {
        counted.fetch_add(1, Ordering::SeqCst);
        close(socket, 1008)
    })
    .await;
    let reconnect = value!({"delay_ms": 1});
    let collected = stream(value!({"url": (url), "reconnect": (reconnect.clone())})).await.unwrap();
    assert_eq!((output(&collected, "close_code"), connections.load(Ordering::SeqCst)), (1008, 1));
    let server = super::served::serving(wiremock::ResponseTemplate::new(403)).await;
    let url = server.uri().replacen("http", "ws", 1);
    let error = stream(value!({"url": (url), "reconnect": (reconnect)})).await.unwrap_err();
    assert_eq!((error.code(), server.received_requests().await.unwrap().len()), ("http.status", 1));
}

#[tokio::test]
async fn messages_before_a_failure_go_out_before_it() {
    let (url, _) = talking(|mut socket: Served| async move {
        count_up(&mut socket, 3).await;
        socket.send(Message::text("{")).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let cx = context();
    let mut source = source::<WebSocket>(&value!({"url": (url), "message_format": "json"}), &cx).unwrap();
    let mut items = Kept(Vec::new());
    let error = loop {
        match source.pull(&cx, &mut items).await {
            Ok(progress) => assert_eq!(progress, Progress::More),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code(), items.0), ("websocket.json", vec![value!(0), value!(1), value!(2)]));
}

/// Keeps everything.
struct Kept(Vec<Value>);

#[async_trait]
impl Emit for Kept {
    async fn emit(&mut self, _: usize, items: Vec<Value>) -> Result<()> {
        self.0.extend(items);
        Ok(())
    }
}

/// Takes nothing until it is told so.
struct Slow {
    ready: Arc<Notify>,
    is_ready: bool,
    items: Vec<Value>,
}

#[async_trait]
impl Emit for Slow {
    async fn emit(&mut self, _: usize, items: Vec<Value>) -> Result<()> {
        if !self.is_ready {
            self.ready.notified().await;
            self.is_ready = true;
        }
        self.items.extend(items);
        Ok(())
    }
}

async fn to_the_end(source: &mut dyn Source, out: &mut dyn Emit) -> Result<i64> {
    let cx = context();
    while source.pull(&cx, out).await? == Progress::More {}
    let lost = source.finish(&cx).await?.get(3).and_then(Value::as_i64);
    Ok(lost.unwrap())
}

/// Sends `messages`, then a ping; lets the consumer go on once that has its answer.
async fn flooding(messages: Vec<String>, ready: Arc<Notify>) -> String {
    let (url, _) = talking(move |mut socket: Served| {
        let (ready, messages) = (Arc::clone(&ready), messages.clone());
        async move {
            for message in messages {
                socket.feed(Message::text(message)).await.unwrap();
            }
            socket.send(Message::Ping("there?".into())).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_pong() {
                    break;
                }
            }
            ready.notify_one();
            close(socket, 1000).await;
        }
    })
    .await;
    url
}

#[tokio::test]
async fn pings_are_answered_and_the_oldest_messages_lost_while_nobody_takes_any() {
    let ready = Arc::new(Notify::new());
    let numbers = (0..20_000).map(|n| n.to_string()).collect();
    let url = flooding(numbers, Arc::clone(&ready)).await;
    let config = value!({"url": (url), "on_full": "drop_oldest", "buffer_messages": 100});
    let mut source = source::<WebSocket>(&config, &context()).unwrap();
    assert_eq!(source.pressure(), Pressure::Lossy);
    let mut out = Slow { ready, is_ready: false, items: Vec::new() };
    let lost = to_the_end(&mut *source, &mut out).await.unwrap();
    assert_eq!(out.items.len() as i64 + lost, 20_000);
    assert!(lost > 19_000, "{lost}");
    assert_eq!(out.items.last().and_then(Value::as_str), Some("19999"));
}

#[tokio::test]
async fn a_long_message_makes_as_many_short_ones_lost_as_it_needs_room() {
    let ready = Arc::new(Notify::new());
    let sizes = std::iter::repeat_n(1, 200).chain(std::iter::repeat_n(900, 5));
    let url = flooding(sizes.map(|size| "x".repeat(size)).collect(), Arc::clone(&ready)).await;
    let config = value!({"url": (url), "on_full": "drop_oldest", "max_total_bytes": 1000});
    let mut source = source::<WebSocket>(&config, &context()).unwrap();
    let mut out = Slow { ready, is_ready: false, items: Vec::new() };
    let lost = to_the_end(&mut *source, &mut out).await.unwrap();
    assert_eq!(out.items.len() as i64 + lost, 205);
    let sizes: Vec<usize> = out.items.iter().map(|item| item.as_str().unwrap().len()).collect();
    assert_eq!(sizes.last(), Some(&900));
    let total: usize = sizes.iter().sum();
    assert!(total <= 2000, "{total} bytes: more than a batch on its way and a full buffer");
}

#[tokio::test]
async fn a_stream_whose_time_is_over_before_all_is_sent_fails() {
    let (url, _) = talking(|socket: Served| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let message = "x".repeat(32 << 20);
    let error = stream(value!({"url": (url), "message": (message), "duration_s": 0.3})).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("websocket.timeout", Retry::Never), "{error:?}");
}

#[tokio::test]
async fn nothing_is_lost_where_a_full_buffer_waits() {
    let (sender, mut sent) = mpsc::unbounded_channel();
    let (url, _) = talking(move |mut socket: Served| {
        let sender = sender.clone();
        async move {
            count_up(&mut socket, 20_000).await;
            sender.send(()).unwrap();
            close(socket, 1000).await;
        }
    })
    .await;
    let config = value!({"url": (url), "buffer_messages": 10});
    let mut source = source::<WebSocket>(&config, &context()).unwrap();
    assert_eq!(source.pressure(), Pressure::Pausable);
    let ready = Arc::new(Notify::new());
    let mut out = Slow { ready: Arc::clone(&ready), is_ready: false, items: Vec::new() };
    let release = async {
        // Small messages fit into the buffers of the machine, so that the server gets rid of them.
        sent.recv().await;
        ready.notify_one();
    };
    let (lost, ()) = tokio::join!(to_the_end(&mut *source, &mut out), release);
    assert_eq!((lost.unwrap(), out.items.len()), (0, 20_000));
    assert!(out.items.iter().enumerate().all(|(n, item)| item.as_str() == Some(&n.to_string())));
}

#[tokio::test]
async fn a_server_that_answers_no_ping_is_lost() {
    let (url, _) = talking(|socket: Served| async move {
        let mut stream: TcpStream = socket.into_inner();
        closed(&mut stream).await;
    })
    .await;
    let error = stream(value!({"url": (url), "heartbeat_s": 0.1})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "websocket.silent"));
    let (url, _) =
        talking(|mut socket: Served| async move { while let Some(Ok(_)) = socket.next().await {} }).await;
    let collected = stream(value!({"url": (url), "heartbeat_s": 0.05, "duration_s": 0.5})).await.unwrap();
    assert_eq!(output(&collected, "close_code"), 1000);
}

#[tokio::test]
async fn a_stream_that_is_given_up_closes_its_connection() {
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
    let run = tokio::spawn(async move { stream(value!({"url": (url), "reconnect": {}})).await.map(drop) });
    assert_eq!(events.recv().await, Some("open"));
    run.abort();
    assert_eq!(events.recv().await, Some("closed"));
}

#[tokio::test]
async fn nobody_at_home_is_tried_as_often_as_the_policy_says() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let address = serve(move |stream: TcpStream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { drop(stream) }
    })
    .await;
    let reconnect = value!({"delay_ms": 1, "max_attempts": 3});
    let error =
        stream(value!({"url": (format!("ws://{address}/")), "reconnect": (reconnect)})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "http.io"));
    assert!(tries.load(Ordering::SeqCst) >= 3);
}
