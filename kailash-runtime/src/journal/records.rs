//! The records of one run, read page by page.

use kailash_core::{Error, Result, RunId};

use super::{Journal, Record};

/// How many records are read at a time.
const PAGE: usize = 1000;

/// Where reading a run's journal stands.
pub(super) struct Records<'j> {
    journal: &'j Journal,
    run: RunId,
    next: u64,
}

impl<'j> Records<'j> {
    pub(super) fn of(journal: &'j Journal, run: RunId) -> Self {
        Self { journal, run, next: 0 }
    }

    /// The next records with their positions; none at the end.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`, if the run has none at all; damage in storage.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<(u64, Record)>>> {
        let entries = self.journal.log.read(self.run, self.next, PAGE).await?;
        let Some(last) = entries.last() else {
            return if self.next == 0 { Err(unknown(self.run)) } else { Ok(None) };
        };
        self.next = last.seq + 1;
        entries
            .iter()
            .map(|entry| Ok((entry.seq, Record::decode(&entry.body)?)))
            .collect::<Result<_>>()
            .map(Some)
    }

    /// How many records were read.
    pub(super) fn count(&self) -> u64 {
        self.next
    }
}

/// The journal has no beginning of this run.
pub(super) fn unknown(run: RunId) -> Error {
    Error::missing("run.unknown", format!("there is no run {run} in the journal"))
}
