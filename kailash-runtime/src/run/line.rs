//! The way of events to one listener: bounded, never waiting. Who is slow misses the oldest and is told how many.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::Event;
use tokio::sync::Notify;

/// How many events a listener may be behind.
const BUFFER: usize = 1024;

/// A way for events. It takes no memory until the first one.
pub(super) fn line() -> (Sender, Receiver) {
    let line = Arc::new(Line::default());
    (Sender(Arc::clone(&line)), Receiver(line))
}

#[derive(Default)]
struct Line {
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Arc<Event>>,
    missed: u64,
    /// Whether one of both ends is gone.
    closed: bool,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }
}

/// Where events go in.
pub(super) struct Sender(Arc<Line>);

impl Sender {
    /// Sends an event, unless nobody listens any more.
    pub(super) fn send(&self, event: Arc<Event>) {
        let mut queue = self.0.lock();
        if queue.closed {
            return;
        }
        if queue.events.len() == BUFFER {
            queue.events.pop_front();
            queue.missed += 1;
        }
        queue.events.push_back(event);
        drop(queue);
        self.0.filled.notify_one();
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What comes out.
pub(super) enum Next {
    Event(Arc<Event>),
    /// So many events were dropped before the next one.
    Missed(u64),
}

/// Where events come out.
pub(super) struct Receiver(Arc<Line>);

impl Receiver {
    /// What is next; none when everything came out and the sender is gone.
    pub(super) async fn next(&mut self) -> Option<Next> {
        loop {
            {
                let mut queue = self.0.lock();
                if queue.missed > 0 {
                    return Some(Next::Missed(std::mem::take(&mut queue.missed)));
                }
                if let Some(event) = queue.events.pop_front() {
                    return Some(Next::Event(event));
                }
                if queue.closed {
                    return None;
                }
            }
            self.0.filled.notified().await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.close();
        self.0.lock().events = VecDeque::new();
    }
}
