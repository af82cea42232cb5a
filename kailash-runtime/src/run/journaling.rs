//! Carries the records of a run to its journal, on a task beside the one that drives the run.
//!
//! ```text
//! settle, admit ──record──> scribe ──(this task)──> run log
//!                              └── durable: units that waited for it begin
//! ```
//! The task begins when the driver first waits for something: a run that never does is written in one piece.

use std::{pin::pin, sync::Arc, time::Duration};

use super::{Run, drive::State};
use crate::{
    journal::{Admission, Journal, KeptError, Record, Wait, Waiting, Waits},
    plan::Unit,
    schedule::Ready,
};
use bytes::Bytes;
use kailash_core::{
    Error, Result, Retry, RunId, RunStatus,
    node::{Outcome, RunScope, UnitKey},
};

/// The first wait before a log that failed is tried again, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// How long the end of a run that did not complete waits for its journal.
const PATIENCE: Duration = Duration::from_secs(2);

/// The wait before a log that failed is tried again.
struct Patience {
    run: RunId,
    wait: Duration,
    journal: Arc<Waiting>,
    /// There from the first wait on.
    waits: Option<Waits>,
}

impl Patience {
    /// Waits, longer each time, unless what failed does not pass.
    async fn after(&mut self, error: Error) -> Result<()> {
        if error.retry() == Retry::Never {
            return Err(error);
        }
        self.waits.get_or_insert_with(|| self.journal.begin(&error));
        tracing::debug!(run = %self.run, %error, "the run waits for its journal");
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(WAITS.1);
        Ok(())
    }
}

impl Run {
    /// Starts the task, if the run has a journal and the task is not under way.
    pub(crate) fn start_journal(self: &Arc<Self>) {
        let mut state = self.lock();
        if state.scribe.is_some() && state.carrier.is_none() {
            state.carrier = Some(self.shared.tokio.spawn(Arc::clone(self).carry()));
        }
    }

    async fn carry(self: Arc<Self>) -> Result<()> {
        loop {
            let taken = {
                let mut state = self.lock();
                let Some(scribe) = &mut state.scribe else { return Ok(()) };
                match scribe.take() {
                    None if scribe.is_closed() => return Ok(()),
                    taken => taken,
                }
            };
            let Some((first, records)) = taken else {
                self.ink.notified().await;
                continue;
            };
            if let Err(error) = self.append(first, records).await {
                let mut state = self.lock();
                state.broken = Some(error.clone());
                state.scribe.iter_mut().for_each(|scribe| scribe.give_up());
                drop(state);
                self.wake.notify_one();
                return Err(error);
            }
            let mut state = self.lock();
            let free = state.scribe.as_mut().map(|scribe| scribe.carried()).unwrap_or_default();
            if !free.is_empty() {
                state.futures.extend(free);
                drop(state);
                self.wake.notify_one();
            }
        }
    }

