//! Events over a WebSocket, to a client of another make than the server.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, handshake::client::Request},
};

use crate::support::{Served, inputs};

type Socket = WebSocketStream<TcpStream>;

fn request(served: &Served, path: &str) -> Request {
    format!("ws://{}{path}", served.address).into_client_request().unwrap()
}

async fn connect(served: &Served, request: Request) -> Result<Socket, Error> {
    let stream = TcpStream::connect(served.address).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn refusal(served: &Served, request: Request) -> u16 {
    match connect(served, request).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("it is refused: {other:?}"),
    }
}

/// The next event; none at the end.
async fn event(socket: &mut Socket) -> Option<Json> {
    let next = tokio::time::timeout(Duration::from_secs(20), socket.next());
    match next.await.expect("something is said")? {
        Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
        Ok(Message::Close(_)) | Err(_) => None,
        Ok(other) => panic!("events are text: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_over_a_websocket_in_order_and_without_values() {
    let served = Served::new().await;
    let mut socket = connect(&served, request(&served, "/ws")).await.unwrap();
    let (_, told) = served.post("/workflows/count/execute", &inputs("a secret")).await;
    let mut types = Vec::new();
    for seq in 0..4 {
        let event = event(&mut socket).await.unwrap();
        assert_eq!((&event["run"], &event["seq"]), (&told["run_id"], &json!(seq)));
        assert!(!event.to_string().contains("a secret"), "{event}");
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(types, ["run.started", "node.started", "node.finished", "run.finished"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_events_of_the_wanted_run_are_told() {
    let served = Served::new().await;
    let run = served.begin("hold").await;
    served.world.holding(1).await;
    let mut socket = connect(&served, request(&served, &format!("/ws?run={run}"))).await.unwrap();
    served.post("/workflows/count/execute", &inputs(1)).await;
    served.world.open(1);
    let first = event(&mut socket).await.unwrap();
    assert_eq!((&first["run"], &first["type"]), (&json!(run), &json!("node.finished")), "{first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_watch_is_refused_before_the_upgrade() {
    let served = Served::with(&["http.require_key=true"]).await;
    assert_eq!(refusal(&served, request(&served, "/ws")).await, 401);

    let served = Served::new().await;
    let mut foreign = request(&served, "/ws");
    foreign.headers_mut().insert("origin", "https://elsewhere.example".parse().unwrap());
    assert_eq!(refusal(&served, foreign).await, 403, "pages of other origins may not watch");
    assert_eq!(refusal(&served, request(&served, "/ws?run=odd")).await, 422);
    assert_eq!(served.get("/ws").await.0.as_u16(), 422, "a request that asks for no upgrade");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_too_much_is_cut_off_and_the_others_go_on() {
    use futures_util::SinkExt;
    let served = Served::new().await;
    let mut loud = connect(&served, request(&served, "/ws")).await.unwrap();
    let mut quiet = connect(&served, request(&served, "/ws")).await.unwrap();
    drop(loud.send(Message::Text("x".repeat(1 << 20).into())).await);
    assert_eq!(event(&mut loud).await, None, "its connection ends");
    served.post("/workflows/count/execute", &inputs(1)).await;
    assert_eq!(event(&mut quiet).await.unwrap()["type"], "run.started");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_ends_when_the_host_stops() {
    let served = Served::new().await;
    let mut socket = connect(&served, request(&served, "/ws")).await.unwrap();
    drop(served.restarted(&[]).await);
    assert_eq!(event(&mut socket).await, None);
}
