//! Watching: every change, in order, from any log index that is remembered.

use std::collections::VecDeque;

use super::{Coordinator, coordinator::stopped, raft::watch::Receiver, state::Change, store::MachineStore};
use kailash_core::Result;

/// The changes of the state as this member carries them out.
pub struct Watch {
    machine: MachineStore,
    progress: Receiver<u64>,
    next: u64,
    told: VecDeque<Change>,
}

impl Coordinator {
    /// Watches changes from log index `from` on: those that were carried out already too. To go on where a watch ended, on any
    /// member, ask for the index behind that of the last change.
    #[must_use]
    pub fn watch(&self, from: u64) -> Watch {
        let machine = self.0.machine.clone();
        Watch { progress: machine.progress(), machine, next: from, told: VecDeque::new() }
    }
}

impl Watch {
    /// The next change; waits for it.
    ///
    /// # Errors
    /// Kind `Missing`, code `watch.forgotten`, for changes that are not remembered any more: what they led to is in the state;
    /// kind `Unavailable`, code `coordinate.stopped`.
    pub async fn next(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.told.pop_front() {
                return Ok(change);
            }
            let from = self.next;
            self.progress.wait_for(|next| *next > from).await.map_err(|_| stopped(&"its state is gone"))?;
            let history = self.machine.history();
            self.told = history.since(from)?.into();
            self.next = history.next();
        }
    }
}
