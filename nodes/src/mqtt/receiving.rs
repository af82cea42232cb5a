//! Receives messages: a subscription opened, batches taken, acknowledged once they have left.
//!
//! ```text
//! stream: batch ─> emitted ─> acknowledged, batch by batch
//! whole:  batch ─> held ─> .. ─> all there ─> acknowledged ─> outputs
//! ```

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kailash_core::{
    Error, Map, Result, Value,
    node::{Context, Emit, Outputs, Pressure, Progress, Source},
};
use rumqttc::QoS;
use tokio::time::{Instant, timeout_at};

use super::{
    MessageFormat,
    inbox::{Arrived, RECEIVE_MAXIMUM, Subscription},
    link::{Link, Session},
    payload::CODE,
    settings::Settings,
};

/// How many messages leave at once.
const BATCH: usize = 256;
/// How long a pull waits before it looks around.
const PAUSE: Duration = Duration::from_secs(1);

/// What is received.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) settings: Settings,
    pub(super) qos: QoS,
    pub(super) session: Session,
    pub(super) format: MessageFormat,
    pub(super) skip_invalid: bool,
    pub(super) max_messages: Option<u64>,
    pub(super) duration: Option<Duration>,
    pub(super) timeout: Duration,
    pub(super) max_message_bytes: u32,
}

/// A subscription at work. Dropping it ends its connection.
pub(super) struct Receiving {
    request: Arc<Request>,
    filters: Vec<String>,
    /// How many messages the broker may leave unacknowledged.
    receive_maximum: u16,
    open: Option<Open>,
    count: u64,
    skipped: u64,
}

/// A message that was taken, and is to be acknowledged.
struct Taken {
    /// None for one that is left out.
    message: Option<Value>,
    arrived: Arrived,
}

struct Open {
    link: Link,
    inbox: Arc<Subscription>,
    /// When the time it was given is over.
    end: Option<Instant>,
}

impl Receiving {
    /// Nothing is opened yet.
    pub(super) fn new(request: Arc<Request>, filters: Vec<String>) -> Self {
        Self { request, filters, receive_maximum: RECEIVE_MAXIMUM, open: None, count: 0, skipped: 0 }
    }

    /// Collects messages until there are enough or the time is over, and acknowledges them then: after a failure they come
    /// again. Only where the broker could send no more they are acknowledged earlier.
    ///
    /// # Errors
    /// What connecting and subscribing can fail with; kind `Invalid`, code `mqtt.payload`.
    pub(super) async fn collect(mut self, cx: &Context) -> Result<Outputs> {
        let end = Instant::now() + self.request.timeout;
        let wanted = self.request.max_messages.unwrap_or_default();
        self.receive_maximum = u16::try_from(wanted).unwrap_or(u16::MAX).max(RECEIVE_MAXIMUM);
        self.open(end, cx).await?;
        let (mut messages, mut held) = (Vec::<Value>::new(), Vec::<Taken>::new());
        while !self.is_over() && Instant::now() < end {
            cx.check()?;
            if held.len() >= usize::from(self.receive_maximum) {
                self.acknowledge(&held);
                messages.extend(held.drain(..).filter_map(|taken| taken.message));
            }
            held.extend(self.batch(end).await?);
            self.forget_repeated(&mut held);
        }
        self.acknowledge(&held);
        messages.extend(held.into_iter().filter_map(|taken| taken.message));
        let mut outputs = self.close().await;
        outputs.set(0, messages);
        Ok(outputs)
    }

    async fn open(&mut self, deadline: Instant, cx: &Context) -> Result<()> {
        let mut opening = self.request.settings.open(cx).await?;
        opening.options.set_receive_maximum(Some(self.receive_maximum));
        opening.options.set_max_packet_size(Some(self.request.max_message_bytes));
        let (filters, qos) = (self.filters.clone(), self.request.qos);
        let inbox = Arc::new(Subscription::new(filters, qos, self.receive_maximum, cx.clone()));
        let link = Link::open(opening, self.request.session, Some(Arc::clone(&inbox)));
        link.ready(deadline).await?;
        let end = self.request.duration.map(|duration| Instant::now() + duration);
        self.open = Some(Open { link, inbox, end });
        Ok(())
    }

    /// Whether there are enough messages, or the time is over.
    fn is_over(&self) -> bool {
        let end = self.open.as_ref().and_then(|open| open.end);
        self.request.max_messages.is_some_and(|most| self.count >= most)
            || end.is_some_and(|end| Instant::now() >= end)
    }

