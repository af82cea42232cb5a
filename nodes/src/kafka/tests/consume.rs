//! `KafkaConsumer` against a mock cluster.

use std::time::Duration;

use async_trait::async_trait;
use kailash_core::{
    Error, Text,
    node::{BuildContext, Emit, Inputs, NodeType as _, Streaming},
};

use super::*;
use crate::testing::context;

#[tokio::test]
async fn a_group_goes_on_where_it_was_and_another_has_a_place_of_its_own() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..10)).await;
    let first = mock.collect("g", value!({"max_messages": 4})).await.unwrap();
    assert_eq!(collected(&first), numbers(0..4), "no more than wanted");
    let second = mock.collect("g", value!({"max_messages": 6})).await.unwrap();
    assert_eq!(
        collected(&second),
        numbers(4..10),
        "what was taken does not come again, and nothing is left out"
    );
    let other = mock.collect("h", value!({"max_messages": 10})).await.unwrap();
    assert_eq!(collected(&other), numbers(0..10));
}

#[tokio::test]
async fn a_stream_gives_what_the_whole_form_gives() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..700)).await;
    let node = mock.consumer("g", value!({"max_messages": 600})).unwrap();
    let streamed = node.stream(value!({"topics": ["t"]}), vec![]).await.unwrap();
    assert_eq!(values(&streamed.items[0]), numbers(0..600));
    assert_eq!(Value::from(streamed.outputs), value!({"count": 600, "skipped": 0}));
    let rest = mock.collect("g", value!({"max_messages": 100})).await.unwrap();
    assert_eq!(collected(&rest), numbers(600..700));
}

#[tokio::test]
async fn a_stream_ends_when_its_time_is_over() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..3)).await;
    let node = mock.consumer("g", value!({"duration_s": 1.5})).unwrap();
    let streamed = node.stream(value!({"topics": "t"}), vec![]).await.unwrap();
    assert_eq!(values(&streamed.items[0]), numbers(0..3));
}

#[tokio::test]
async fn the_whole_form_ends_at_its_time_limit_with_what_it_has() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..3)).await;
    let outputs = mock.collect("g", value!({"timeout_s": 8})).await.unwrap();
    assert_eq!(collected(&outputs), numbers(0..3));
    assert_eq!(outputs.get("count"), Some(&value!(3)));
}

/// Takes nothing.
struct Refuses;

#[async_trait]
impl Emit for Refuses {
    async fn emit(&mut self, _: usize, _: Vec<Value>) -> Result<()> {
        Err(Error::node("test.full", "nobody takes it"))
    }
}

#[tokio::test]
async fn what_did_not_leave_the_node_comes_again() {
    let mock = Mock::new(1);
    mock.fill(numbers(0..5)).await;
    {
        let config = value!({"brokers": (mock.cluster.bootstrap_servers()), "group_id": "g", "start_from": "earliest", "session_timeout_s": 6});
        let node: KafkaConsumer = kailash_core::from_value(&config).unwrap();
        let cx = BuildContext { services: &Services::default(), node: &Text::from("node"), inputs: &[] };
        let Some(Streaming::Source(factory)) = node.build(&cx).unwrap().streaming else {
            panic!("it is a source")
        };
        let inputs: Inputs = [Some(value!("t"))].into_iter().collect();
        let cx = context(1);
        let mut source = factory.open(inputs, &cx).unwrap();
        let error = loop {
            match source.pull(&cx, &mut Refuses).await {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), "test.full");
    }
    let again = mock.collect("g", value!({"max_messages": 5})).await.unwrap();
    assert_eq!(collected(&again), numbers(0..5));
}

/// The threads of librdkafka in this process.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("rdk:")).count()
}

#[tokio::test]
async fn a_consumer_that_is_given_up_leaves_no_thread_behind() {
    let mock = Mock::new(1);
    mock.fill([value!(1)]).await;
    mock.collect("first", value!({"max_messages": 1})).await.unwrap();
    // Those of the cluster itself and of its producer: by now they have begun, and have their names.
    let before = threads();
    let node = mock.consumer("g", value!({})).unwrap();
    {
        let mut running = std::pin::pin!(node.stream(value!({"topics": "t"}), vec![]));
        while threads() == before {
            tokio::select! {
                ended = &mut running => panic!("it waits for messages: {ended:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    let gone = async {
        while threads() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("its threads end");
}

#[tokio::test]
async fn a_new_group_may_begin_with_what_comes_from_then_on() {
    let mock = Mock::new(1);
    mock.fill([value!("old"), value!("old")]).await;
    let config = value!({"group_id": "g", "max_messages": 1});
    let node = mock.node::<KafkaConsumer>(config).unwrap();
    let mut receiving = std::pin::pin!(node.run(value!({"topics": "t"})));
    let outputs = loop {
        tokio::select! {
            outputs = &mut receiving => break outputs.unwrap(),
            () = mock.fill([value!("new")]) => {}
        }
    };
    assert_eq!(collected(&outputs), [value!("new")]);
}

#[tokio::test]
async fn a_message_that_is_not_of_the_format_fails_the_node_or_is_left_out() {
    let mock = Mock::new(1);
    mock.fill([value!("1"), value!("no {json"), value!("2")]).await;
    let error = mock.collect("g", value!({"max_messages": 2})).await.unwrap_err();
    assert_eq!((error.code(), error.place()), ("kafka.value", Some("t[0] at 1")));
    let outputs = mock.collect("g", value!({"max_messages": 2, "skip_invalid": true})).await.unwrap();
    assert_eq!(collected(&outputs), numbers(1..3));
    assert_eq!(outputs.get("skipped"), Some(&value!(1)));
}

#[tokio::test]
async fn a_message_that_is_too_long_fails_the_node_or_is_left_out() {
    let mock = Mock::new(1);
    mock.fill([value!("x".repeat(5000)), value!("ok")]).await;
    let config = value!({"max_messages": 1, "format": "text", "max_message_bytes": 1000});
    let error = mock.collect("g", config.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.place()), ("kafka.too_large", Some("t[0] at 0")));
    let mut config = config.into_map().unwrap();
    config.insert("skip_invalid", true);
    assert_eq!(collected(&mock.collect("g", config.into()).await.unwrap()), [value!("ok")]);
}

#[tokio::test]
async fn many_messages_that_are_left_out_do_not_hold_up_those_that_are_not() {
    let mock = Mock::new(1);
    mock.fill(vec![value!("{"); 600]).await;
    mock.fill([value!(7)]).await;
    let config = value!({"skip_invalid": true, "max_messages": 1});
    let outputs = mock.collect("g", config).await.unwrap();
    assert_eq!((collected(&outputs), outputs.get("skipped")), (vec![value!(7)], Some(&value!(600))));
}
