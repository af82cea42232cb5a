//! Configs that cannot work, and what the types say of their effect.

use kailash_core::{Registry, node::Effect, validate::Nesting};

use super::*;

fn configure(name: &str, config: &Value) -> std::result::Result<(Effect, Vec<String>), Vec<String>> {
    let mut registry = Registry::new();
    crate::kafka::register(&mut registry).unwrap();
    let told = |issues: &[kailash_core::validate::Issue]| {
        let told = issues.iter();
        told.map(|issue| format!("{} {}", issue.code, issue.place.as_deref().unwrap_or_default())).collect()
    };
    let node =
        registry.get(name).unwrap().configure(config.as_map().unwrap(), &registry, &Nesting::default());
    match node {
        Ok(node) => Ok((node.effect, told(&node.warnings))),
        Err(issues) => Err(told(&issues)),
    }
}

#[test]
fn every_problem_of_a_config_is_told_with_its_place() {
    let issues = configure(
        "StreamPublisherNode",
        &value!({"brokers": "http://b", "username": "a", "timeout_s": 0, "max_message_bytes": 1, "topic": "a b"}),
    );
    let expected = [
        "kafka.brokers config.brokers",
        "kafka.password config.username",
        "config.seconds config.timeout_s",
        "kafka.max_message_bytes config.max_message_bytes",
        "kafka.topic config.topic",
    ];
    assert_eq!(issues.unwrap_err(), expected);
    let issues = configure(
        "KafkaConsumer",
        &value!({"brokers": [], "group_id": "", "max_messages": 0, "duration_s": (-1), "topics": ["a", "b#"]}),
    );
    let expected = [
        "kafka.brokers config.brokers",
        "kafka.group_id config.group_id",
        "config.seconds config.duration_s",
        "kafka.max_messages config.max_messages",
        "kafka.topic config.topics",
    ];
    assert_eq!(issues.unwrap_err(), expected);
}

#[test]
fn both_types_act_on_the_world() {
    let publisher = value!({"bootstrap_servers": ["a:9092", "b:9092"]});
    assert_eq!(configure("StreamPublisher", &publisher), Ok((Effect::Effectful, vec![])));
    let consumer = value!({"brokers": "a", "group_id": "g", "auto_offset_reset": "earliest"});
    assert_eq!(configure("KafkaConsumerNode", &consumer), Ok((Effect::Effectful, vec![])));
}

#[test]
fn a_password_that_others_on_the_way_could_read_is_warned_of() {
    let login = |brokers: &str| value!({"brokers": brokers, "username": "a", "password": "env:P"});
    let warned = vec!["kafka.cleartext config.password".to_owned()];
    assert_eq!(configure("StreamPublisher", &login("far:9092")), Ok((Effect::Effectful, warned)));
    assert_eq!(configure("StreamPublisher", &login("localhost:9092")), Ok((Effect::Effectful, vec![])));
}
