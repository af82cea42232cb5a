//! The producers that a host's nodes publish with: shared by nodes with equal settings.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{ear::Ear, error, publish::Compression, settings::Settings};
use crate::messaging::{Borrowed, Share, Shared};
use kailash_core::{Result, node::Context};
use rdkafka::{config::FromClientConfigAndContext, producer::FutureProducer};

/// Kilobytes of messages that may wait in a producer.
const WAITING_KB: u32 = 32 << 10;

/// What makes two producers equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) settings: Settings,
    pub(super) timeout: Duration,
    pub(super) max_message_bytes: u32,
    pub(super) compression: Compression,
}

/// A handle to the producers that a host's nodes publish with. Making it starts none.
#[derive(Clone, Default)]
pub struct KafkaProducers(Shared<Wanted, Producer>);

/// A producer with what it has to say. Dropping it ends it on a thread of its own, because that takes a while.
pub(super) struct Producer {
    inner: Option<FutureProducer<Ear>>,
    pub(super) ear: Ear,
    /// Whether it cannot be used any more.
    broken: AtomicBool,
}

impl Producer {
    pub(super) fn inner(&self) -> Option<&FutureProducer<Ear>> {
        self.inner.as_ref()
    }

    /// Notes that it cannot be used any more: the next user gets another one.
    pub(super) fn give_up(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        let ending = std::thread::Builder::new().name("kafka-end".into()).spawn(move || drop(inner));
        if let Err(error) = ending {
            tracing::warn!(%error, "a Kafka producer ends on the thread that used it");
        }
    }
}

impl Share for Producer {
    fn is_usable(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
    }
}

impl KafkaProducers {
    /// A producer as `wanted`: one that is there, or a new one.
    ///
    /// # Errors
    /// What reading the secret can fail with; settings that librdkafka does not take.
    pub(super) async fn borrow(&self, wanted: &Wanted, cx: &Context) -> Result<Borrowed<Wanted, Producer>> {
        if let Some(producer) = self.0.known(wanted) {
            return Ok(producer);
        }
        let mut config = wanted.settings.open(cx).await?;
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", wanted.timeout.as_millis().max(1).to_string())
            .set(
                "message.max.bytes",
                (wanted.max_message_bytes.saturating_add(1 << 16)).min(1_000_000_000).to_string(),
            )
            .set("queue.buffering.max.kbytes", WAITING_KB.max(wanted.max_message_bytes >> 9).to_string())
            .set("compression.type", wanted.compression.as_str())
            // As clients in Java do it, so that a key goes to the same partition whoever sends it.
            .set("partitioner", "murmur2_random");
        let ear = Ear::default();
        let inner = FutureProducer::<Ear>::from_config_and_context(&config, ear.clone())
            .map_err(|error| error::of(&error))?;
        let producer = Producer { inner: Some(inner), ear, broken: AtomicBool::new(false) };
        Ok(self.0.known_or(wanted, || producer))
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.count()
    }
}
