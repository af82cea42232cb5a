//! `StreamPublisher`: messages to Kafka, as a whole or as they flow by.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kailash_core::{
    Kind, Map, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
        Stage,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Brokers, KafkaProducers,
    config::{Common, seconds},
    consume::{mebibyte, thirty},
    format,
    producers::Wanted,
    publishing::publish,
    record::{Defaults, Record, headers},
    topic,
};
use crate::{
    messaging::{Publisher, Publishing, given},
    secret::SecretRef,
};

/// How messages are compressed on their way and where they are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// With gzip.
    Gzip,
    /// With Snappy.
    Snappy,
    /// With LZ4.
    Lz4,
    /// With Zstandard.
    Zstd,
}

impl Compression {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Publishes messages to Kafka, and answers when every replica that counts has them.
///
/// The producer is idempotent: what it sends again after a broken connection counts once, and the messages of a partition
/// keep their order. It is kept for 10 seconds after its last use and shared by nodes with equal settings. A node that is
/// tried again sends its messages again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamPublisher {
    /// The brokers to begin with: `host:port`, several with commas between them or as a list.
    #[serde(alias = "bootstrap_servers")]
    brokers: Brokers,
    /// Seconds until the brokers must have confirmed the messages; connecting is part of it. In a stream it is for each
    /// batch.
    #[serde(default = "thirty", alias = "timeout")]
    timeout_s: f64,
    /// The most bytes that key and value of a message may have together.
    #[serde(default = "mebibyte")]
    max_message_bytes: u32,
    /// How messages are compressed.
    #[serde(default)]
    compression: Compression,
    /// The name to log in with, by SASL PLAIN.
    #[serde(default)]
    username: Option<String>,
    /// Where the password is found: `env:NAME` or `file:PATH`. It goes over the wire as it is: this build has no TLS.
    #[serde(default)]
    password: Option<SecretRef>,
}

const TOPIC: usize = 0;
const VALUE: usize = 1;
const KEY: usize = 2;
const HEADERS: usize = 3;
const MESSAGES: usize = 4;

impl StreamPublisher {
    fn common(&self) -> Common<'_> {
        Common {
            brokers: &self.brokers,
            username: &self.username,
            password: &self.password,
            timeout_s: self.timeout_s,
            max_message_bytes: self.max_message_bytes,
        }
    }
}

impl NodeType for StreamPublisher {
    fn spec() -> Spec {
        Spec::new("StreamPublisher", "messaging", "Publishes messages to Kafka.")
            .inputs([
                Input::optional("topic", Kind::Text, "The topic of messages that name none themselves."),
                Input::optional(
                    "value",
                    Kind::Any,
                    "The value of one message: text or bytes as they are, anything else as JSON.",
                ),
                Input::optional(
                    "key",
                    Kind::Any,
                    "The key of messages that have none themselves: messages of one key go to one partition, in order.",
                ),
                Input::optional("headers", Kind::Map, "The headers of messages that have none themselves, by name."),
                Input::optional(
                    "messages",
                    Kind::List,
                    "Several messages, in place of `value`: maps of value (null deletes a key where the topic is compacted) \
                     and, where they differ, topic, key and headers. Any other item is a value itself.",
                )
                .streaming(),
            ])
            .outputs([Output::new("published", Kind::Int, "How many messages were published.")])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        self.common().check(setup);
        match setup.config.get("topic").and_then(Value::as_str) {
            Some(topic) => topic::check(topic).map_err(|error| error.at("topic")),
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let timeout = seconds(self.timeout_s)?;
        let work = Arc::new(Work {
            producers: cx.services.get::<KafkaProducers>().cloned().unwrap_or_default(),
            wanted: Wanted {
                settings: self.common().settings(),
                timeout,
                max_message_bytes: self.max_message_bytes,
                compression: self.compression,
            },
            timeout,
        });
        let stage = Arc::clone(&work);
        let body = Body::future(move |inputs, cx| {
            let work = Arc::clone(&work);
            async move { work.run(inputs, cx).await }
        });
        Ok(body.with_stage(move |inputs: Inputs, _: &Context| {
            let defaults = stage.defaults(&inputs)?;
            Ok(Box::new(Publishing::new(Arc::clone(&stage), defaults)) as Box<dyn Stage>)
        }))
    }
}

/// What a body needs to publish.
struct Work {
    producers: KafkaProducers,
    wanted: Wanted,
    timeout: Duration,
}

impl Work {
    fn defaults(&self, inputs: &Inputs) -> Result<Defaults> {
        let given = |index| inputs.get(index).filter(|value| !value.is_null());
        let topic = match given(TOPIC) {
            Some(Value::Str(topic)) => Some(topic.clone()),
            _ => None,
        };
        topic.as_deref().map_or(Ok(()), topic::check)?;
        Ok(Defaults {
            topic,
            key: given(KEY).map(format::write).transpose()?,
            headers: given(HEADERS).map(headers).transpose()?.unwrap_or_default(),
            max_message_bytes: self.wanted.max_message_bytes as usize,
        })
    }

    async fn run(&self, mut inputs: Inputs, cx: Context) -> Result<Outcome> {
        let defaults = self.defaults(&inputs)?;
        let records = given::<Self>(&defaults, &mut inputs, (VALUE, "value"), MESSAGES)?;
        self.publish(&records, &cx).await?;
        Ok(Outputs::one(records.len()).into())
    }
}

#[async_trait]
impl Publisher for Work {
    type Defaults = Defaults;
    type Message = Record;
    const CODE: &str = format::CODE;

    fn plain(defaults: &Defaults, content: Value) -> Result<Record> {
        let mut message = Map::new();
        message.insert("value", content);
        defaults.record(&message.into())
    }

    fn message(defaults: &Defaults, item: &Value) -> Result<Record> {
        defaults.record(item)
    }

    async fn publish(&self, records: &[Record], cx: &Context) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        let producer = self.producers.borrow(&self.wanted, cx).await?;
        publish(&producer, records, deadline).await
    }
}
