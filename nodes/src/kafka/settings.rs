//! How a client reaches its brokers.

use kailash_core::{Error, Result, node::Context};
use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::secret::SecretRef;

/// The brokers to begin with: `host:port`, several with commas between them or as a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `host:port`, or a list of them")]
pub enum Brokers {
    /// One text.
    One(String),
    /// A list.
    Several(Vec<String>),
}

impl Brokers {
    /// The brokers one by one.
    ///
    /// # Errors
    /// Kind `Invalid`, code `kafka.brokers`.
    pub(super) fn list(&self) -> Result<Vec<&str>> {
        let brokers: Vec<&str> = match self {
            Self::One(text) => text.split(',').map(str::trim).collect(),
            Self::Several(brokers) => brokers.iter().map(|broker| broker.trim()).collect(),
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let is_sound = |broker: &&str| {
            let (host, port) = broker.rsplit_once(':').unwrap_or((broker, "9092"));
            !host.is_empty()
                && !host.contains(['/', ',', '@'])
                && !host.contains(char::is_whitespace)
                && is_port(port)
        };
        if brokers.is_empty() || !brokers.iter().all(is_sound) {
            return Err(Error::invalid("kafka.brokers", "a broker is `host:port`"));
        }
        Ok(brokers)
    }

    /// Whether all of them are on this machine.
    pub(super) fn are_here(&self) -> bool {
        let here = |broker: &str| ["localhost", "127.", "[::1]"].iter().any(|own| broker.starts_with(own));
        self.list().is_ok_and(|brokers| brokers.into_iter().all(here))
    }
}

/// How a client reaches its brokers. Clients with equal settings can be one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settings {
    pub(super) brokers: Brokers,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretRef>,
}

impl Settings {
    /// The settings for a client of librdkafka.
    ///
    /// # Errors
    /// What reading the secret can fail with.
    pub(super) async fn open(&self, cx: &Context) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config.set("client.id", "kailash").set("bootstrap.servers", self.brokers.list()?.join(","));
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            config.set("security.protocol", "sasl_plaintext").set("sasl.mechanism", "PLAIN");
            config.set("sasl.username", username);
            config.set("sasl.password", password.read("kafka.secret", cx).await?);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_hosts_with_ports() {
        let list = |text: &str| Brokers::One(text.into()).list().map(|brokers| brokers.join("|"));
        assert_eq!(list("a:9092, b").unwrap(), "a:9092|b");
        for wrong in ["", "a:", "a:0", "PLAINTEXT://a:1", "a b:1", ":9092", "a,,b"] {
            assert_eq!(list(wrong).unwrap_err().code(), "kafka.brokers", "{wrong}");
        }
        assert!(Brokers::Several(vec!["localhost:1".into(), "127.0.0.1:2".into()]).are_here());
        assert!(!Brokers::Several(vec!["localhost:1".into(), "b:2".into()]).are_here());
    }
}
