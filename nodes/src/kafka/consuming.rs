//! A member of a consumer group at work: joined, batches taken, committed once they have left.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use kailash_core::{
    Error, ErrorKind, Result, Value,
    node::{Context, Emit, Outputs, Progress, Source},
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{CommitMode, Consumer, StreamConsumer},
};
use tokio::time::{Instant, sleep_until};

use super::{ear::Ear, error, request::Request};

/// How many messages leave at once.
const BATCH: usize = 256;
/// How long a pull waits before it looks around.
const PAUSE: Duration = Duration::from_secs(1);

/// A member of a group. Dropping it leaves the group, on a thread of its own, because that takes a while.
pub(super) struct Consuming {
    request: Arc<Request>,
    topics: Vec<String>,
    open: Option<Open>,
    /// For each partition, the offset behind what was taken from it and is not committed yet.
    read: HashMap<(String, i32), i64>,
    count: u64,
    skipped: u64,
}

struct Open {
    consumer: Option<Arc<StreamConsumer<Ear>>>,
    ear: Ear,
    /// When it must have joined its group.
    by: Instant,
    /// When the time it was given is over; none before it has joined.
    end: Option<Instant>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(consumer) = self.consumer.take() else { return };
        let leaving = std::thread::Builder::new().name("kafka-leave".into()).spawn(move || drop(consumer));
        if let Err(error) = leaving {
            tracing::warn!(%error, "a consumer leaves its group on the thread that used it");
        }
    }
}

impl Consuming {
    /// Nothing is opened yet.
    pub(super) fn new(request: Arc<Request>, topics: Vec<String>) -> Self {
        Self { request, topics, open: None, read: HashMap::new(), count: 0, skipped: 0 }
    }

    /// Collects messages until there are enough or the time is over.
    ///
    /// # Errors
    /// What connecting and reading can fail with; kind `Invalid`, code `kafka.value`.
    pub(super) async fn collect(mut self, cx: &Context) -> Result<Outputs> {
        let end = Instant::now() + self.request.timeout;
        self.open(cx).await?;
        let mut messages = Vec::new();
        while !self.is_over() && Instant::now() < end {
            cx.check()?;
            messages.extend(self.batch(end).await?);
        }
        let mut outputs = self.close(cx).await?;
        outputs.set(0, messages);
        Ok(outputs)
    }

    async fn open(&mut self, cx: &Context) -> Result<()> {
        let request = &self.request;
        let by = Instant::now() + request.timeout;
        let config = request.client_config(cx).await?;
        let ear = Ear::default();
        let consumer = StreamConsumer::<Ear>::from_config_and_context(&config, ear.clone())
            .map_err(|error| error::of(&error))?;
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let consumer = Some(Arc::new(consumer));
        let open = Open { consumer, ear, by, end: None };
        open.consumer()?.subscribe(&topics).map_err(|error| error::of(&error))?;
        self.open = Some(open);
        Ok(())
    }

    /// Whether there are enough messages, or the time is over.
    fn is_over(&self) -> bool {
        let end = self.open.as_ref().and_then(|open| open.end);
        self.request.max_messages.is_some_and(|most| self.count >= most)
            || end.is_some_and(|end| Instant::now() >= end)
    }

    /// The next messages, none if there were none until `deadline`.
    async fn batch(&mut self, deadline: Instant) -> Result<Vec<Value>> {
        let Some(open) = &mut self.open else {
            return Err(Error::internal("a consumer was used before it was opened"));
        };
        let consumer = open.consumer()?;
        if open.end.is_none() && open.ear.joined() {
            open.end = self.request.duration.map(|duration| Instant::now() + duration);
        }
        let until = if open.ear.joined() { open.end } else { Some(open.by) };
        let deadline = until.map_or(deadline, |until| until.min(deadline));
        let left = self.request.max_messages.map_or(u64::MAX, |most| most - self.count);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(BATCH);
        let (mut batch, mut taken) = (Vec::new(), 0);
        let first = tokio::select! {
            biased;
            error = open.ear.refused() => return Err(error),
            message = consumer.recv() => Some(message),
            () = sleep_until(deadline) => None,
        };
        if first.is_none() && !open.ear.joined() && Instant::now() >= open.by {
            return Err(unjoined(&open.ear));
        }
        let mut next = first;
        while let Some(message) = next {
            taken += 1;
            forget_revoked(&mut self.read, &open.ear);
            match message {
                Ok(message) => {
                    match self.request.describe(&message) {
                        Ok(described) => batch.push(described),
                        Err(_) if self.request.skip_invalid => self.skipped += 1,
                        Err(error) => return Err(error),
                    }
                    self.read.insert((message.topic().to_owned(), message.partition()), message.offset() + 1);
                }
                Err(error) => {
                    let error = error::of(&error);
                    if !error::passes(&error) {
                        return Err(error.at(self.topics.join(", ")));
                    }
                    tracing::debug!(%error, "a Kafka consumer goes on");
                }
            }
            // Those that are left out count too: otherwise a topic full of them would keep the thread.
            next = if batch.len() < most && taken < BATCH { consumer.recv().now_or_never() } else { None };
        }
        self.count += batch.len() as u64;
        Ok(batch)
    }

