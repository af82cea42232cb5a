//! Clusters that refuse, that are not there, and that recover.

use std::time::{Duration, Instant};

use kailash_core::ErrorKind;
use rdkafka::{
    ClientContext,
    error::KafkaError,
    types::{RDKafkaApiKey, RDKafkaErrorCode, RDKafkaRespErr},
};

use super::*;
use crate::kafka::{
    producers::Wanted,
    publish::Compression,
    settings::{Brokers, Settings},
};

#[tokio::test]
async fn what_fails_for_a_while_is_sent_again_and_counts_once() {
    let mock = Mock::new(1);
    let passing = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
    ];
    mock.cluster.request_errors(RDKafkaApiKey::Produce, &passing);
    mock.fill(numbers(0..50)).await;
    let outputs = mock.collect("g", value!({"timeout_s": 10})).await.unwrap();
    assert_eq!(collected(&outputs), numbers(0..50));
}

#[tokio::test]
async fn what_a_broker_refuses_is_told() {
    for (refusal, kind, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ErrorKind::Denied, "kafka.denied"),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ErrorKind::Limit, "kafka.too_large"),
    ] {
        let mock = Mock::new(1);
        mock.cluster.request_errors(RDKafkaApiKey::Produce, &[refusal; 20]);
        let error = mock.publish(value!({}), value!({"topic": "t", "value": 1})).await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.place()), (kind, code, Some("t")), "{error}");
        assert_eq!(error.retry(), kailash_core::Retry::Never);
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_told() {
    let mock = Mock::new(1);
    mock.cluster.topic_error("t", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let error = mock.collect("g", value!({})).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.place()),
        (ErrorKind::Missing, "kafka.topic.unknown", Some("t"))
    );
}

#[tokio::test]
async fn brokers_that_are_not_there_fail_the_node_in_time() {
    let mock = Mock::new(1);
    let nobody = value!({"brokers": "127.0.0.1:1", "timeout_s": 1});
    let began = Instant::now();
    let error = mock.publish(nobody.clone(), value!({"topic": "t", "messages": [1, 2]})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "kafka.timeout"));
    assert!(error.message().contains("of 2 messages 0 were delivered before"), "{error}");
    let error = mock.collect("g", nobody).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "kafka.unreachable"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_cluster_that_comes_back_is_used_again() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..1)).await;
    mock.cluster.broker_down(1).unwrap();
    let error = mock.publish(value!({"timeout_s": 1}), value!({"topic": "t", "value": 9})).await.unwrap_err();
    assert_eq!(error.code(), "kafka.timeout");
    mock.cluster.broker_up(1).unwrap();
    mock.fill(numbers(1..2)).await;
    let outputs = mock.collect("g", value!({"timeout_s": 10})).await.unwrap();
    assert_eq!(collected(&outputs), numbers(0..2), "what was given up is not sent later");
}

#[tokio::test]
async fn a_producer_that_was_refused_is_not_used_again() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..1)).await;
    let brokers = Brokers::One(mock.cluster.bootstrap_servers());
    let wanted = Wanted {
        settings: Settings { brokers, username: None, password: None },
        timeout: Duration::from_secs(30),
        max_message_bytes: 1 << 20,
        compression: Compression::None,
    };
    let shared = mock.producers.borrow(&wanted, &crate::testing::context(1)).await.unwrap();
    assert_eq!(mock.producers.count(), 1, "it is that of the node");
    shared.ear.error(KafkaError::Global(RDKafkaErrorCode::Authentication), "wrong password");
    let given = value!({"topic": "t", "value": 1});
    let error = mock.publish(value!({}), given.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "kafka.denied"), "{error}");
    mock.publish(value!({}), given).await.unwrap();
}

#[tokio::test]
async fn a_password_is_read_where_it_is_said_to_be_and_never_told() {
    let mock = Mock::new(1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hush-hush").unwrap();
    let login = |password: &str| value!({"username": "ada", "password": password, "timeout_s": 2});
    // The mock knows no SASL and ends the connection.
    let path = format!("file:{}", file.path().display());
    let error = mock.publish(login(&path), value!({"topic": "t", "value": 1})).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Denied), "{error:?}");
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    let error = mock.collect("g", login(&path)).await.unwrap_err();
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    let error =
        mock.publish(login("file:/no/such/file"), value!({"topic": "t", "value": 1})).await.unwrap_err();
    assert_eq!(error.code(), "io.not_found");
    let given =
        mock.node::<KafkaConsumer>(value!({"group_id": "g", "username": "ada", "password": "hush-hush"}));
    let told = format!("{:?}", given.err().unwrap());
    assert!(told.contains("never by itself") && !told.contains("hush"), "{told}");
}
