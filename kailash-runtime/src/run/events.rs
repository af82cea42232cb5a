//! Events of one run, for those who listen; nothing is made while nobody does.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use kailash_core::{
    Event, RunId, Text,
    event::{EVENT_VERSION, What},
    exec::Clock,
};
use tokio::sync::broadcast;

/// Code that is called with every event, on the thread on which it happens: it must be quick and may
/// not block. Its panic is logged and hurts nobody.
pub type Hook = Arc<dyn Fn(&Event) + Send + Sync>;

/// How many events a listener may be behind before it is told how many it missed.
const BUFFER: usize = 1024;

/// Numbers events and hands them out.
pub(crate) struct EventHub {
    run: RunId,
    clock: Arc<dyn Clock>,
    hooks: Vec<Hook>,
    out: Mutex<Numbered>,
}

struct Numbered {
    next: u64,
    /// Whether the last event was handed out.
    ended: bool,
    listeners: Option<broadcast::Sender<Arc<Event>>>,
}

impl EventHub {
    /// A hub for hooks and, with `listened`, for one listener to begin with.
    pub(crate) fn new(
        run: RunId,
        clock: Arc<dyn Clock>,
        hooks: Vec<Hook>,
        listened: bool,
    ) -> (Self, Option<Events>) {
        let (sender, receiver) = if listened {
            let (sender, receiver) = broadcast::channel(BUFFER);
            (Some(sender), Some(Events { receiver, run, clock: Arc::clone(&clock) }))
        } else {
            (None, None)
        };
        (
            Self {
                run,
                clock,
                hooks,
                out: Mutex::new(Numbered { next: 0, ended: false, listeners: sender }),
            },
            receiver,
        )
    }

    /// Hands out an event; what a body still tells after the end of its run is dropped.
    pub(crate) fn emit(&self, unit: Option<Text>, attempt: Option<u32>, what: What) {
        // Held while handing out, so that listeners see events in the order of their numbers.
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !out.ended {
            self.hand_out(&mut out, unit, attempt, what);
        }
    }

    /// Hands out the last event and lets listeners see the end; a run ends once.
    pub(crate) fn end(&self, what: What) {
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !out.ended {
            self.hand_out(&mut out, None, None, what);
            (out.ended, out.listeners) = (true, None);
        }
    }

    fn hand_out(&self, out: &mut Numbered, unit: Option<Text>, attempt: Option<u32>, what: What) {
        let event = Event {
            v: EVENT_VERSION,
            run: self.run,
            seq: out.next,
            at: self.clock.now(),
            unit,
            attempt,
            what,
        };
        out.next += 1;
        for hook in &self.hooks {
            if catch_unwind(AssertUnwindSafe(|| hook(&event))).is_err() {
                tracing::error!(run = %self.run, seq = event.seq, "a hook panicked");
            }
        }
        if let Some(listeners) = &out.listeners {
            // An error only says that nobody listens any more.
            drop(listeners.send(Arc::new(event)));
        }
    }
}

/// The events of one run, from its start.
pub struct Events {
    receiver: broadcast::Receiver<Arc<Event>>,
    run: RunId,
    clock: Arc<dyn Clock>,
}

impl Events {
    /// The next event; none after the last. Who is slow gets an event of type `lagged` in place of those missed.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Arc::new(Event {
                v: EVENT_VERSION,
                run: self.run,
                seq: 0,
                at: self.clock.now(),
                unit: None,
                attempt: None,
                what: What::Lagged { missed },
            })),
        }
    }
}
