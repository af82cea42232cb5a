//! One exchange: connect, send, receive as many messages as are wanted, close.

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Result, Retry, Value,
    node::{Context, Outputs},
};
use tokio::time::{Instant, timeout_at};

use super::{
    connect::Given,
    frame,
    node::Peer,
    session::{Event, Session},
};

/// How many messages are received where the config does not say.
const ONE: u64 = 1;

/// Exchanges messages once.
pub(super) async fn run(peer: &Peer, given: Given, cx: &Context) -> Result<Outputs> {
    let place = given.place();
    exchange(peer, given, cx).await.map_err(|error| error.at(place))
}

async fn exchange(peer: &Peer, mut given: Given, cx: &Context) -> Result<Outputs> {
    let began = Instant::now();
    let socket = peer.connecting.connect(&given, cx).await?;
    let messages = std::mem::take(&mut given.messages);
    let sends = !messages.is_empty();
    let mut session = Session::new(socket, messages, peer.format, peer.heartbeat);
    let until = match peer.duration {
        Some(duration) => Instant::now() + duration,
        None => began + peer.connecting.timeout,
    };
    let most = peer.max_messages.unwrap_or(ONE);
    let mut received = Vec::new();
    let mut bytes = 0_usize;
    let mut all_sent = false;
    let close_code = loop {
        if all_sent && received.len() as u64 >= most {
            break session.close().await;
        }
        match timeout_at(until, session.next()).await {
            Ok(event) => match event? {
                Event::Message(..) if received.len() as u64 >= most => {}
                Event::Message(value, size) => {
                    bytes = bytes.saturating_add(size);
                    if bytes > peer.max_total_bytes {
                        return Err(too_large(peer.max_total_bytes));
                    }
                    received.push(value);
                }
                Event::Sent => all_sent = true,
                Event::Closed(code) => {
                    session.closed().await;
                    if !all_sent {
                        return Err(frame::closed_early(code));
                    }
                    break Some(code);
                }
            },
            Err(_) => match peer.duration {
                Some(duration) if sends && !all_sent => return Err(frame::unsent(duration)),
                Some(_) => break session.close().await,
                None => return Err(late(peer.connecting.timeout, received.len(), sends)),
            },
        }
    };
    let count = received.len();
    let outputs = [Value::list(received), count.into(), close_code.into(), 0.into(), 0.into()];
    Ok(outputs.into_iter().map(Some).collect())
}

fn too_large(most: usize) -> Error {
    let message = format!("all messages together are longer than {most} bytes");
    Error::new(ErrorKind::Limit, "websocket.too_large", message)
        .with_retry(Retry::Never)
        .with_hint("connect `messages` as a stream, or raise `max_total_bytes`")
}

fn late(limit: Duration, received: usize, sends: bool) -> Error {
    let message = format!("{received} messages within {limit:?}, fewer than wanted");
    let retry = if sends { Retry::Never } else { Retry::After(Duration::ZERO) };
    Error::new(ErrorKind::Timeout, "websocket.timeout", message)
        .with_retry(retry)
        .with_hint("`duration_s` takes what arrives in a time; `max_messages` says how many are wanted")
}
