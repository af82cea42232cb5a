//! `MQTTPublish` against a broker.

use std::time::Duration;

use kailash_core::{ErrorKind, Retry, Value, value};

use super::{
    peer::{CONNACK, peer},
    *,
};

/// What a subscriber with `config` gets while `publishing` runs.
async fn received(broker: &Broker, config: Value, topics: &str, publishing: impl Future<Output = ()>) -> Map {
    let subscriber = collect(broker, config, topics);
    let before = broker.lines("Sending SUBACK");
    let publishing = async {
        broker.wrote_again("Sending SUBACK", before).await;
        publishing.await;
    };
    tokio::join!(subscriber, publishing).0.unwrap()
}

#[tokio::test]
async fn messages_of_every_qos_arrive_as_they_were_sent() {
    let broker = Broker::start().await;
    let config = value!({"qos": 2, "max_messages": 3, "format": "json"});
    let got = received(&broker, config, "plant/+", async {
        for qos in [0, 1, 2] {
            let given = value!({"topic": (format!("plant/{qos}")), "payload": {"qos": qos, "t": 20.5}});
            let outputs = publish(&broker, value!({"qos": qos}), given).await.unwrap();
            assert_eq!(outputs.get("published"), Some(&value!(1)));
        }
    });
    let got = got.await;
    for (qos, message) in got.get("messages").and_then(Value::as_list).unwrap().iter().enumerate() {
        assert_eq!(message.get("topic"), Some(&value!(format!("plant/{qos}"))));
        assert_eq!(message.get("payload"), Some(&value!({"qos": qos, "t": 20.5})));
        assert_eq!((message.get("qos"), message.get("retain")), (Some(&value!(qos)), Some(&value!(false))));
        assert!(message.get("received_at").and_then(Value::as_str).unwrap().ends_with('Z'));
    }
    assert_eq!(got.get("count"), Some(&value!(3)));
}

#[tokio::test]
async fn a_list_is_published_in_order_over_one_connection_that_later_runs_share() {
    let broker = Broker::start().await;
    let numbers: Vec<Value> = (0..1000).map(Value::from).collect();
    let config = value!({"max_messages": 1001, "format": "json"});
    let got = received(&broker, config, "n/#", async {
        let given = value!({"topic": "n/all", "messages": (numbers.clone())});
        let outputs = publish(&broker, value!({}), given).await.unwrap();
        assert_eq!(outputs.get("published"), Some(&value!(1000)));
        publish(&broker, value!({}), value!({"topic": "n/last", "payload": 1000})).await.unwrap();
    });
    let expected: Vec<Value> = (0..1001).map(Value::from).collect();
    assert_eq!(payloads(&got.await), expected);
    assert_eq!(broker.lines("New client connected"), 2, "one subscriber, one publisher");
}

#[tokio::test]
async fn a_stream_is_published_batch_by_batch_and_each_message_may_name_its_topic() {
    let broker = Broker::start().await;
    let got = received(&broker, value!({"max_messages": 3}), "s/#", async {
        let batches = vec![
            vec![value!("a"), value!({"topic": "s/other", "payload": "b", "qos": 2})],
            vec![],
            vec![value!("c")],
        ];
        let node = node::<MqttPublish>(&broker, value!({})).unwrap();
        let done = node.stream(value!({"topic": "s/main"}), batches).await.unwrap();
        assert_eq!(done.outputs.get("published"), Some(&value!(3)));
    });
    let got = got.await;
    assert_eq!(payloads(&got), ["a", "b", "c"].map(Value::from));
    let topics = got.get("messages").and_then(Value::as_list).unwrap().iter();
    let topics: Vec<_> =
        topics.map(|message| message.get("topic").and_then(Value::as_str).unwrap()).collect();
    assert_eq!(topics, ["s/main", "s/other", "s/main"]);
}

#[tokio::test]
async fn a_retained_message_waits_for_who_comes_later_and_an_empty_one_removes_it() {
    let broker = Broker::start().await;
    let retain = value!({"retain": true});
    publish(&broker, retain.clone(), value!({"topic": "state", "payload": "on"})).await.unwrap();
    let got = collect(&broker, value!({"max_messages": 1}), "state").await.unwrap();
    assert_eq!(payloads(&got), [value!("on")]);
    let first = &got.get("messages").and_then(Value::as_list).unwrap()[0];
    assert_eq!(first.get("retain"), Some(&value!(true)));
    publish(&broker, retain, value!({"topic": "state", "payload": ""})).await.unwrap();
    let got = received(&broker, value!({"max_messages": 1}), "state", async {
        publish(&broker, value!({}), value!({"topic": "state", "payload": "new"})).await.unwrap();
    });
    assert_eq!(payloads(&got.await), [value!("new")], "what was kept would have come before");
}

#[tokio::test]
async fn a_broker_that_restarts_in_the_middle_gets_every_message() {
    let mut broker = Broker::start().await;
    publish(&broker, value!({}), value!({"topic": "t", "payload": "first"})).await.unwrap();
    broker.kill().await;
    let config = value!({"retain": true});
    let node = node::<MqttPublish>(&broker, config).unwrap();
    let all: Vec<Value> =
        (0..300).map(|n| value!({"topic": (format!("r/{n}")), "payload": (n.to_string())})).collect();
    let publishing = node.run(value!({"messages": all}));
    let (outputs, ()) = tokio::join!(publishing, broker.restart());
    assert_eq!(outputs.unwrap().get("published"), Some(&value!(300)));
    let got = collect(&broker, value!({"max_messages": 300}), "r/#").await.unwrap();
    assert_eq!(got.get("count"), Some(&value!(300)));
}

