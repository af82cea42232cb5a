//! What a subscription asked for and what arrived for it, bounded.
//!
//! Messages of QoS 1 and 2 are bounded by the broker: it leaves no more of them unacknowledged than it was told. Those of
//! QoS 0 know no brake, so that what finds no room is dropped and counted.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Result, exec::Timestamp, node::Context};
use rumqttc::{Publish, QoS, RetainForwardRule, SubscribeFilter, SubscribeReasonCode};
use tokio::sync::Notify;

use super::error;

/// How many messages a broker may leave unacknowledged, unless more are to be held.
pub(super) const RECEIVE_MAXIMUM: u16 = 256;
/// How many messages of QoS 0 wait at most.
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
    receive_maximum: u16,
    cx: Context,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arrived>,
    /// How many messages of QoS 0 are in the queue.
    lossy: usize,
    /// Their bytes.
    bytes: usize,
    dropped: u64,
    connection: u64,
    /// The connection with which the broker's session began.
    session: u64,
}

impl Subscription {
    /// A subscription to `filters` at a broker that leaves no more than `receive_maximum` messages unacknowledged; `cx`
    /// tells the time.
    pub(super) fn new(filters: Vec<String>, qos: QoS, receive_maximum: u16, cx: Context) -> Self {
        Self { filters, qos, receive_maximum, cx, state: Mutex::default(), changed: Notify::new() }
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
        if !session_present || state.connection == 1 {
            state.session = state.connection;
        }
    }

    /// A message arrived.
    pub(super) fn offer(&self, message: Publish) {
        let mut state = self.lock();
        if message.qos == QoS::AtMostOnce {
            let bytes = message.payload.len() + message.topic.len();
            if state.lossy >= MOST || state.bytes + bytes > MOST_BYTES {
                state.dropped += 1;
                return;
            }
            state.lossy += 1;
            state.bytes += bytes;
        } else if state.queue.len() - state.lossy >= usize::from(self.receive_maximum) {
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
        for lossy in taken.iter().filter(|arrived| arrived.message.qos == QoS::AtMostOnce) {
            state.lossy -= 1;
            state.bytes -= lossy.message.payload.len() + lossy.message.topic.len();
        }
        taken
    }

    /// The connection there is now.
    pub(super) fn connection(&self) -> u64 {
        self.lock().connection
    }

    /// The earlier connections of the broker's session: what came over them and was not acknowledged comes again.
    pub(super) fn repeated(&self) -> Range<u64> {
        let state = self.lock();
        state.session..state.connection
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

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(receive_maximum: u16) -> Subscription {
        let cx = crate::testing::context(1);
        Subscription::new(vec!["a".into()], QoS::AtLeastOnce, receive_maximum, cx)
    }

    fn message(qos: QoS) -> Publish {
        Publish::new("a", qos, "x", None)
    }

    #[test]
    fn what_a_session_did_not_hear_of_comes_again_and_what_a_lost_one_had_does_not() {
        let inbox = inbox(10);
        inbox.connected(true);
        assert!(inbox.repeated().is_empty(), "nothing came before the first connection");
        inbox.connected(true);
        assert_eq!(inbox.repeated(), 1..2);
        inbox.connected(true);
        assert_eq!(inbox.repeated(), 1..3);
        inbox.connected(false);
        assert!(inbox.repeated().is_empty(), "the broker has forgotten the session");
        inbox.connected(true);
        assert_eq!(inbox.repeated(), 4..5);
    }

    #[test]
    fn messages_of_qos_0_take_no_room_from_others() {
        let inbox = inbox(2);
        inbox.connected(false);
        for _ in 0..MOST + 3 {
            inbox.offer(message(QoS::AtMostOnce));
        }
        assert_eq!(inbox.dropped(), 3);
        for _ in 0..3 {
            inbox.offer(message(QoS::AtLeastOnce));
        }
        let taken = inbox.take(usize::MAX);
        assert_eq!(taken.len(), MOST + 2, "as many as the broker was told");
        inbox.offer(message(QoS::AtMostOnce));
        assert_eq!((inbox.take(10).len(), inbox.dropped()), (1, 3));
    }
}
