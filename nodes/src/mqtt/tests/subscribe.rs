//! `MQTTSubscribe` against a broker.

use std::time::Duration;

use async_trait::async_trait;
use kailash_core::{
    Error, ErrorKind,
    node::{BuildContext, Emit, NodeType as _, Streaming},
};

use super::*;

async fn send(broker: &Broker, topic: &str, payloads: impl IntoIterator<Item = Value>) {
    let payloads: Vec<Value> = payloads.into_iter().collect();
    let given = value!({"topic": topic, "messages": payloads});
    publish(broker, value!({}), given).await.unwrap();
}

#[tokio::test]
async fn a_stream_ends_after_enough_messages_and_gives_what_the_whole_form_gives() {
    let broker = Broker::start().await;
    let node = node::<MqttSubscribe>(&broker, value!({"max_messages": 600, "format": "json"})).unwrap();
    let streaming = node.stream(value!({"topics": ["a/#", "b"]}), vec![]);
    let sending = async {
        broker.wrote("Sending SUBACK").await;
        send(&broker, "a/1", (0..400).map(Value::from)).await;
        send(&broker, "b", (400..700).map(Value::from)).await;
    };
    let collected = tokio::join!(streaming, sending).0.unwrap();
    let numbers: Vec<Value> = collected.items[0].iter().map(|m| m.get("payload").cloned().unwrap()).collect();
    assert_eq!(numbers, (0..600).map(Value::from).collect::<Vec<_>>());
    assert_eq!(collected.outputs.get("count"), Some(&value!(600)));
    assert_eq!(collected.outputs.get("dropped"), Some(&value!(0)));
}

#[tokio::test]
async fn a_stream_ends_when_its_time_is_over_and_says_goodbye() {
    let broker = Broker::start().await;
    let config = value!({"duration_s": 0.2, "client_id": "sub-1"});
    let node = node::<MqttSubscribe>(&broker, config).unwrap();
    let collected = node.stream(value!({"topics": "a"}), vec![]).await.unwrap();
    assert!(collected.items[0].is_empty());
    assert_eq!(collected.outputs.get("count"), Some(&value!(0)));
    broker.wrote("Client sub-1 disconnected").await;
}

#[tokio::test]
async fn a_subscriber_that_is_given_up_says_goodbye() {
    let broker = Broker::start().await;
    let node = node::<MqttSubscribe>(&broker, value!({"client_id": "sub-2"})).unwrap();
    {
        let running = node.run(value!({"topics": "a"}));
        let seen = broker.wrote("Sending SUBACK to sub-2");
        tokio::select! {
            _ = running => panic!("it waits for messages"),
            _ = seen => {}
        }
    }
    broker.wrote("Client sub-2 disconnected").await;
}

#[tokio::test]
async fn a_broker_that_restarts_finds_the_subscriber_again() {
    let mut broker = Broker::start().await;
    let node = node::<MqttSubscribe>(&broker, value!({"max_messages": 2})).unwrap();
    let running = tokio::spawn(async move { node.stream(value!({"topics": "a"}), vec![]).await });
    broker.wrote("Sending SUBACK").await;
    send(&broker, "a", [value!("before")]).await;
    broker.wrote("Received PUBACK").await;
    broker.kill().await;
    broker.restart().await;
    broker.wrote("Sending SUBACK").await;
    send(&broker, "a", [value!("after")]).await;
    let got = running.await.unwrap().unwrap();
    let payloads: Vec<_> = got.items[0].iter().filter_map(|message| message.get("payload")).collect();
    assert_eq!(payloads, [&value!("before"), &value!("after")]);
}

#[tokio::test]
async fn what_the_whole_form_took_before_it_failed_comes_again() {
    let broker = Broker::start().await;
    let config = |seconds: f64, skip: bool| {
        value!({
            "client_id": "whole", "persistent": true, "format": "json", "max_messages": 301, "duration_s": seconds,
            "skip_invalid": skip,
        })
    };
    let collecting = collect(&broker, config(20.0, false), "w");
    let sending = async {
        broker.wrote("Sending SUBACK").await;
        send(&broker, "w", (0..300).map(Value::from)).await;
        send(&broker, "w", [value!("{"), value!(300)]).await;
    };
    let error = tokio::join!(collecting, sending).0.unwrap_err();
    assert_eq!(error.code(), "mqtt.payload", "{error}");
    broker.wrote("Client whole disconnected").await;
    let got = collect(&broker, config(20.0, true), "w").await.unwrap();
    assert_eq!(payloads(&got), (0..301).map(Value::from).collect::<Vec<_>>());
    assert_eq!(got.get("skipped"), Some(&value!(1)));
    let none = collect(&broker, config(0.2, true), "w").await.unwrap();
    assert_eq!(none.get("count"), Some(&value!(0)), "now they were acknowledged");
}

