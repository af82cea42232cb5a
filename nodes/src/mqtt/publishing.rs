//! Publishes messages in order and waits until the broker has them.
//!
//! ```text
//! window of messages ─> link ready ─> all sent ─> answer by answer ─> next window
//!                          ^                          │
//!                          └── QoS 0, 1: sent again ──┴─ session lost: QoS 2 is in doubt
//! ```

use kailash_core::{Error, ErrorKind, Result, Retry};
use rumqttc::{PublishNotice, PublishNoticeError, PublishOptions, PublishResult, QoS};
use tokio::time::{Instant, timeout_at};

use super::{
    error,
    link::{Granted, Link},
    message::Message,
};

/// How many messages are under way at once.
const WINDOW: usize = 256;
/// What a PUBLISH has beside topic and payload, at most.
const HEAD_BYTES: usize = 16;

/// Publishes `messages` over `link`: those of QoS 1 and 2 until the broker has answered, those of QoS 0 until they are
/// sent.
///
/// # Errors
/// What keeps the link from being used; kind `Timeout`, code `mqtt.timeout`, for answers that don't come until
/// `deadline`; what the broker refuses; kind `Unavailable`, code `mqtt.in_doubt`. None of them advises to try again once a
/// message of QoS 2 was sent.
pub(super) async fn publish(link: &Link, messages: &[Message], deadline: Instant) -> Result<()> {
    let mut progress = Progress { all: messages.len(), ..Progress::default() };
    for window in messages.chunks(WINDOW) {
        let mut left: Vec<&Message> = window.iter().collect();
        while !left.is_empty() {
            let again = round(link, &left, deadline, &mut progress).await;
            left = again.map_err(|error| progress.told(error))?;
        }
    }
    Ok(())
}

/// How far the messages of one call are.
#[derive(Default)]
struct Progress {
    all: usize,
    /// Those that the broker has.
    done: usize,
    /// Whether one of QoS 2 was sent: then none may be sent anew.
    once: bool,
}

/// Sends `messages` when the link is ready, and gives those to be sent again.
async fn round<'m>(
    link: &Link,
    messages: &[&'m Message],
    deadline: Instant,
    progress: &mut Progress,
) -> Result<Vec<&'m Message>> {
    let granted = link.ready(deadline).await?;
    messages.iter().try_for_each(|message| check(message, granted))?;
    let mut notices = Vec::with_capacity(messages.len());
    for message in messages {
        progress.once |= message.qos == QoS::ExactlyOnce;
        let options = PublishOptions::new(message.qos).retain(message.retain);
        let sent = link.client.publish_tracked(message.topic.as_str(), message.payload.clone(), options);
        match timeout_at(deadline, sent).await {
            Ok(Ok(notice)) => notices.push((*message, notice)),
            // What was not sent is found missing below, with the reason.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    let all_sent = notices.len() == messages.len();
    let mut again = Vec::new();
    for (message, notice) in notices {
        if answer(link, message, notice, deadline).await? {
            progress.done += 1;
        } else {
            again.push(message);
        }
    }
    if all_sent { Ok(again) } else { Err(link.failure().unwrap_or_else(|| late(link, QoS::AtMostOnce))) }
}

/// Waits for the broker's answer: true if it has the message, false if it is to be sent again.
async fn answer(link: &Link, message: &Message, notice: PublishNotice, deadline: Instant) -> Result<bool> {
    let result = match timeout_at(deadline, notice.wait_async()).await {
        Ok(result) => result,
        Err(_) => return Err(late(link, message.qos).at(message.topic.as_str())),
    };
    let refused = match result {
        Ok(PublishResult::Qos0Flushed) => None,
        Ok(PublishResult::Qos1(ack)) => error::puback(ack.reason),
        Ok(PublishResult::Qos2Completed(ack)) => error::pubcomp(ack.reason),
        Ok(PublishResult::Qos2PubRecRejected(ack)) => error::pubrec(ack.reason),
        Err(PublishNoticeError::SessionReset) if message.qos != QoS::ExactlyOnce => return Ok(false),
        // The link's task is gone, and with it what it would have said.
        Err(PublishNoticeError::Recv) => return Err(link.failed().await),
        Err(error) => Some(error::notice(&error)),
    };
    refused.map_or(Ok(true), |error| Err(error.at(message.topic.as_str())))
}

fn check(message: &Message, granted: Granted) -> Result<()> {
    let bytes = message.payload.len() + message.topic.len() + HEAD_BYTES;
    let error = match granted.max_packet_bytes {
        Some(most) if bytes > most as usize => {
            let text = format!("the broker takes no message of more than {most} bytes");
            Error::new(ErrorKind::Limit, "mqtt.too_large", text).with_retry(Retry::Never)
        }
        _ if message.retain && !granted.retain => {
            Error::invalid("mqtt.retain", "the broker does not keep retained messages")
        }
        _ if message.qos as u8 > granted.max_qos => {
            let text = format!("the broker takes no message of QoS above {}", granted.max_qos);
            Error::invalid("mqtt.qos", text)
        }
        _ => return Ok(()),
    };
    Err(error.at(message.topic.as_str()))
}

/// The time limit passed while an answer was awaited.
fn late(link: &Link, qos: QoS) -> Error {
    let error = Error::new(ErrorKind::Timeout, "mqtt.timeout", "the broker did not answer in time");
    let error = error.at(link.place.clone());
    if qos == QoS::ExactlyOnce {
        return error.with_retry(Retry::Never).with_hint("the message may have been delivered");
    }
    error
}

impl Progress {
    /// The same failure, with how many messages the broker has.
    fn told(&self, error: Error) -> Error {
        let error = if self.once { error.with_retry(Retry::Never) } else { error };
        if self.all == 1 {
            return error;
        }
        let message = format!("{} (the broker has {} of {} messages)", error.message(), self.done, self.all);
        let mut told = Error::new(error.kind(), error.code().to_owned(), message).with_retry(error.retry());
        if let Some(place) = error.place() {
            told = told.at(place);
        }
        if let Some(hint) = error.hint() {
            told = told.with_hint(hint);
        }
        told
    }
}
