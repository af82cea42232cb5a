//! The journal of runs: what was done is kept before anybody is told, so that a crash loses none of it.
//!
//! ```text
//! unit done ──> buffer ──append──> run log, durable ──> effectful successors begin, success is reported
//!                                      │
//! after a crash: Past ──> the schedule is played again; what is known is not run again
//! ```
//! Pure and idempotent nodes go on without waiting for the log; a node that acts on the world begins only when all it
//! depends on, and its own beginning, are durable.

mod aside;
mod history;
mod past;
mod recall;
mod record;
mod records;
mod salvage;
mod scribe;
mod signals;
mod summary;
mod waiting;

use std::sync::Arc;

use kailash_core::{
    Error, ErrorKind, Result, RunId, RunStatus, Text, Value,
    exec::{BlobStore, RunLog, Timestamp},
};

pub use history::Happened;
pub(crate) use past::{Before, Suspension, Units, ended, in_doubt};
pub use past::{End, Past};
pub(crate) use recall::recall;
pub use record::Wait;
pub(crate) use record::{FORMAT, KeptError, Payload, Record, UnitPath};
pub use salvage::{Fate, Salvaged};
pub(crate) use scribe::{Admission, Scribe};
pub(crate) use signals::{Signals, Tally};
pub use summary::Summary;
pub(crate) use waiting::{Waiting, Waits};

/// Where the journals of runs are kept.
#[derive(Clone)]
pub struct Journal {
    pub(crate) log: Arc<dyn RunLog>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    /// The runs that wait until it takes what they did.
    pub(crate) waiting: Arc<Waiting>,
}

impl Journal {
    /// Journals in `log`, with large values in `blobs`.
    #[must_use]
    pub fn new(log: Arc<dyn RunLog>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { log, blobs, waiting: Arc::default() }
    }

    /// Whether runs wait because the journal takes nothing for now, most often because its disk is full.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waiting.any()
    }

    /// `run` at a glance, without its values.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; damage in storage.
    pub async fn summary(&self, run: RunId) -> Result<Summary> {
        summary::read(self, run).await
    }

    /// What happened in `run`, from its beginning.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; damage in storage.
    pub async fn history(&self, run: RunId) -> Result<Vec<Happened>> {
        history::read(self, run).await
    }

    /// What happened in `run` from position `from` of its journal on, at most `limit`; none behind its end.
    ///
    /// # Errors
    /// As [`Journal::history`].
    pub async fn history_page(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<Happened>> {
        history::page(self, run, from, limit).await
    }

    /// What is known of `run`.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; code `format.newer` for a journal of a later release; damage in storage.
    pub async fn past(&self, run: RunId) -> Result<Past> {
        Past::read(self, run).await
    }

    /// The runs after `after`, in the order in which they began, at most `limit`.
    ///
    /// # Errors
    /// Damage in storage.
    pub async fn runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>> {
        self.log.runs(after, limit).await
    }

    /// Keeps a signal for a run that was put aside and does not wait for it: the run stays as it lies, and costs no more
    /// than this signal. False if the run waits for it, or may: it is to be resumed with the signal then. If somebody
    /// drives the run after all, one of the two fails.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; kind `Limit`, code `run.signals`, if too many are kept; failing storage.
    pub async fn keep_signal(&self, run: RunId, name: &Text, value: &Value) -> Result<bool> {
        aside::keep_signal(self, run, name, value).await
    }

    /// Ends a run that nobody drives as `Cancelled`, at `at`. If somebody drives it after all, one of the two fails.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; kind `Conflict`, code `run.ended`; failing storage.
    pub async fn cancel(&self, run: RunId, at: Timestamp) -> Result<End> {
        let summary = self.summary(run).await?;
        if summary.end.is_some() {
            return Err(ended(run));
        }
        let error = Error::new(ErrorKind::Cancelled, "run.cancelled", "the run was cancelled");
        let status = RunStatus::Cancelled;
        let record = Record::Ended { at, status, error: Some(KeptError::from(&error)) };
        let record = record.encode(&run.to_string(), &*self.blobs).await?;
        self.log.append(run, summary.records, vec![record]).await?;
        Ok(End { at, status, error: Some(error) })
    }

    /// Forgets a run, with its large values.
    ///
    /// # Errors
    /// Failing storage.
    pub async fn prune(&self, run: RunId) -> Result<()> {
        self.log.prune(run).await?;
        self.blobs.release(&run.to_string()).await
    }
}