    /// How far was read and not committed yet, of the partitions that are still its own.
    fn positions(&mut self) -> Result<TopicPartitionList> {
        if let Some(open) = &self.open {
            forget_revoked(&mut self.read, &open.ear);
        }
        let mut positions = TopicPartitionList::with_capacity(self.read.len());
        for ((topic, partition), offset) in &self.read {
            positions
                .add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| error::of(&error))?;
        }
        Ok(positions)
    }

    /// Commits how far was read, without waiting for the answer.
    fn commit(&mut self) -> Result<()> {
        let positions = self.positions()?;
        let Some(open) = self.open.as_ref().filter(|_| positions.count() > 0) else { return Ok(()) };
        let committed = open.consumer()?.commit(&positions, CommitMode::Async);
        // Committed again later they would take those back who have the partition then.
        self.read.clear();
        match committed {
            Err(error) if !error::moved(&error) => Err(error::of(&error)),
            _ => Ok(()),
        }
    }

    /// Commits how far was read, leaves the group, and gives the outputs that are whole values.
    async fn close(&mut self, cx: &Context) -> Result<Outputs> {
        let positions = self.positions()?;
        if let Some(consumer) = self.open.as_mut().and_then(|open| open.consumer.take()) {
            let committed = cx.blocking(move || {
                let committed = match positions.count() {
                    0 => Ok(()),
                    _ => consumer.commit(&positions, CommitMode::Sync),
                };
                drop(consumer);
                match committed {
                    Err(error) if error::moved(&error) => {
                        tracing::warn!(%error, "offsets were not committed: messages may come again");
                        Ok(())
                    }
                    committed => committed.map_err(|error| error::of(&error)),
                }
            });
            committed.await?;
        }
        let mut outputs = Outputs::none(3);
        outputs.set(1, self.count);
        outputs.set(2, self.skipped);
        Ok(outputs)
    }
}

impl Open {
    fn consumer(&self) -> Result<Arc<StreamConsumer<Ear>>> {
        self.consumer.clone().ok_or_else(|| Error::internal("a consumer was used after it was closed"))
    }
}

/// Lets go of partitions that went to others: whoever has them now reads on from what was committed.
fn forget_revoked(read: &mut HashMap<(String, i32), i64>, ear: &Ear) {
    for gone in ear.take_revoked() {
        read.remove(&gone);
    }
}

/// The group was not joined in time.
fn unjoined(ear: &Ear) -> Error {
    let error = ear.last().unwrap_or_else(|| {
        Error::new(ErrorKind::Timeout, "kafka.timeout", "the consumer group was not joined in time")
    });
    error.with_hint("are the brokers up, and does `brokers` name them?")
}

#[async_trait]
impl Source for Consuming {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        if self.open.is_none() {
            self.open(cx).await?;
        }
        if self.is_over() {
            return Ok(Progress::End);
        }
        let batch = self.batch(Instant::now() + PAUSE).await?;
        if !batch.is_empty() {
            out.emit(0, batch).await?;
        }
        self.commit()?;
        Ok(if self.is_over() { Progress::End } else { Progress::More })
    }

    async fn finish(&mut self, cx: &Context) -> Result<Outputs> {
        self.close(cx).await
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        ClientConfig,
        consumer::{BaseConsumer, ConsumerContext, Rebalance},
    };

    use super::*;
    use crate::kafka::{Brokers, MessageFormat, settings::Settings};

    #[test]
    fn what_went_to_others_is_not_committed() {
        let brokers = Brokers::One("localhost:1".into());
        let request = Request {
            settings: Settings { brokers, username: None, password: None },
            group_id: "g".into(),
            from_the_first: true,
            format: MessageFormat::default(),
            skip_invalid: false,
            max_messages: None,
            duration: None,
            timeout: PAUSE,
            session: PAUSE,
            max_message_bytes: 1,
        };
        let mut consuming = Consuming::new(Arc::new(request), vec!["t".into()]);
        let ear = Ear::default();
        consuming.open = Some(Open { consumer: None, ear: ear.clone(), by: Instant::now(), end: None });
        consuming.read.extend([(("t".to_owned(), 0), 5), (("t".to_owned(), 1), 7)]);
        assert_eq!(consuming.positions().unwrap().count(), 2);
        let consumer = BaseConsumer::from_config_and_context(&ClientConfig::new(), ear.clone()).unwrap();
        let mut gone = TopicPartitionList::new();
        gone.add_partition("t", 1);
        ear.post_rebalance(&consumer, &Rebalance::Revoke(&gone));
        let positions = consuming.positions().unwrap();
        let left = positions.elements();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].partition(), left[0].offset()), (0, Offset::Offset(5)));
    }
}
