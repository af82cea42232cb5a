//! Both types against a Mosquitto of their own, from the system's packages.

mod broker;
mod configs;
mod peer;
mod publish;
mod secure;
mod subscribe;

use broker::Broker;
use kailash_core::{Map, Result, Services, Value, node::NodeType, testing::NodeTest, value};

use super::{MqttClients, MqttPublish, MqttSubscribe};

fn node<T: NodeType>(broker: &Broker, config: Value) -> Result<NodeTest> {
    let mut given = config.into_map().unwrap();
    if !given.contains_key("broker") {
        given.insert("broker", broker.url());
    }
    let services = Services::builder().with(broker.clients.clone()).unwrap().build();
    NodeTest::new::<T>(given.into(), &services)
}

async fn publish(broker: &Broker, config: Value, given: Value) -> Result<Map> {
    node::<MqttPublish>(broker, config)?.run(given).await
}

async fn collect(broker: &Broker, config: Value, topics: &str) -> Result<Map> {
    node::<MqttSubscribe>(broker, config)?.run(value!({"topics": topics})).await
}

/// The payloads of the messages that came out.
fn payloads(outputs: &Map) -> Vec<Value> {
    let messages = outputs.get("messages").and_then(Value::as_list).unwrap().iter();
    messages.map(|message| message.get("payload").cloned().unwrap()).collect()
}
