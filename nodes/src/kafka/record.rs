//! Messages to be published, as inputs of a node or items of a stream give them.

use bytes::Bytes;
use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};
use rdkafka::message::{Header, OwnedHeaders};

use super::{format, topic};

/// The keys of a map that is a message, as `KafkaConsumer` gives them and `StreamPublisher` takes them.
const KEYS: [&str; 7] = ["topic", "key", "value", "headers", "partition", "offset", "timestamp"];

/// A message to be published.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) topic: Text,
    pub(super) key: Option<Bytes>,
    /// None for a message without a value, which is how a key is deleted from a compacted topic.
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(Text, Option<Bytes>)>,
}

/// What messages have that don't say otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) topic: Option<Text>,
    pub(super) key: Option<Bytes>,
    pub(super) headers: Vec<(Text, Option<Bytes>)>,
    pub(super) max_message_bytes: usize,
}

impl Defaults {
    /// The message that `item` is: a map with nothing but `topic`, `key`, `value` and `headers` (and `partition`, `offset`
    /// and `timestamp`, which are left out), of which `value` must be there; anything else is a value itself.
    ///
    /// # Errors
    /// Kind `Invalid`: codes `kafka.topic`, `kafka.value`, `kafka.headers`; kind `Limit`, code `kafka.too_large`.
    pub(super) fn record(&self, item: &Value) -> Result<Record> {
        let is_message =
            |map: &&Map| map.contains_key("value") && map.keys().all(|key| KEYS.contains(&key.as_str()));
        let Some(map) = item.as_map().filter(is_message) else {
            return self.clone().with_value(Some(format::write(item)?));
        };
        let given = |name: &str| map.get(name).filter(|value| !value.is_null());
        let mut own = self.clone();
        match given("topic") {
            Some(Value::Str(topic)) => own.topic = Some(topic.clone()),
            Some(_) => return Err(Error::invalid("kafka.topic", "the topic of a message is text")),
            None => {}
        }
        own.key = given("key").map(format::write).transpose()?.or(own.key);
        if let Some(headers) = given("headers") {
            own.headers = self::headers(headers)?;
        }
        own.with_value(given("value").map(format::write).transpose()?)
    }

    fn with_value(self, value: Option<Bytes>) -> Result<Record> {
        let topic = self.topic.ok_or_else(|| {
            Error::invalid("kafka.topic", "a message has no topic")
                .with_hint("give `topic`, or one to each message")
        })?;
        topic::check(&topic)?;
        let bytes = value.as_ref().map_or(0, Bytes::len) + self.key.as_ref().map_or(0, Bytes::len);
        if bytes > self.max_message_bytes {
            let message = format!("a message takes {bytes} bytes, more than {}", self.max_message_bytes);
            let error = Error::new(ErrorKind::Limit, "kafka.too_large", message).with_retry(Retry::Never);
            return Err(error.at(topic.as_str()).with_hint("raise `max_message_bytes`"));
        }
        Ok(Record { topic, key: self.key, value, headers: self.headers })
    }
}

/// The headers that `value` is: a map of their values by name.
///
/// # Errors
/// Kind `Invalid`, code `kafka.headers`.
pub(super) fn headers(value: &Value) -> Result<Vec<(Text, Option<Bytes>)>> {
    let Some(map) = value.as_map() else {
        return Err(Error::invalid("kafka.headers", "headers are a map of values by name"));
    };
    let header = |(name, value): (&Text, &Value)| {
        let value = if value.is_null() { None } else { Some(format::write(value)?) };
        Ok((name.clone(), value))
    };
    map.iter().map(header).collect()
}

impl Record {
    /// Its headers for librdkafka.
    pub(super) fn owned_headers(&self) -> Option<OwnedHeaders> {
        let mut headers = OwnedHeaders::new_with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        (!self.headers.is_empty()).then_some(headers)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn defaults() -> Defaults {
        Defaults { topic: Some("d".into()), max_message_bytes: 100, ..Defaults::default() }
    }

    #[test]
    fn a_map_that_is_a_message_has_its_own_parts_and_another_is_a_value() {
        let item = value!({"topic": "t", "key": "k", "value": {"a": 1}, "headers": {"h": "x", "n": null}, "offset": 3});
        let record = defaults().record(&item).unwrap();
        assert_eq!((record.topic.as_str(), record.key.as_deref()), ("t", Some(b"k".as_slice())));
        assert_eq!(record.value.as_deref(), Some(br#"{"a":1}"#.as_slice()));
        assert_eq!(record.headers, [("h".into(), Some("x".into())), ("n".into(), None)]);
        for item in [value!({"value": 1, "unit": "C"}), value!({"temp": 20}), value!("on"), value!(null)] {
            let record = defaults().record(&item).unwrap();
            assert_eq!(record.topic, "d");
            assert_eq!(record.value, Some(format::write(&item).unwrap()));
        }
        assert_eq!(defaults().record(&value!({"key": "k", "value": null})).unwrap().value, None);
    }

    #[test]
    fn what_cannot_be_published_is_refused() {
        for (item, code) in [
            (value!({"topic": "a b", "value": 1}), "kafka.topic"),
            (value!({"topic": 7, "value": 1}), "kafka.topic"),
            (value!({"value": 1, "headers": [1]}), "kafka.headers"),
            (value!({"value": (f64::NAN)}), "kafka.value"),
            (value!({"value": ("x".repeat(101))}), "kafka.too_large"),
            (value!({"key": ("x".repeat(99)), "value": "xx"}), "kafka.too_large"),
        ] {
            assert_eq!(defaults().record(&item).unwrap_err().code(), code, "{item:?}");
        }
        let nowhere = Defaults { topic: None, ..defaults() };
        assert_eq!(nowhere.record(&value!(1)).unwrap_err().code(), "kafka.topic");
    }
}
