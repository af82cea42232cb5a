//! Configs and inputs that cannot work, and what the types say of their effect.

use kailash_core::{ErrorKind, Registry, node::Effect, validate::Nesting};

use super::*;

fn configure(name: &str, config: &Value) -> std::result::Result<(Effect, bool), Vec<String>> {
    let mut registry = Registry::new();
    crate::mqtt::register(&mut registry).unwrap();
    let node =
        registry.get(name).unwrap().configure(config.as_map().unwrap(), &registry, &Nesting::default());
    match node {
        Ok(node) => Ok((node.effect, node.honours_key)),
        Err(issues) => Err(issues
            .iter()
            .map(|issue| format!("{} {}", issue.code, issue.place.as_deref().unwrap_or_default()))
            .collect()),
    }
}

#[test]
fn every_problem_of_a_config_is_told_with_its_place() {
    let issues = configure(
        "MQTTPublish",
        &value!({"broker": "http://b", "qos": 3, "client_id": "", "timeout_s": 0, "ca_file": "x", "topic": "a/#"}),
    );
    let expected = [
        "mqtt.broker config.broker",
        "mqtt.qos config.qos",
        "mqtt.client_id config.client_id",
        "mqtt.tls config.ca_file",
        "config.seconds config.timeout_s",
        "mqtt.topic config.topic",
    ];
    assert_eq!(issues.unwrap_err(), expected);
    let issues = configure(
        "MQTTSubscribe",
        &value!({"broker": "mqtt://b", "persistent": true, "max_messages": 0, "duration_s": (-1), "max_message_bytes": 1, "topics": ["a", "b#"]}),
    );
    let expected = [
        "config.seconds config.duration_s",
        "mqtt.max_messages config.max_messages",
        "mqtt.max_message_bytes config.max_message_bytes",
        "mqtt.client_id config.persistent",
        "mqtt.topic config.topics",
    ];
    assert_eq!(issues.unwrap_err(), expected);
}

#[test]
fn publishing_is_effectful_and_so_is_taking_from_a_session_that_is_kept_or_may_be_shared() {
    let broker = value!({"broker": "mqtt://b"});
    assert_eq!(configure("MQTTPublishNode", &broker), Ok((Effect::Effectful, false)));
    let effect = |more: Value| {
        let mut config = broker.clone().into_map().unwrap();
        config.extend(more.into_map().unwrap());
        configure("MQTTSubscribeNode", &config.into())
    };
    assert_eq!(effect(value!({"topics": ["a", "b/#"]})), Ok((Effect::Idempotent, false)));
    for taking in [
        value!({"topics": "a", "persistent": true, "client_id": "c"}),
        value!({"topics": ["a", "$share/group/b"]}),
        value!({}),
    ] {
        assert_eq!(effect(taking.clone()), Ok((Effect::Effectful, false)), "{taking:?}");
    }
}

#[tokio::test]
async fn inputs_that_cannot_be_published_are_refused_without_a_connection() {
    let node =
        NodeTest::new::<MqttPublish>(value!({"broker": "mqtt://127.0.0.1:9"}), &Services::default()).unwrap();
    for (given, code) in [
        (value!({"topic": "t"}), "mqtt.payload"),
        (value!({"topic": "t", "payload": 1, "messages": [1]}), "mqtt.payload"),
        (value!({"payload": 1}), "mqtt.topic"),
        (value!({"topic": "t/+", "payload": 1}), "mqtt.topic"),
        (value!({"messages": [{"payload": 1}]}), "mqtt.topic"),
        (value!({"topic": "t", "messages": [{"payload": 1, "qos": 7}]}), "mqtt.qos"),
    ] {
        let error = node.run(given).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code));
    }
    let none = node.run(value!({"topic": "t", "messages": []})).await.unwrap();
    assert_eq!(none.get("published"), Some(&value!(0)), "nothing to publish needs no broker");
    let node = NodeTest::new::<MqttSubscribe>(value!({"broker": "mqtt://127.0.0.1:9"}), &Services::default())
        .unwrap();
    for topics in [value!([]), value!(7), value!(["a", 1]), value!("a#")] {
        assert_eq!(node.run(value!({"topics": topics})).await.unwrap_err().code(), "mqtt.topic");
    }
}

#[test]
fn the_default_services_have_the_clients() {
    assert!(crate::default_services().unwrap().get::<MqttClients>().is_some());
}