    /// Appends until it succeeds: a disk that is full may have room again. If a record cannot be kept at all, those before
    /// it are, and the run is ended in its journal in place of it: whoever waits for the run is told of its end, so that
    /// it must not go on after a restart.
    async fn append(&self, first: u64, records: Vec<Record>) -> Result<()> {
        let journal = Arc::clone(&self.journal()?.waiting);
        let mut patience = Patience { run: self.shared.run, wait: WAITS.0, journal, waits: None };
        let holder = self.shared.run.to_string();
        let mut bodies = Vec::with_capacity(records.len());
        let mut refused = None;
        for record in records {
            match self.encode(&record, &holder, &mut patience).await {
                Ok(body) => bodies.push(body),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = &refused
            && first + bodies.len() as u64 > 0
        {
            let (at, error) = (self.shared.clock.now(), Some(error.into()));
            let ended = Record::Ended { at, status: RunStatus::Failed, error };
            bodies.push(self.encode(&ended, &holder, &mut patience).await?);
        }
        while let Err(error) = self.journal()?.log.append(self.shared.run, first, bodies.clone()).await {
            patience.after(error).await?;
        }
        refused.map_or(Ok(()), Err)
    }

    async fn encode(&self, record: &Record, holder: &str, patience: &mut Patience) -> Result<Bytes> {
        loop {
            match record.encode(holder, &*self.journal()?.blobs).await {
                Ok(body) => return Ok(body),
                Err(error) => patience.after(error).await?,
            }
        }
    }

    /// Whether a journal keeps what it does.
    pub(crate) fn is_journalled(&self) -> bool {
        self.engine.settings.journal.is_some()
    }

    fn journal(&self) -> Result<&Journal> {
        self.engine.settings.journal.as_ref().ok_or_else(|| Error::internal("a run without a journal"))
    }

    /// Adds the last record and waits until all are durable. A run that did not complete does not wait long.
    pub(crate) async fn end_journal(
        self: &Arc<Self>,
        status: RunStatus,
        error: Option<&Error>,
    ) -> Result<()> {
        let at = *self.shared.ended.get_or_init(|| self.shared.clock.now());
        let ended = Record::Ended { at, status, error: error.map(KeptError::from) };
        self.close_journal(Some(ended));
        if status == RunStatus::Completed {
            return self.carried().await;
        }
        self.start_journal();
        tokio::time::timeout(PATIENCE, self.carried()).await.unwrap_or_else(|_| {
            let message = "the journal did not take the end of the run in time";
            Err(Error::new(kailash_core::ErrorKind::Unavailable, "journal.late", message))
        })
    }

    /// Waits until the journal knows that the run goes on, unless it is cancelled or put aside before: were it cut off
    /// earlier, its next events would have the numbers of these.
    pub(super) async fn numbered(self: &Arc<Self>) {
        self.start_journal();
        let mut known = pin!(self.recorded());
        while !self.is_winding_down() && !self.shared.is_cancelled() {
            tokio::select! {
                // A journal that takes nothing more ends the run where it is driven.
                Ok(()) | Err(_) = &mut known => return,
                () = self.shared.cancel.notified() => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Adds the record that the run is put aside, and waits until all are durable.
    pub(crate) async fn park_journal(self: &Arc<Self>, wait: Wait) -> Result<()> {
        let at = self.shared.clock.now();
        let (kept, events) = (Some(self.lock().asleep.kept()), Some(self.shared.seal()));
        self.close_journal(Some(Record::Parked { at, wait, kept, events }));
        self.carried().await
    }

    /// Waits until everything is durable, or carries it if there is no task that does.
    async fn carried(self: &Arc<Self>) -> Result<()> {
        let task = self.lock().carrier.take();
        match task {
            Some(task) => task
                .await
                .unwrap_or_else(|error| Err(Error::internal(format!("the journal's task: {error}")))),
            None => Arc::clone(self).carry().await,
        }
    }

    /// Lets the task end when it has carried what there is.
    pub(crate) fn close_journal(&self, ended: Option<Record>) {
        if let Some(scribe) = &mut self.lock().scribe {
            scribe.close(ended);
        }
        self.ink.notify_one();
    }

    /// Decides about a unit that is ready: the unit, if it is to run now.
    #[cold]
    pub(super) fn admit(&self, state: &mut State, planned: &Unit, ready: Ready) -> Option<Ready> {
        let Some(scribe) = &mut state.scribe else { return Some(ready) };
        let path = self.shared.unit_path(ready.unit);
        let admission = scribe.admit(path, planned.effect, planned.keyed, ready);
        if scribe.is_waiting() {
            self.ink.notify_one();
        }
        match admission {
            Admission::Run(ready) => Some(ready),
            Admission::Gated => None,
            Admission::Asleep(ready, wake) => {
                state.asleep.lay(ready, wake);
                None
            }
            Admission::Known(ready, Ok(outputs)) => {
                state.schedule.complete(ready.unit, outputs);
                None
            }
            Admission::Known(ready, Err(error)) => {
                state.schedule.fail(ready.unit, error);
                None
            }
            Admission::Doubted(ready, error) => {
                self.note(state, ready.unit, &Err(error.clone()));
                state.schedule.fail(ready.unit, error);
                None
            }
        }
    }

    /// Notes what a unit gave. What ends because its run does is no answer of the unit.
    #[cold]
    pub(super) fn note(&self, state: &mut State, unit: UnitKey, outcome: &Result<Outcome>) {
        let Some(scribe) = &mut state.scribe else { return };
        if self.shared.cancelled.load(std::sync::atomic::Ordering::Acquire) {
            return;
        }
        scribe.note(self.shared.unit_path(unit), outcome);
        if scribe.is_waiting() {
            self.ink.notify_one();
        }
    }
}
