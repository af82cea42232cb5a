//! What a client has to say while nobody asks it: whether it joined its group, and why it may not connect.

use kailash_core::{Error, ErrorKind};
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult},
};
use tokio::sync::watch;

use super::error;

/// Hears what a client has to say. Clones hear the same.
#[derive(Clone)]
pub(super) struct Ear(watch::Sender<Heard>);

#[derive(Clone, Default)]
struct Heard {
    joined: bool,
    /// Partitions that went to others since somebody asked.
    revoked: Vec<(String, i32)>,
    /// The last thing that went wrong.
    error: Option<Error>,
}

impl Default for Ear {
    fn default() -> Self {
        Self(watch::Sender::new(Heard::default()))
    }
}

impl Ear {
    /// Whether the consumer has joined its group.
    pub(super) fn joined(&self) -> bool {
        self.0.borrow().joined
    }

    /// The partitions that went to others since the last call.
    pub(super) fn take_revoked(&self) -> Vec<(String, i32)> {
        let mut revoked = Vec::new();
        self.0.send_if_modified(|heard| {
            revoked = std::mem::take(&mut heard.revoked);
            false
        });
        revoked
    }

    /// The last thing that went wrong.
    pub(super) fn last(&self) -> Option<Error> {
        self.0.borrow().error.clone()
    }

    /// Waits until something went wrong that does not pass.
    pub(super) async fn refused(&self) -> Error {
        let mut heard = self.0.subscribe();
        let is_final =
            |heard: &Heard| heard.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Denied);
        // The sender is here, so that there is something to wait for.
        let last = heard.wait_for(is_final).await.ok().and_then(|heard| heard.error.clone());
        last.unwrap_or_else(|| Error::internal("an error was lost"))
    }
}

impl ClientContext for Ear {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!(facility, message, "librdkafka");
            }
            _ => tracing::warn!(facility, message, "librdkafka"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let told = error::of(&error);
        let message = format!("{}: {reason}", told.message());
        let told = Error::new(told.kind(), told.code().to_owned(), message).with_retry(told.retry());
        self.0.send_modify(|heard| heard.error = Some(told));
    }
}

impl ConsumerContext for Ear {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(_) => self.0.send_modify(|heard| heard.joined = true),
            Rebalance::Revoke(partitions) => self.0.send_modify(|heard| {
                let gone = partitions.elements().into_iter();
                heard.revoked.extend(gone.map(|gone| (gone.topic().to_owned(), gone.partition())));
            }),
            Rebalance::Error(error) => tracing::warn!(%error, "a consumer group could not be joined again"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "offsets were not committed: messages may come again");
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{ClientConfig, config::FromClientConfigAndContext};

    use super::*;

    #[test]
    fn what_went_to_others_is_told_once() {
        let ear = Ear::default();
        let config = ClientConfig::new();
        let consumer = BaseConsumer::from_config_and_context(&config, ear.clone()).unwrap();
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition("t", 3);
        ear.post_rebalance(&consumer, &Rebalance::Assign(&partitions));
        assert!(ear.joined() && ear.take_revoked().is_empty());
        ear.post_rebalance(&consumer, &Rebalance::Revoke(&partitions));
        assert_eq!(ear.take_revoked(), [("t".to_owned(), 3)]);
        assert!(ear.take_revoked().is_empty());
    }

    #[tokio::test]
    async fn only_what_does_not_pass_is_a_refusal() {
        let ear = Ear::default();
        ear.error(
            KafkaError::Global(rdkafka::types::RDKafkaErrorCode::AllBrokersDown),
            "2/2 brokers are down",
        );
        let waited = tokio::time::timeout(std::time::Duration::ZERO, ear.refused()).await;
        assert!(waited.is_err(), "brokers come back");
        assert!(ear.last().is_some_and(|error| error.message().contains("2/2 brokers")));
        ear.error(KafkaError::Global(rdkafka::types::RDKafkaErrorCode::Authentication), "wrong password");
        let error = ear.refused().await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "kafka.denied"));
    }
}
