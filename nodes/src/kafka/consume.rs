//! `KafkaConsumer`: messages of topics, as a stream or collected.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Setup, Source, Spec,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Brokers, MessageFormat,
    config::{Common, seconds},
    consuming::Consuming,
    request::Request,
    topic,
};
use crate::{seconds::check_seconds, secret::SecretRef};

/// The shortest and the longest time for which librdkafka lets a member be silent.
const SESSION: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(3600));

/// How many messages the whole form collects unless the config says otherwise.
const COLLECTED: u64 = 1000;

/// Where a group begins to read that has read nothing before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StartFrom {
    /// At the first message that the topic still has.
    Earliest,
    /// At what comes from then on.
    #[default]
    Latest,
}

/// Receives messages from Kafka as a member of a consumer group.
///
/// How far the group has read is committed only after the messages have left the node, so that none is lost; after a crash,
/// or when a partition goes to another member, some come again. Over stream connections that is after each batch, else right
/// before the node answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaConsumer {
    /// The brokers to begin with: `host:port`, several with commas between them or as a list.
    #[serde(alias = "bootstrap_servers")]
    brokers: Brokers,
    /// The consumer group: its members share the partitions of the topics.
    group_id: String,
    /// Where a group begins to read that has read nothing before.
    #[serde(default, alias = "auto_offset_reset")]
    start_from: StartFrom,
    /// What the values of messages become. Keys and headers are text where they are UTF-8, else bytes.
    #[serde(default)]
    format: MessageFormat,
    /// Whether a message whose value is not of `format`, or is too long, is left out and counted; otherwise it fails the
    /// node.
    #[serde(default)]
    skip_invalid: bool,
    /// The number of messages after which it ends. A stream without it goes on; the whole form takes 1000.
    #[serde(default)]
    max_messages: Option<u64>,
    /// Seconds after which it ends, from when it joined its group. A stream without it goes on.
    #[serde(default)]
    duration_s: Option<f64>,
    /// Seconds until it must have joined its group. The whole form ends `timeout_s` after it began, with what it has.
    #[serde(default = "thirty", alias = "timeout")]
    timeout_s: f64,
    /// Seconds after which the brokers take a member for gone that they hear nothing of; they allow 6 to 1800.
    #[serde(default = "session")]
    session_timeout_s: f64,
    /// The most bytes that the value of a message may have.
    #[serde(default = "mebibyte")]
    max_message_bytes: u32,
    /// The name to log in with, by SASL PLAIN.
    #[serde(default)]
    username: Option<String>,
    /// Where the password is found: `env:NAME` or `file:PATH`. It goes over the wire as it is: this build has no TLS.
    #[serde(default)]
    password: Option<SecretRef>,
}

pub(super) fn thirty() -> f64 {
    30.0
}

pub(super) fn mebibyte() -> u32 {
    1 << 20
}

fn session() -> f64 {
    45.0
}

const TOPICS: usize = 0;

impl KafkaConsumer {
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

impl NodeType for KafkaConsumer {
    fn spec() -> Spec {
        Spec::new("KafkaConsumer", "messaging", "Receives messages from Kafka as a member of a consumer group.")
            .inputs([Input::required("topics", Kind::Any, "The topics, a list or one text.")])
            .outputs([
                Output::new(
                    "messages",
                    Kind::List,
                    "Maps of topic, partition, offset, key, value, headers (a map) and timestamp (RFC 3339); key and value are \
                     null where there is none.",
                )
                .streaming(),
                Output::new("count", Kind::Int, "How many messages there were."),
                Output::new("skipped", Kind::Int, "How many messages were left out."),
            ])
            // What is committed does not come again.
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        self.common().check(setup);
        if self.group_id.is_empty() || self.group_id.contains('\0') {
            let issue = Issue::error("kafka.group_id", "a group has a name");
            setup.issues.push(issue.at("config.group_id"));
        }
        check_seconds(setup, "session_timeout_s", self.session_timeout_s);
        if let Some(seconds) = self.duration_s {
            check_seconds(setup, "duration_s", seconds);
        }
        if self.max_messages == Some(0) {
            let issue = Issue::error("kafka.max_messages", "max_messages is 0");
            setup.issues.push(issue.at("config.max_messages"));
        }
        match setup.config.get("topics") {
            Some(topics) => topic::several(topics).map(drop).map_err(|error| error.at("topics")),
            None => Ok(()),
        }
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let request = Request {
            settings: self.common().settings(),
            group_id: self.group_id.clone(),
            from_the_first: self.start_from == StartFrom::Earliest,
            format: self.format,
            skip_invalid: self.skip_invalid,
            max_messages: self.max_messages,
            duration: self.duration_s.map(seconds).transpose()?,
            timeout: seconds(self.timeout_s)?,
            session: seconds(self.session_timeout_s)?.clamp(SESSION.0, SESSION.1),
            max_message_bytes: self.max_message_bytes,
        };
        let whole = Request { max_messages: Some(self.max_messages.unwrap_or(COLLECTED)), ..request.clone() };
        let (whole, streamed) = (Arc::new(whole), Arc::new(request));
        let body = Body::future(move |inputs: Inputs, cx: Context| {
            let consuming = topics(&inputs).map(|topics| Consuming::new(Arc::clone(&whole), topics));
            async move { consuming?.collect(&cx).await.map(Outcome::Done) }
        });
        Ok(body.with_source(move |inputs: Inputs, _: &Context| {
            Ok(Box::new(Consuming::new(Arc::clone(&streamed), topics(&inputs)?)) as Box<dyn Source>)
        }))
    }
}

fn topics(inputs: &Inputs) -> Result<Vec<String>> {
    topic::several(inputs.get(TOPICS).unwrap_or(&Value::Null))
}
