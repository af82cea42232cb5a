//! Both types against the mock cluster that librdkafka has built in: its brokers speak the protocol over TCP, but are no
//! brokers of Apache Kafka.

mod configs;
mod consume;
mod faults;
mod publish;

use kailash_core::{Map, Result, Services, Value, node::NodeType, testing::NodeTest, value};
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use super::{KafkaConsumer, KafkaProducers, StreamPublisher};

/// A mock cluster, and the producers of a host that publishes there.
struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producers: KafkaProducers,
}

impl Mock {
    /// A cluster of one broker, with a topic `t` of `partitions` partitions.
    fn new(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", partitions, 1).unwrap();
        Self { cluster, producers: KafkaProducers::default() }
    }

    fn node<T: NodeType>(&self, config: Value) -> Result<NodeTest> {
        let mut given = config.into_map().unwrap();
        if !given.contains_key("brokers") {
            given.insert("brokers", self.cluster.bootstrap_servers());
        }
        let services = Services::builder().with(self.producers.clone()).unwrap().build();
        NodeTest::new::<T>(given.into(), &services)
    }

    async fn publish(&self, config: Value, given: Value) -> Result<Map> {
        self.node::<StreamPublisher>(config)?.run(given).await
    }

    /// Publishes `values` to topic `t`.
    async fn fill(&self, values: impl IntoIterator<Item = Value>) {
        let values: Vec<Value> = values.into_iter().collect();
        self.publish(value!({}), value!({"topic": "t", "messages": values})).await.unwrap();
    }

    /// A consumer of group `group`, from the first message on. The mock lets the next member of a group wait for nearly as
    /// long as the session of the last one, though that one has left.
    fn consumer(&self, group: &str, more: Value) -> Result<NodeTest> {
        let mut config =
            value!({"group_id": group, "start_from": "earliest", "format": "json", "session_timeout_s": 6})
                .into_map()
                .unwrap();
        config.extend(more.into_map().unwrap());
        self.node::<KafkaConsumer>(config.into())
    }

    async fn collect(&self, group: &str, more: Value) -> Result<Map> {
        self.consumer(group, more)?.run(value!({"topics": "t"})).await
    }
}

/// The values of messages.
fn values(messages: &[Value]) -> Vec<Value> {
    messages.iter().map(|message| message.get("value").cloned().unwrap()).collect()
}

/// The values of the messages that came out.
fn collected(outputs: &Map) -> Vec<Value> {
    values(outputs.get("messages").and_then(Value::as_list).unwrap())
}

fn numbers(range: std::ops::Range<i64>) -> Vec<Value> {
    range.map(Value::from).collect()
}
