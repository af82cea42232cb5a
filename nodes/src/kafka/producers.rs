//! The producers that a host's nodes publish with: kept while they are used and a while longer, shared by nodes with equal
//! settings.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kailash_core::{Result, node::Context};
use rdkafka::{config::FromClientConfigAndContext, producer::FutureProducer};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{ear::Ear, error, publish::Compression, settings::Settings};

/// How long a producer is kept without use.
const IDLE: Duration = Duration::from_secs(10);
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
pub struct KafkaProducers(Arc<Mutex<HashMap<Wanted, Shared>>>);

/// A producer and its users.
struct Shared {
    producer: Arc<Producer>,
    users: usize,
    /// When it was last used.
    last: Instant,
    /// Whether a task waits for it to be idle.
    watched: bool,
}

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

/// A producer in use.
pub(super) struct Borrowed {
    producer: Arc<Producer>,
    wanted: Wanted,
    producers: KafkaProducers,
}

impl std::ops::Deref for Borrowed {
    type Target = Producer;

    fn deref(&self) -> &Producer {
        &self.producer
    }
}

impl KafkaProducers {
    /// A producer as `wanted`: one that is there, or a new one.
    ///
    /// # Errors
    /// What reading the secret can fail with; settings that librdkafka does not take.
    pub(super) async fn borrow(&self, wanted: &Wanted, cx: &Context) -> Result<Borrowed> {
        if let Some(producer) = self.known(wanted) {
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
        let producer = Arc::new(Producer { inner: Some(inner), ear, broken: AtomicBool::new(false) });
        let mut producers = self.lock();
        // Another node may have been faster.
        if producers.get(wanted).is_none_or(|shared| shared.producer.broken.load(Ordering::Relaxed)) {
            let shared =
                Shared { producer: Arc::clone(&producer), users: 0, last: Instant::now(), watched: false };
            producers.insert(wanted.clone(), shared);
        }
        drop(producers);
        let new = || Borrowed { producer, wanted: wanted.clone(), producers: self.clone() };
        Ok(self.known(wanted).unwrap_or_else(new))
    }

    fn known(&self, wanted: &Wanted) -> Option<Borrowed> {
        let mut producers = self.lock();
        let shared = producers.get_mut(wanted)?;
        if shared.producer.broken.load(Ordering::Relaxed) {
            return None;
        }
        shared.users += 1;
        let producer = Arc::clone(&shared.producer);
        Some(Borrowed { producer, wanted: wanted.clone(), producers: self.clone() })
    }

    /// Waits until the producer was idle for long enough, and ends it.
    async fn watch(producers: Weak<Mutex<HashMap<Wanted, Shared>>>, wanted: Wanted) {
        loop {
            let until = {
                let Some(producers) = producers.upgrade().map(Self) else { return };
                let mut producers = producers.lock();
                let Some(shared) = producers.get_mut(&wanted) else { return };
                if shared.users > 0 {
                    // The last user has it watched again.
                    shared.watched = false;
                    return;
                }
                let until = shared.last + IDLE;
                if Instant::now() >= until {
                    drop(producers.remove(&wanted));
                    return;
                }
                until
            };
            sleep_until(until).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Wanted, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut producers = self.producers.lock();
        let shared =
            producers.get_mut(&self.wanted).filter(|shared| Arc::ptr_eq(&shared.producer, &self.producer));
        let Some(shared) = shared else { return };
        shared.users = shared.users.saturating_sub(1);
        shared.last = Instant::now();
        if shared.users > 0 || shared.watched {
            return;
        }
        match Handle::try_current() {
            Ok(executor) => {
                shared.watched = true;
                let producers = Arc::downgrade(&self.producers.0);
                drop(executor.spawn(KafkaProducers::watch(producers, self.wanted.clone())));
            }
            // Nobody could wait for it to be idle.
            Err(_) => drop(producers.remove(&self.wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_a_handle_starts_nothing() {
        assert_eq!(KafkaProducers::default().count(), 0);
    }
}
