//! What a subscription asked for and what arrived for it, bounded.
//!
//! Messages of QoS 1 and 2 are bounded by the broker: it leaves no more than [`RECEIVE_MAXIMUM`] unacknowledged. Those of
//! QoS 0 know no brake, so that what finds no room is dropped and counted.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Result, exec::Timestamp, node::Context};
use rumqttc::{Publish, QoS, RetainForwardRule, SubscribeFilter, SubscribeReasonCode};
use tokio::sync::Notify;

use super::error;

/// How many messages a broker may leave unacknowledged.
pub(super) const RECEIVE_MAXIMUM: u16 = 256;
/// How many messages wait at most.
const MOST: usize = 1024;
/// How many bytes of messages of QoS 0 wait at most.
const MOST_BYTES: usize = 16 << 20;

/// A message that arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) message: Publish,
    pub(super) at: Timestamp,
    /// The connection it arrived over, counted from 1: an acknowledgement is good only there.
    pub(super) connection: u64,
}

/// What was asked for and what arrived.
pub(super) struct Subscription {
    filters: Vec<String>,
    qos: QoS,
    cx: Context,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arrived>,
    /// Bytes of the messages of QoS 0 in the queue.
    bytes: usize,
    dropped: u64,
    connection: u64,
}

impl Subscription {
    /// A subscription to `filters`; `cx` tells the time.
    pub(super) fn new(filters: Vec<String>, qos: QoS, cx: Context) -> Self {
        Self { filters, qos, cx, state: Mutex::default(), changed: Notify::new() }
    }

    /// What to ask the broker for. Retained messages come with the first time only.
    pub(super) fn filters(&self) -> Vec<SubscribeFilter> {
        let filter = |filter: &String| SubscribeFilter {
            path: filter.clone(),
            qos: self.qos,
            nolocal: false,
            preserve_retain: false,
            retain_forward_rule: RetainForwardRule::OnNewSubscribe,
        };
        self.filters.iter().map(filter).collect()
    }

    /// Whether the broker granted every filter.
    pub(super) fn granted(&self, reasons: &[SubscribeReasonCode]) -> Result<()> {
        let refused =
            self.filters.iter().zip(reasons).find_map(|(filter, reason)| error::suback(*reason, filter));
        refused.map_or(Ok(()), Err)
    }

    /// There is a new connection. If the broker went on with the session, what was not acknowledged comes again.
    pub(super) fn connected(&self, session_present: bool) {
        let mut state = self.lock();
        state.connection += 1;
        if session_present {
            state.queue.retain(|arrived| arrived.message.qos == QoS::AtMostOnce);
        }
    }

    /// A message arrived.
    pub(super) fn offer(&self, message: Publish) {
        let mut state = self.lock();
        let is_full = state.queue.len() >= MOST;
        if message.qos == QoS::AtMostOnce {
            let bytes = message.payload.len() + message.topic.len();
            if is_full || state.bytes + bytes > MOST_BYTES {
                state.dropped += 1;
                return;
            }
            state.bytes += bytes;
        } else if is_full {
            // Only a broker that ignores the maximum it was told gets here. It keeps what is not acknowledged.
            return;
        }
        let connection = state.connection;
        state.queue.push_back(Arrived { message, at: self.cx.clock().now(), connection });
        drop(state);
        self.wake();
    }

    /// Takes up to `most` messages that are there.
    pub(super) fn take(&self, most: usize) -> Vec<Arrived> {
        let mut state = self.lock();
        let count = state.queue.len().min(most);
        let taken: Vec<Arrived> = state.queue.drain(..count).collect();
        let freed = taken.iter().filter(|arrived| arrived.message.qos == QoS::AtMostOnce);
        state.bytes -=
            freed.map(|arrived| arrived.message.payload.len() + arrived.message.topic.len()).sum::<usize>();
        taken
    }

    /// The connection there is now.
    pub(super) fn connection(&self) -> u64 {
        self.lock().connection
    }

    /// How many messages found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Wakes who waits with [`Subscription::changed`].
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Waits until something arrived or became of the connection since it was last asked.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
