//! `MQTTSubscribe`: messages from a broker, as a stream or collected.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kailash_core::{
    Error, Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Setup, Source, Spec,
    },
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    MessageFormat,
    config::Common,
    link::Session,
    message::qos,
    receiving::{Receiving, Request},
    settings::SESSION_EXPIRY,
    topic,
};
use crate::{
    seconds::{check_seconds, seconds},
    secret::SecretRef,
};

/// How many messages the whole form collects unless the config says otherwise.
const COLLECTED: u64 = 1000;

/// Receives messages from an MQTT broker (MQTT 5).
///
/// Messages of QoS 1 and 2 are acknowledged once they have left the node, so that what is lost in a crash comes again where
/// the session is persistent; after a broken connection some may come twice. Over stream connections that is after each
/// batch. The whole form acknowledges right before it answers; one that takes more messages than a broker may leave
/// unacknowledged (`max_messages`, from 256 to 65535, with those left out) acknowledges the earlier ones before. A broker
/// with a lower limit of its own sends the whole form no more than that. Messages of QoS 0 that find no room because what
/// follows is slower than they arrive are dropped and counted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttSubscribe {
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
    /// How sure delivery is at most: 0 at most once, 1 at least once, 2 exactly once over a connection that holds.
    #[serde(default = "one")]
    qos: u8,
    /// What payloads become.
    #[serde(default)]
    format: MessageFormat,
    /// Whether a message whose payload is not of `format` is left out and counted; otherwise it fails the node.
    #[serde(default)]
    skip_invalid: bool,
    /// The number of messages after which it ends. A stream without it goes on; the whole form takes 1000.
    #[serde(default)]
    max_messages: Option<u64>,
    /// Seconds after which it ends, from when the broker granted the subscription. A stream without it goes on.
    #[serde(default)]
    duration_s: Option<f64>,
    /// Seconds until the broker must have granted the subscription. The whole form ends `timeout_s` after it began, with
    /// what it has.
    #[serde(default = "thirty", alias = "timeout")]
    timeout_s: f64,
    /// Whether the broker keeps the subscription, and messages of QoS 1 and 2 for it, while nobody is connected; needs
    /// `client_id`.
    #[serde(default)]
    persistent: bool,
    /// Seconds for which it does.
    #[serde(default = "hour")]
    session_expiry_s: u32,
    /// Seconds without traffic after which the connection is probed; 0 never does.
    #[serde(default = "keep_alive")]
    keep_alive_s: u16,
    /// The most bytes a message may have, with its topic and what else goes over the wire. The broker does not deliver
    /// longer ones.
    #[serde(default = "mebibyte")]
    max_message_bytes: u32,
    /// A file in PEM with the certificates of the authority that vouches for the broker. Without it those count that this
    /// machine trusts.
    #[serde(default)]
    ca_file: Option<PathBuf>,
}

fn one() -> u8 {
    1
}

fn thirty() -> f64 {
    30.0
}

fn hour() -> u32 {
    3600
}

fn keep_alive() -> u16 {
    30
}

fn mebibyte() -> u32 {
    1 << 20
}

const TOPICS: usize = 0;

impl MqttSubscribe {
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

impl NodeType for MqttSubscribe {
    fn spec() -> Spec {
        Spec::new("MQTTSubscribe", "messaging", "Receives messages from an MQTT broker.")
            .inputs([Input::required(
                "topics",
                Kind::Any,
                "Filters of topics, a list or one text: `+` stands for one level, `#` at the end for all below.",
            )])
            .outputs([
                Output::new(
                    "messages",
                    Kind::List,
                    "Maps of topic, payload, qos, retain (whether the broker had kept it) and received_at (RFC 3339).",
                )
                .streaming(),
                Output::new("count", Kind::Int, "How many messages there were."),
                Output::new("dropped", Kind::Int, "How many messages of QoS 0 found no room."),
                Output::new("skipped", Kind::Int, "How many messages were left out because of their payload."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        self.common().check(setup);
        check_seconds(setup, "timeout_s", self.timeout_s);
        if let Some(seconds) = self.duration_s {
            check_seconds(setup, "duration_s", seconds);
        }
        if self.max_messages == Some(0) {
            setup
                .issues
                .push(Issue::error("mqtt.max_messages", "max_messages is 0").at("config.max_messages"));
        }
        if self.max_message_bytes < 128 {
            let issue = Issue::error("mqtt.max_message_bytes", "max_message_bytes is less than 128");
            setup.issues.push(issue.at("config.max_message_bytes"));
        }
        if self.persistent {
            // What is acknowledged does not come again.
            setup.effect = Effect::Effectful;
            if self.client_id.is_none() {
                let issue = Issue::error("mqtt.client_id", "a persistent session needs a `client_id`");
                setup.issues.push(issue.at("config.persistent").hint("the broker finds the session by it"));
            }
        }
        let Some(topics) = setup.config.get("topics") else {
            // They may be shared.
            setup.effect = Effect::Effectful;
            return Ok(());
        };
        if filters(topics).map_err(|error| error.at("topics"))?.iter().any(|filter| topic::is_shared(filter))
        {
            // What one member of the group acknowledged does not come again to any.
            setup.effect = Effect::Effectful;
        }
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let request = Request {
            settings: self.common().settings()?,
            qos: qos(Some(self.qos.into()))?,
            session: Session {
                expiry: if self.persistent {
                    Duration::from_secs(self.session_expiry_s.into())
                } else {
                    SESSION_EXPIRY
                },
                persistent: self.persistent,
            },
            format: self.format,
            skip_invalid: self.skip_invalid,
            max_messages: self.max_messages,
            duration: self.duration_s.map(seconds).transpose()?,
            timeout: seconds(self.timeout_s)?,
            max_message_bytes: self.max_message_bytes,
        };
        let request = Arc::new(request);
        let streamed = Arc::clone(&request);
        let whole =
            Request { max_messages: Some(self.max_messages.unwrap_or(COLLECTED)), ..(*request).clone() };
        let whole = Arc::new(whole);
        let body = Body::future(move |inputs: Inputs, cx: Context| {
            let receiving = of(&inputs).map(|filters| Receiving::new(Arc::clone(&whole), filters));
            async move { receiving?.collect(&cx).await.map(Outcome::Done) }
        });
        Ok(body.with_source(move |inputs: Inputs, _: &Context| {
            Ok(Box::new(Receiving::new(Arc::clone(&streamed), of(&inputs)?)) as Box<dyn Source>)
        }))
    }
}

fn of(inputs: &Inputs) -> Result<Vec<String>> {
    filters(inputs.get(TOPICS).unwrap_or(&Value::Null))
}

/// The filters that `topics` is: a list of texts, or one text.
fn filters(topics: &Value) -> Result<Vec<String>> {
    let several = topics.as_list().unwrap_or(std::slice::from_ref(topics));
    if several.is_empty() {
        return Err(Error::invalid("mqtt.topic", "there is no topic to subscribe to"));
    }
    let filters = several.iter().map(|filter| match filter {
        Value::Str(filter) => topic::check_filter(filter).map(|()| filter.as_str().to_owned()),
        other => {
            Err(Error::invalid("mqtt.topic", format!("a filter of topics is text, not {}", other.kind())))
        }
    });
    filters.collect()
}
