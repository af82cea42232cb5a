//! `StreamPublisher` against a mock cluster.

use super::*;

#[tokio::test]
async fn what_was_published_is_received_with_key_headers_and_place() {
    let mock = Mock::new(1);
    let given = value!({
        "topic": "t", "key": "k", "headers": {"from": "test"},
        "messages": [{"value": {"a": 1}}, {"value": "[2]", "key": "other", "headers": {"raw": null}}, {"value": null}],
    });
    let published = mock.publish(value!({"compression": "zstd"}), given).await.unwrap();
    assert_eq!(Value::from(published), value!({"published": 3}));
    let outputs = mock.collect("g", value!({"max_messages": 3})).await.unwrap();
    let mut messages = outputs.get("messages").and_then(Value::as_list).unwrap().to_vec();
    for message in &mut messages {
        let mut map = message.clone().into_map().unwrap();
        let at = map.remove("timestamp").unwrap();
        assert!(at.as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{at:?}");
        *message = map.into();
    }
    let expected = value!([
        {"topic": "t", "partition": 0, "offset": 0, "key": "k", "value": {"a": 1}, "headers": {"from": "test"}},
        {"topic": "t", "partition": 0, "offset": 1, "key": "other", "value": [2], "headers": {"raw": null}},
        {"topic": "t", "partition": 0, "offset": 2, "key": "k", "value": null, "headers": {"from": "test"}},
    ]);
    assert_eq!(Value::from(messages), expected);
    assert_eq!(outputs.get("count"), Some(&value!(3)));
}

#[tokio::test]
async fn a_stage_publishes_each_batch_and_messages_of_a_key_keep_their_order() {
    let mock = Mock::new(4);
    let item = |n: i64| value!({"key": (format!("k{}", n % 7)), "value": n});
    let batches = vec![(0..600).map(item).collect(), vec![], (600..3000).map(item).collect()];
    let node = mock.node::<StreamPublisher>(value!({})).unwrap();
    let done = node.stream(value!({"topic": "t"}), batches).await.unwrap();
    assert_eq!(done.outputs.get("published"), Some(&value!(3000)));
    let outputs = mock.collect("g", value!({"max_messages": 3000})).await.unwrap();
    let messages = outputs.get("messages").and_then(Value::as_list).unwrap();
    let mut partitions = std::collections::BTreeSet::new();
    for key in 0..7_i64 {
        let of_key: Vec<Value> = messages
            .iter()
            .filter(|message| message.get("key") == Some(&value!(format!("k{key}"))))
            .cloned()
            .collect();
        let places: std::collections::BTreeSet<_> =
            of_key.iter().map(|message| message.get("partition").and_then(Value::as_i64)).collect();
        assert_eq!(places.len(), 1, "a key has one partition");
        partitions.extend(places);
        let expected: Vec<Value> = (0..3000).filter(|n| n % 7 == key).map(Value::from).collect();
        assert_eq!(values(&of_key), expected);
    }
    assert!(partitions.len() > 1, "keys are spread: {partitions:?}");
}

#[tokio::test]
async fn nodes_with_equal_settings_share_a_producer() {
    let mock = Mock::new(1);
    for topic in ["a", "b"] {
        let config = value!({"timeout_s": 20});
        mock.publish(config, value!({"topic": topic, "value": 1})).await.unwrap();
    }
    assert_eq!(mock.producers.count(), 1);
    mock.publish(value!({"compression": "lz4"}), value!({"topic": "a", "value": 1})).await.unwrap();
    assert_eq!(mock.producers.count(), 2);
}

#[tokio::test]
async fn inputs_that_cannot_be_published_are_refused_before_anything_is_sent() {
    let mock = Mock::new(1);
    for (given, code, place) in [
        (value!({"topic": "t"}), "kafka.value", None),
        (value!({"topic": "t", "value": 1, "messages": []}), "kafka.value", None),
        (value!({"value": 1}), "kafka.topic", None),
        (value!({"topic": "t t", "value": 1}), "kafka.topic", None),
        (
            value!({"topic": "t", "messages": [1, {"value": 2, "headers": 3}]}),
            "kafka.headers",
            Some("messages[1]"),
        ),
        (value!({"topic": "t", "messages": [1, ("x".repeat(2000))]}), "kafka.too_large", Some("t")),
    ] {
        let error = mock.publish(value!({"max_message_bytes": 1000}), given).await.unwrap_err();
        assert_eq!((error.code(), error.place()), (code, place), "{error}");
    }
    assert_eq!(mock.producers.count(), 0, "no producer was needed");
    let nothing = mock.publish(value!({}), value!({"topic": "t", "messages": []})).await.unwrap();
    assert_eq!(nothing.get("published"), Some(&value!(0)));
}