    /// The next messages, none if there were none until `deadline`.
    async fn batch(&mut self, deadline: Instant) -> Result<Vec<Taken>> {
        let Some(open) = &self.open else {
            return Err(Error::internal("a subscription was used before it was opened"));
        };
        let left = self.request.max_messages.map_or(u64::MAX, |most| most - self.count);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(BATCH);
        let deadline = open.end.map_or(deadline, |end| end.min(deadline));
        let taken = loop {
            let taken = open.inbox.take(most);
            if !taken.is_empty() {
                break taken;
            }
            if let Some(error) = open.link.failure() {
                return Err(error);
            }
            if timeout_at(deadline, open.inbox.changed()).await.is_err() {
                break taken;
            }
        };
        let mut batch = Vec::with_capacity(taken.len());
        for mut arrived in taken {
            let message = match self.describe(&arrived) {
                Ok(message) => Some(message),
                Err(_) if self.request.skip_invalid => None,
                Err(error) => return Err(error),
            };
            // An acknowledgement needs no payload.
            arrived.message.payload.clear();
            batch.push(Taken { message, arrived });
        }
        let count = batch.iter().filter(|taken| taken.message.is_some()).count();
        self.count += count as u64;
        self.skipped += (batch.len() - count) as u64;
        Ok(batch)
    }

    /// Lets go of what the broker sends again over a new connection.
    fn forget_repeated(&mut self, held: &mut Vec<Taken>) {
        let Some(open) = &self.open else { return };
        let repeated = open.inbox.repeated();
        if repeated.is_empty() {
            return;
        }
        let (count, skipped) = (&mut self.count, &mut self.skipped);
        held.retain(|Taken { message, arrived }| {
            let again = arrived.message.qos != QoS::AtMostOnce && repeated.contains(&arrived.connection);
            if again {
                *(if message.is_some() { &mut *count } else { &mut *skipped }) -= 1;
            }
            !again
        });
    }

    fn describe(&self, arrived: &Arrived) -> Result<Value> {
        let topic = String::from_utf8_lossy(&arrived.message.topic);
        let payload = self.request.format.read(arrived.message.payload.clone(), CODE);
        let mut map = Map::with_capacity(5);
        map.insert("topic", topic.as_ref());
        map.insert("payload", payload.map_err(|error| error.at(topic.into_owned()))?);
        map.insert("qos", arrived.message.qos as u8);
        map.insert("retain", arrived.message.retain);
        map.insert("received_at", arrived.at.to_string());
        Ok(map.into())
    }

    /// Tells the broker that `taken` need not come again. Over a new connection it does not have to be told: it either
    /// knows them no longer or sends them again.
    fn acknowledge(&self, taken: &[Taken]) {
        let Some(open) = &self.open else { return };
        let connection = open.inbox.connection();
        let arrived = taken.iter().map(|taken| &taken.arrived);
        for arrived in arrived.filter(|arrived| arrived.connection == connection) {
            if open.link.client.try_ack(&arrived.message).is_err() {
                tracing::debug!(
                    place = open.link.place,
                    "an MQTT message is not acknowledged and may come again"
                );
            }
        }
    }

    /// Ends the connection and gives the outputs that are whole values.
    async fn close(&mut self) -> Outputs {
        let mut outputs = Outputs::none(4);
        let mut dropped = 0;
        if let Some(open) = self.open.take() {
            dropped = open.inbox.dropped();
            open.link.close().await;
        }
        outputs.set(1, self.count);
        outputs.set(2, dropped);
        outputs.set(3, self.skipped);
        outputs
    }
}

#[async_trait]
impl Source for Receiving {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        if self.open.is_none() {
            self.open(Instant::now() + self.request.timeout, cx).await?;
        }
        if self.is_over() {
            return Ok(Progress::End);
        }
        let mut taken = self.batch(Instant::now() + PAUSE).await?;
        let messages: Vec<Value> = taken.iter_mut().filter_map(|taken| taken.message.take()).collect();
        if !messages.is_empty() {
            out.emit(0, messages).await?;
        }
        self.acknowledge(&taken);
        Ok(if self.is_over() { Progress::End } else { Progress::More })
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        Ok(self.close().await)
    }

    fn pressure(&self) -> Pressure {
        if self.request.qos == QoS::AtMostOnce { Pressure::Lossy } else { Pressure::Pausable }
    }
}
