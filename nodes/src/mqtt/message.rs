//! Messages to be published, as inputs of a node or items of a stream give them.

use bytes::Bytes;
use kailash_core::{Error, ErrorKind, Result, Retry, Text, Value};
use rumqttc::QoS;

use super::{payload, topic};

/// The keys of a map that is a message, as `MQTTSubscribe` gives them and `MQTTPublish` takes them.
const KEYS: [&str; 5] = ["topic", "payload", "qos", "retain", "received_at"];

/// A message to be published.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) topic: Text,
    pub(super) payload: Bytes,
    pub(super) qos: QoS,
    pub(super) retain: bool,
}

/// What messages have that don't say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) topic: Option<Text>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) max_payload_bytes: usize,
}

impl Defaults {
    /// The message that `value` is: a map with nothing but `topic`, `payload`, `qos`, `retain` (and `received_at`, which
    /// is left out), of which `payload` must be there; anything else is a payload itself.
    ///
    /// # Errors
    /// Kind `Invalid`: codes `mqtt.topic`, `mqtt.payload`, `mqtt.qos`, `mqtt.retain`; kind `Limit`, code `mqtt.too_large`.
    pub(super) fn message(&self, value: &Value) -> Result<Message> {
        let map = value
            .as_map()
            .filter(|map| map.contains_key("payload") && map.keys().all(|key| KEYS.contains(&key.as_str())));
        let Some(map) = map else { return self.plain(value) };
        let given = |key: &str| map.get(key).filter(|value| !value.is_null());
        let topic = match given("topic") {
            Some(Value::Str(topic)) => Some(topic.clone()),
            Some(_) => return Err(Error::invalid("mqtt.topic", "the topic of a message is text")),
            None => self.topic.clone(),
        };
        let qos = match given("qos") {
            Some(number) => qos(number.as_u64())?,
            None => self.qos,
        };
        let retain = match given("retain") {
            Some(Value::Bool(retain)) => *retain,
            Some(_) => return Err(Error::invalid("mqtt.retain", "`retain` of a message is true or false")),
            None => self.retain,
        };
        let payload = map.get("payload").unwrap_or(&Value::Null);
        Self { topic, qos, retain, ..self.clone() }.plain(payload)
    }

    /// The message with `payload`.
    ///
    /// # Errors
    /// As [`Defaults::message`].
    pub(super) fn plain(&self, payload: &Value) -> Result<Message> {
        let topic = self.topic.clone().ok_or_else(|| {
            Error::invalid("mqtt.topic", "a message has no topic")
                .with_hint("give `topic`, or one to each message")
        })?;
        topic::check_name(&topic)?;
        let payload = payload::write(payload)?;
        if payload.len() > self.max_payload_bytes {
            let message =
                format!("a payload takes {} bytes, more than {}", payload.len(), self.max_payload_bytes);
            let error = Error::new(ErrorKind::Limit, "mqtt.too_large", message).with_retry(Retry::Never);
            return Err(error.at(topic.as_str()).with_hint("raise `max_payload_bytes`"));
        }
        Ok(Message { topic, payload, qos: self.qos, retain: self.retain })
    }
}

/// The quality of service with this number.
///
/// # Errors
/// Kind `Invalid`, code `mqtt.qos`.
pub(super) fn qos(number: Option<u64>) -> Result<QoS> {
    match number {
        Some(0) => Ok(QoS::AtMostOnce),
        Some(1) => Ok(QoS::AtLeastOnce),
        Some(2) => Ok(QoS::ExactlyOnce),
        _ => Err(Error::invalid("mqtt.qos", "`qos` is 0, 1 or 2")
            .with_hint("0: at most once, 1: at least once, 2: exactly once")),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn defaults() -> Defaults {
        Defaults { topic: Some("d".into()), qos: QoS::AtLeastOnce, retain: false, max_payload_bytes: 100 }
    }

    #[test]
    fn a_map_that_is_a_message_has_its_own_topic_and_another_is_a_payload() {
        let item = value!({"topic": "a/b", "payload": 1, "qos": 2, "retain": true, "received_at": "2026-01-01T00:00:00Z"});
        let message = defaults().message(&item).unwrap();
        assert_eq!((message.topic.as_str(), &*message.payload), ("a/b", b"1".as_slice()));
        assert_eq!((message.qos, message.retain), (QoS::ExactlyOnce, true));
        for item in [value!({"payload": 1, "unit": "C"}), value!({"temp": 20}), value!("on"), value!(null)] {
            let message = defaults().message(&item).unwrap();
            assert_eq!((message.topic.as_str(), message.qos), ("d", QoS::AtLeastOnce));
            assert_eq!(&*message.payload, payload::write(&item).unwrap());
        }
    }

    #[test]
    fn what_cannot_be_published_is_refused() {
        for (item, code) in [
            (value!({"topic": "a/#", "payload": 1}), "mqtt.topic"),
            (value!({"topic": 7, "payload": 1}), "mqtt.topic"),
            (value!({"payload": 1, "qos": 3}), "mqtt.qos"),
            (value!({"payload": 1, "qos": "1"}), "mqtt.qos"),
            (value!({"payload": 1, "retain": 1}), "mqtt.retain"),
            (value!({"payload": (f64::NAN)}), "mqtt.payload"),
            (value!({"payload": ("x".repeat(101))}), "mqtt.too_large"),
        ] {
            assert_eq!(defaults().message(&item).unwrap_err().code(), code);
        }
        let nowhere = Defaults { topic: None, ..defaults() };
        assert_eq!(nowhere.message(&value!(1)).unwrap_err().code(), "mqtt.topic");
    }
}
