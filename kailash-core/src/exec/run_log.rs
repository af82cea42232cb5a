//! The journal port: what a run has done, kept so that a crash loses none of it.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, ErrorKind, Result, RunId};

/// One record of a run's journal: an opaque body and its position in the run, dense from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The position in the run.
    pub seq: u64,
    /// The record, at most 1 MiB; larger payloads are blobs.
    pub body: Bytes,
}

/// Keeps the journals of runs. When `append` returns, the record survives whatever the implementation promises to
/// survive; records of one run are never reordered, lost from the middle or changed.
#[async_trait]
pub trait RunLog: Send + Sync {
    /// Appends records to `run`; the first must have position `expected`, the length of the run so far.
    ///
    /// # Errors
    /// Kind `Conflict`, code `run_log.position`, if another writer was faster; kind `Limit` for a record over 1 MiB.
    async fn append(&self, run: RunId, expected: u64, records: Vec<Bytes>) -> Result<()>;

    /// The records of `run` from position `from` on, at most `limit`; none for an unknown run.
    ///
    /// # Errors
    /// Damage in storage.
    async fn read(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<Entry>>;

    /// The last record of `run`; none for an unknown run.
    ///
    /// # Errors
    /// Damage in storage.
    async fn last(&self, run: RunId) -> Result<Option<Entry>>;

    /// The runs after `after`, in order of their ids, at most `limit`.
    ///
    /// # Errors
    /// Damage in storage.
    async fn runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>>;

    /// Forgets a run; an unknown one is no error.
    ///
    /// # Errors
    /// Failing storage.
    async fn prune(&self, run: RunId) -> Result<()>;
}

/// The size a record may have, in bytes.
const MAX_RECORD: usize = 1 << 20;

/// Refuses records that are too long.
pub(crate) fn check_record(records: &[Bytes]) -> Result<()> {
    if records.iter().all(|record| record.len() <= MAX_RECORD) {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Limit, "run_log.record", "a record may have 1 MiB at most");
    Err(error.with_retry(crate::Retry::Never))
}

/// A run log in memory: survives nothing but is exact about everything else.
#[derive(Debug, Default)]
pub struct MemoryRunLog(Mutex<BTreeMap<RunId, Vec<Bytes>>>);

#[async_trait]
impl RunLog for MemoryRunLog {
    async fn append(&self, run: RunId, expected: u64, records: Vec<Bytes>) -> Result<()> {
        check_record(&records)?;
        let mut runs = lock(&self.0);
        let length = runs.get(&run).map_or(0, |journal| journal.len() as u64);
        if length != expected {
            let message = format!("the journal has {length} records, not {expected}");
            return Err(Error::new(ErrorKind::Conflict, "run_log.position", message));
        }
        runs.entry(run).or_default().extend(records);
        Ok(())
    }

    async fn read(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        let runs = lock(&self.0);
        let journal = runs.get(&run).map(Vec::as_slice).unwrap_or_default();
        let entries = (0_u64..).zip(journal).map(|(seq, body)| Entry { seq, body: body.clone() });
        Ok(entries.skip_while(|entry| entry.seq < from).take(limit).collect())
    }

    async fn last(&self, run: RunId) -> Result<Option<Entry>> {
        let runs = lock(&self.0);
        let journal = runs.get(&run).map(Vec::as_slice).unwrap_or_default();
        Ok((0_u64..).zip(journal).last().map(|(seq, body)| Entry { seq, body: body.clone() }))
    }

    async fn runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>> {
        let runs = lock(&self.0);
        Ok(runs.keys().filter(|run| after.is_none_or(|after| **run > after)).take(limit).copied().collect())
    }

    async fn prune(&self, run: RunId) -> Result<()> {
        lock(&self.0).remove(&run);
        Ok(())
    }
}

/// Locks `mutex`; a panic elsewhere does not make plain data unusable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