#[tokio::test]
async fn a_message_of_qos_2_whose_session_is_lost_is_in_doubt() {
    // A peer that takes the connection and the message and then forgets the session, as a broker without a disk does.
    let broker = peer(vec![vec![CONNACK, b""], vec![CONNACK]]).await;
    let broker = value!({"broker": broker, "qos": 2});
    let node = NodeTest::new::<MqttPublish>(broker, &Services::default()).unwrap();
    let error = node.run(value!({"topic": "t", "payload": 1})).await.unwrap_err();
    assert_eq!((error.code(), error.retry()), ("mqtt.in_doubt", Retry::Never), "{error}");
}

#[tokio::test]
async fn a_batch_of_which_a_message_of_qos_2_was_sent_is_not_tried_again() {
    for (qos, never) in [(1, false), (2, true)] {
        // A peer that takes the connection and never answers a message.
        let broker = peer(vec![vec![CONNACK]]).await;
        let config = value!({"broker": broker, "qos": 1, "timeout_s": 0.5});
        let node = NodeTest::new::<MqttPublish>(config, &Services::default()).unwrap();
        let messages = value!([{"topic": "a", "payload": 1}, {"topic": "b", "payload": 2, "qos": qos}]);
        let error = node.run(value!({"messages": messages})).await.unwrap_err();
        assert_eq!((error.code(), error.retry() == Retry::Never), ("mqtt.timeout", never), "{error}");
    }
}

#[tokio::test]
async fn nobody_at_home_is_unavailable_in_time() {
    let broker = value!({"broker": "mqtt://127.0.0.1:9", "timeout_s": 0.3});
    let node = NodeTest::new::<MqttPublish>(broker, &Services::default()).unwrap();
    let began = std::time::Instant::now();
    let error = node.run(value!({"topic": "t", "payload": 1})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "mqtt.connect"), "{error}");
    assert_eq!(error.place(), Some("mqtt://127.0.0.1:9"));
    assert!(matches!(error.retry(), Retry::After(_)));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_peer_that_is_silent_is_unavailable_in_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = value!({"broker": (format!("mqtt://{}", listener.local_addr().unwrap())), "timeout_s": 0.3});
    let node = NodeTest::new::<MqttPublish>(broker, &Services::default()).unwrap();
    let error = node.run(value!({"topic": "t", "payload": 1})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Unavailable, "mqtt.connect"), "{error}");
}

#[tokio::test]
async fn a_payload_over_a_limit_is_refused_before_it_is_sent() {
    let broker = Broker::with(|_| "allow_anonymous true\nmax_packet_size 2000\n".into()).await;
    let given = |bytes: usize| value!({"topic": "t", "payload": ("x".repeat(bytes))});
    for (config, bytes) in [(value!({"max_payload_bytes": 100}), 101), (value!({}), 2000)] {
        let error = publish(&broker, config, given(bytes)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Limit, "mqtt.too_large"));
        assert_eq!(error.retry(), Retry::Never);
    }
    publish(&broker, value!({}), given(1900)).await.unwrap();
}

#[tokio::test]
async fn a_failure_says_how_many_messages_the_broker_has() {
    let broker = Broker::with(|folder| {
        let file = folder.join("acl");
        std::fs::write(&file, "topic readwrite open/#\n").unwrap();
        format!("allow_anonymous true\nacl_file {}\n", file.display())
    });
    let broker = broker.await;
    let messages = value!([{"topic": "open/a", "payload": 1}, {"topic": "shut/b", "payload": 2}]);
    let error = publish(&broker, value!({}), value!({"messages": (messages.clone())})).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "mqtt.denied"), "{error}");
    assert_eq!(error.place(), Some("shut/b"));
    assert!(error.message().contains("1 of 2"), "{error}");
    let error = publish(&broker, value!({"qos": 2}), value!({"messages": messages})).await.unwrap_err();
    assert_eq!(error.code(), "mqtt.denied", "{error}");
}

#[tokio::test]
async fn a_publisher_that_is_given_up_leaves_the_connection_to_others_and_the_last_one_says_goodbye() {
    let mut broker = Broker::start().await;
    let id = value!({"client_id": "pub-1"});
    publish(&broker, id.clone(), value!({"topic": "t", "payload": 1})).await.unwrap();
    broker.wrote("as pub-1").await;
    let node = node::<MqttPublish>(&broker, id.clone()).unwrap();
    let endless: Vec<Value> = vec![value!("x"); 100_000];
    let given_up =
        tokio::time::timeout(Duration::from_millis(1), node.run(value!({"topic": "t", "messages": endless})));
    assert!(given_up.await.is_err());
    publish(&broker, id, value!({"topic": "t", "payload": 2})).await.unwrap();
    assert_eq!(broker.lines("New client connected"), 1);
    drop(node);
    broker.clients = MqttClients::default();
    broker.wrote("Client pub-1 disconnected").await;
}
