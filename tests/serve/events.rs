//! Events as they happen, over server-sent events; a slow listener slows nobody.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::support::{Served, inputs};

async fn until(response: &mut reqwest::Response, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = response.chunk().await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("the stream ended without `{wanted}`: {text}"));
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_all_runs_are_told_to_who_watches() {
    let served = Served::new().await;
    let mut watched = served.request(Method::GET, "/events").send().await.unwrap();
    served.post("/workflows/count/execute", &inputs(1)).await;
    served.post("/workflows/broken/execute", &json!({})).await;
    let text = until(&mut watched, "node.failed").await;
    assert!(text.contains("run.started") && text.contains("node.finished"), "{text}");
    assert!(!text.contains("it is broken\",\"value"), "values are never told");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_one_run_end_with_it() {
    let served = Served::new().await;
    let run = served.begin("hold").await;
    served.world.holding(1).await;
    let watched = served.request(Method::GET, &format!("/runs/{run}/events")).send().await.unwrap();
    served.world.open(1);
    let text = tokio::time::timeout(Duration::from_secs(20), watched.text()).await.unwrap().unwrap();
    assert!(text.contains("run.finished"), "{text}");
    let (_, told) = served.get(&format!("/status/{run}")).await;
    assert_eq!(told["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_does_not_read_slows_nobody_and_is_told_what_it_missed() {
    let served = Served::new().await;
    let mut slow = listening(&served).await;
    // Far more than the buffers of the bus and of both sockets hold: 16,000 events of some 600 bytes.
    let nodes: Vec<_> =
        (0..80).map(|n| json!({"id": format!("{n:0>200}"), "type": "Count", "config": {"x": 1}})).collect();
    let chatty = json!({"workflow": {"format": "1.0", "name": "chatty", "nodes": nodes}});
    for _ in 0..100 {
        let (status, told) = served.post("/execute", &chatty).await;
        assert!(status.is_success(), "{told}");
    }
    let mut text = String::new();
    while !text.contains("event: lagged") {
        let mut bytes = vec![0; 1 << 20];
        let count = slow.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the stream ended, and nothing was said to be missed");
        text = text.split_off(text.len().saturating_sub(100)) + &String::from_utf8_lossy(&bytes[..count]);
    }
}

/// A connection with a small buffer that asked for the events of all runs.
async fn listening(served: &Served) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(served.address).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_ends_when_the_host_stops() {
    let served = Served::new().await;
    let watched = served.request(Method::GET, "/events").send().await.unwrap();
    let ended = tokio::spawn(watched.text());
    drop(served.restarted(&[]).await);
    let ended = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends");
    drop(ended.unwrap());
}