#[tokio::test]
async fn a_persistent_session_keeps_messages_for_a_subscriber_that_is_away() {
    let broker = Broker::start().await;
    let config = |messages: u64, seconds: f64| {
        let id = "keeper";
        value!({"client_id": id, "persistent": true, "max_messages": messages, "duration_s": seconds})
    };
    let none = collect(&broker, config(1, 0.1), "k/#").await.unwrap();
    assert_eq!(none.get("count"), Some(&value!(0)));
    send(&broker, "k/1", ["x", "y"].map(Value::from)).await;
    let got = collect(&broker, config(2, 20.0), "k/#").await.unwrap();
    assert_eq!(payloads(&got), ["x", "y"].map(Value::from));
    send(&broker, "k/1", [value!("z")]).await;
    let got = collect(&broker, config(1, 20.0), "k/#").await.unwrap();
    assert_eq!(payloads(&got), [value!("z")], "acknowledged messages do not come again");
}

#[tokio::test]
async fn a_message_that_did_not_leave_comes_again() {
    struct Refuses;
    #[async_trait]
    impl Emit for Refuses {
        async fn emit(&mut self, _: usize, _: Vec<Value>) -> Result<()> {
            Err(Error::node("test", "no"))
        }
    }
    let broker = Broker::start().await;
    let config = |seconds: f64| value!({"client_id": "again", "persistent": true, "duration_s": seconds, "max_messages": 1});
    collect(&broker, config(0.1), "k").await.unwrap();
    send(&broker, "k", [value!("once")]).await;
    let given = config(20.0).into_map().unwrap();
    let given =
        given.iter().map(|(k, v)| (k.clone(), v.clone())).chain([("broker".into(), broker.url().into())]);
    let node: MqttSubscribe = kailash_core::from_value(&Value::from(given.collect::<Map>())).unwrap();
    let at =
        BuildContext { services: &Services::default(), node: &"node".into(), inputs: &["topics".into()] };
    let Some(Streaming::Source(source)) = node.build(&at).unwrap().streaming else {
        panic!("it is a source")
    };
    let cx = crate::testing::context(1);
    let mut source = source.open([Some(value!("k"))].into_iter().collect(), &cx).unwrap();
    let error = source.pull(&cx, &mut Refuses).await.unwrap_err();
    assert_eq!(error.code(), "test");
    drop(source);
    broker.wrote("Client again disconnected").await;
    let got = collect(&broker, config(20.0), "k").await.unwrap();
    assert_eq!(payloads(&got), [value!("once")]);
}

#[tokio::test]
async fn payloads_of_another_format_fail_the_node_or_are_counted() {
    let broker = Broker::start().await;
    let retained = value!({"retain": true});
    publish(&broker, retained, value!({"topic": "f/bad", "payload": (Value::bytes(vec![0xff_u8]))}))
        .await
        .unwrap();
    for format in ["text", "json"] {
        let error = collect(&broker, value!({"format": format}), "f/bad").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "mqtt.payload"));
        assert_eq!(error.place(), Some("f/bad"));
        let config = value!({"format": format, "skip_invalid": true, "max_messages": 1});
        let before = broker.lines("Sending SUBACK");
        let subscriber = collect(&broker, config, "live");
        let sending = async {
            broker.wrote_again("Sending SUBACK", before).await;
            send(&broker, "live", [Value::bytes(vec![0xff_u8]), value!("1")]).await;
        };
        let got = tokio::join!(subscriber, sending).0.unwrap();
        assert_eq!((got.get("count"), got.get("skipped")), (Some(&value!(1)), Some(&value!(1))), "{format}");
    }
    let got = collect(&broker, value!({"format": "bytes", "max_messages": 1}), "f/bad").await.unwrap();
    assert_eq!(payloads(&got), [Value::bytes(vec![0xff_u8])]);
}

#[tokio::test]
async fn a_longer_message_than_allowed_is_not_delivered() {
    let broker = Broker::start().await;
    let config = value!({"max_message_bytes": 200, "max_messages": 1});
    let subscriber = collect(&broker, config, "l");
    let sending = async {
        broker.wrote("Sending SUBACK").await;
        send(&broker, "l", [value!("x".repeat(300)), value!("short")]).await;
    };
    let got = tokio::join!(subscriber, sending).0.unwrap();
    assert_eq!(payloads(&got), [value!("short")]);
}

#[tokio::test]
async fn nobody_at_home_is_unavailable_in_time() {
    let config = value!({"broker": "mqtt://127.0.0.1:9", "timeout_s": 0.3});
    let node = NodeTest::new::<MqttSubscribe>(config, &Services::default()).unwrap();
    let began = std::time::Instant::now();
    let error = node.run(value!({"topics": "a"})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "mqtt.connect"));
    let error = node.stream(value!({"topics": "a"}), vec![]).await.unwrap_err();
    assert_eq!(error.code(), "mqtt.connect");
    assert!(began.elapsed() < Duration::from_secs(5));
}
