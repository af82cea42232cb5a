//! `MQTTPublish`: messages to a broker, as a whole or as they flow by.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use kailash_core::{
    Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
        Stage,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    MqttClients,
    config::Common,
    message::{Defaults, Message, qos},
    payload,
    publishing::publish,
    settings::Settings,
    topic,
};
use crate::{
    messaging::{Publisher, Publishing, given},
    seconds::{check_seconds, seconds},
    secret::SecretRef,
};

/// Publishes messages to an MQTT broker (MQTT 5).
///
/// A connection is kept for 10 seconds after its last use and shared by nodes with equal settings. One that is lost is made
/// again. A message of QoS 1 is sent again then, so that it may arrive twice; one of QoS 2 arrives once, or the node fails
/// with `mqtt.in_doubt` if the broker lost its memory. Once it has sent a message of QoS 2 the node is not tried again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttPublish {
    /// The broker: `mqtt://host:port`, or `mqtts://host:port` with TLS. The port is 1883, with TLS 8883, if it is left out.
    broker: String,
    /// The name by which the broker knows the client; one that nobody else has, if it is left out. A broker ends the
    /// connection of a client when another comes with the same name.
    #[serde(default)]
    client_id: Option<String>,
    /// The name to log in with.
    #[serde(default)]
    username: Option<String>,
    /// Where the password is found: `env:NAME` or `file:PATH`.
    #[serde(default)]
    password: Option<SecretRef>,
    /// How sure delivery is: 0 at most once, 1 at least once, 2 exactly once. The node answers when the broker has
    /// confirmed messages of QoS 1 and 2; those of QoS 0 are only sent, and nobody says whether they were refused.
    #[serde(default = "one")]
    qos: u8,
    /// Whether the broker keeps the last message of the topic for those who subscribe later.
    #[serde(default)]
    retain: bool,
    /// Seconds until the broker must have the messages; connecting, again if need be, is part of it. In a stream it is for
    /// each batch.
    #[serde(default = "ten")]
    timeout_s: f64,
    /// Seconds without traffic after which the connection is probed; 0 never does.
    #[serde(default = "keep_alive")]
    keep_alive_s: u16,
    /// The most bytes a payload may have.
    #[serde(default = "mebibyte")]
    max_payload_bytes: usize,
    /// A file in PEM with the certificates of the authority that vouches for the broker. Without it those count that this
    /// machine trusts.
    #[serde(default)]
    ca_file: Option<PathBuf>,
}

fn one() -> u8 {
    1
}

fn ten() -> f64 {
    10.0
}

fn keep_alive() -> u16 {
    30
}

fn mebibyte() -> usize {
    1 << 20
}

const TOPIC: usize = 0;
const PAYLOAD: usize = 1;
const MESSAGES: usize = 2;

impl MqttPublish {
    fn common(&self) -> Common<'_> {
        Common {
            broker: &self.broker,
            client_id: &self.client_id,
            username: &self.username,
            password: &self.password,
            keep_alive_s: self.keep_alive_s,
            ca_file: &self.ca_file,
            qos: self.qos,
        }
    }
}

impl NodeType for MqttPublish {
    fn spec() -> Spec {
        Spec::new("MQTTPublish", "messaging", "Publishes messages to an MQTT broker.")
            .inputs([
                Input::optional("topic", Kind::Text, "The topic of messages that name none themselves; no wildcards."),
                Input::optional(
                    "payload",
                    Kind::Any,
                    "The payload of one message: text or bytes as they are, anything else as JSON.",
                ),
                Input::optional(
                    "messages",
                    Kind::List,
                    "Several messages, in place of `payload`: maps of payload and, where they differ, topic, qos and retain. \
                     Any other item is a payload itself.",
                )
                .streaming(),
            ])
            .outputs([Output::new("published", Kind::Int, "How many messages were published.")])
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        self.common().check(setup);
        check_seconds(setup, "timeout_s", self.timeout_s);
        match setup.config.get("topic").and_then(Value::as_str) {
            Some(topic) => topic::check_name(topic).map_err(|error| error.at("topic")),
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let work = Arc::new(Work {
            clients: cx.services.get::<MqttClients>().cloned().unwrap_or_default(),
            settings: self.common().settings()?,
            defaults: Defaults {
                topic: None,
                qos: qos(Some(self.qos.into()))?,
                retain: self.retain,
                max_payload_bytes: self.max_payload_bytes,
            },
            timeout: seconds(self.timeout_s)?,
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
    clients: MqttClients,
    settings: Settings,
    defaults: Defaults,
    timeout: Duration,
}

impl Work {
    fn defaults(&self, inputs: &Inputs) -> Result<Defaults> {
        let topic = match inputs.get(TOPIC) {
            Some(Value::Str(topic)) => Some(topic.clone()),
            _ => None,
        };
        topic.as_deref().map_or(Ok(()), topic::check_name)?;
        Ok(Defaults { topic, ..self.defaults.clone() })
    }

    async fn run(&self, mut inputs: Inputs, cx: Context) -> Result<Outcome> {
        let defaults = self.defaults(&inputs)?;
        let messages = given::<Self>(&defaults, &mut inputs, (PAYLOAD, "payload"), MESSAGES)?;
        self.publish(&messages, &cx).await?;
        Ok(Outputs::one(messages.len()).into())
    }
}

#[async_trait]
impl Publisher for Work {
    type Defaults = Defaults;
    type Message = Message;
    const CODE: &str = payload::CODE;

    fn plain(defaults: &Defaults, content: Value) -> Result<Message> {
        defaults.plain(&content)
    }

    fn message(defaults: &Defaults, item: &Value) -> Result<Message> {
        defaults.message(item)
    }

    async fn publish(&self, messages: &[Message], cx: &Context) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        let link = self.clients.borrow(&self.settings, cx).await?;
        publish(&link, messages, deadline).await
    }
}
