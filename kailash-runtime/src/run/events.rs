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

use super::line::{Next, Receiver, Sender, line};

/// Code that is called with every event, on the thread on which it happens: it must be quick and may
/// not block. Its panic is logged and hurts nobody.
pub type Hook = Arc<dyn Fn(&Event) + Send + Sync>;

/// Numbers events and hands them out.
pub(crate) struct EventHub {
    run: RunId,
    clock: Arc<dyn Clock>,
    hooks: Vec<Hook>,
    out: Mutex<Numbered>,
}

struct Numbered {
    next: u64,
    /// Whether only the last event is left to be handed out.
    sealed: bool,
    /// Whether the last event was handed out.
    ended: bool,
    listener: Option<Sender>,
}

impl EventHub {
    /// A hub for hooks and, with `listened`, for a listener, whose first event has the number `next`.
    pub(crate) fn new(
        run: RunId,
        clock: Arc<dyn Clock>,
        hooks: Vec<Hook>,
        listened: bool,
        next: u64,
    ) -> (Self, Option<Events>) {
        let (listener, events) = if listened {
            let (sender, receiver) = line();
            (Some(sender), Some(Events { receiver, run, clock: Arc::clone(&clock) }))
        } else {
            (None, None)
        };
        let out = Mutex::new(Numbered { next, sealed: false, ended: false, listener });
        (Self { run, clock, hooks, out }, events)
    }

    /// Drops everything but one last event from now on: the number that comes after it.
    pub(crate) fn seal(&self) -> u64 {
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        out.sealed = true;
        out.next + 1
    }

    /// Hands out an event; what a body still tells after the end of its run is dropped.
    pub(crate) fn emit(&self, unit: Option<Text>, attempt: Option<u32>, what: What) {
        // Held while handing out, so that listeners see events in the order of their numbers.
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !out.sealed && !out.ended {
            self.hand_out(&mut out, unit, attempt, what);
        }
    }

    /// Hands out the last event and lets listeners see the end; a run ends once.
    pub(crate) fn end(&self, what: What) {
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !out.ended {
            self.hand_out(&mut out, None, None, what);
            (out.ended, out.listener) = (true, None);
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
        if let Some(listener) = &out.listener {
            listener.send(Arc::new(event));
        }
    }
}

/// The events of one run, from its start or from where it goes on.
pub struct Events {
    receiver: Receiver,
    run: RunId,
    clock: Arc<dyn Clock>,
}

impl Events {
    /// The next event; none after the last. Who is slow gets an event of type `lagged` in place of those missed.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        match self.receiver.next().await? {
            Next::Event(event) => Some(event),
            Next::Missed(missed) => Some(Arc::new(Event {
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
