//! What a member of a consumer group was asked for.

use std::time::Duration;

use bytes::Bytes;
use kailash_core::{Error, ErrorKind, Map, Result, Retry, Value, exec::Timestamp, node::Context};
use rdkafka::{
    ClientConfig, Message,
    message::{BorrowedMessage, Headers},
};

use super::{
    MessageFormat,
    format::{CODE, text_or_bytes},
    settings::Settings,
};

/// How often the brokers hear that a member is there, at least.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// How long what follows may take for a batch before the member is taken for stuck.
const BETWEEN_PULLS: Duration = Duration::from_secs(300);
/// Kilobytes that the client fetches ahead.
const AHEAD_KB: u32 = 4096;
/// The least that librdkafka takes for the bytes of one answer beyond those of its messages.
const ANSWER_BYTES: u32 = 1 << 20;

/// What is received.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) settings: Settings,
    pub(super) group_id: String,
    pub(super) from_the_first: bool,
    pub(super) format: MessageFormat,
    pub(super) skip_invalid: bool,
    pub(super) max_messages: Option<u64>,
    pub(super) duration: Option<Duration>,
    pub(super) timeout: Duration,
    pub(super) session: Duration,
    pub(super) max_message_bytes: u32,
}

impl Request {
    /// The settings for the consumer of librdkafka.
    ///
    /// # Errors
    /// What reading the secret can fail with.
    pub(super) async fn client_config(&self, cx: &Context) -> Result<ClientConfig> {
        let mut config = self.settings.open(cx).await?;
        let most = self.max_message_bytes;
        config
            .set("group.id", &self.group_id)
            .set("auto.offset.reset", if self.from_the_first { "earliest" } else { "latest" })
            .set("session.timeout.ms", self.session.as_millis().to_string())
            .set("heartbeat.interval.ms", (self.session / 3).min(HEARTBEAT).as_millis().max(1).to_string())
            .set("max.poll.interval.ms", self.session.max(BETWEEN_PULLS).as_millis().to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false")
            .set("queued.max.messages.kbytes", AHEAD_KB.to_string())
            .set("fetch.message.max.bytes", most.to_string())
            .set("fetch.max.bytes", most.max(ANSWER_BYTES).to_string())
            .set("receive.message.max.bytes", (most.max(ANSWER_BYTES) + ANSWER_BYTES).to_string());
        Ok(config)
    }

    /// A message as those who follow see it.
    ///
    /// # Errors
    /// Kind `Limit`, code `kafka.too_large`; kind `Invalid`, code `kafka.value`.
    pub(super) fn describe(&self, message: &BorrowedMessage<'_>) -> Result<Value> {
        let place = || format!("{}[{}] at {}", message.topic(), message.partition(), message.offset());
        let value = match message.payload() {
            None => Value::Null,
            Some(payload) if payload.len() > self.max_message_bytes as usize => {
                let text =
                    format!("a message takes {} bytes, more than {}", payload.len(), self.max_message_bytes);
                let error = Error::new(ErrorKind::Limit, "kafka.too_large", text).with_retry(Retry::Never);
                return Err(error.at(place()).with_hint("raise `max_message_bytes`, or set `skip_invalid`"));
            }
            Some(payload) => {
                let content = Bytes::copy_from_slice(payload);
                self.format.read(content, CODE).map_err(|error| error.at(place()))?
            }
        };
        let headers: Map = message
            .headers()
            .into_iter()
            .flat_map(|headers| headers.iter())
            .map(|header| (header.key.into(), header.value.map_or(Value::Null, text_or_bytes)))
            .collect();
        let mut map = Map::with_capacity(7);
        map.insert("topic", message.topic());
        map.insert("partition", message.partition());
        map.insert("offset", message.offset());
        map.insert("key", message.key().map_or(Value::Null, text_or_bytes));
        map.insert("value", value);
        map.insert("headers", headers);
        let at =
            message.timestamp().to_millis().map(|millis| Timestamp::from_unix_millis(millis).to_string());
        map.insert("timestamp", at.map_or(Value::Null, Value::from));
        Ok(map.into())
    }
}
