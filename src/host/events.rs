//! The events of all runs of a host, for those who watch it.

use std::sync::Arc;

use kailash_core::Event;
use kailash_runtime::Hook;
use tokio::sync::broadcast;

/// How many events a watcher may be behind before it is told how many it missed.
const BUFFER: usize = 4096;

/// Hands out the events of all runs.
#[derive(Clone)]
pub struct Bus(broadcast::Sender<Arc<Event>>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::Sender::new(BUFFER))
    }
}

impl Bus {
    /// What a runtime calls with each event.
    #[must_use]
    pub fn hook(&self) -> Hook {
        let sender = self.0.clone();
        Arc::new(move |event| {
            if sender.receiver_count() > 0 {
                // Who listened may just have gone.
                drop(sender.send(Arc::new(event.clone())));
            }
        })
    }

    /// The events from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}
