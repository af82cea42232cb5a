//! A run at a glance: its first record and its last, and none of its values from blobs.

use kailash_core::{Map, Result, RunId, RunStatus, Text, exec::Timestamp};

use super::{End, Journal, Record, Wait, records::unknown};

/// A run at a glance.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// The workflow's name.
    pub workflow: Text,
    /// When it began.
    pub began: Timestamp,
    /// What whoever began it wanted to find again.
    pub labels: Map,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// What it waits for, if it was put aside and nothing has gone on since.
    pub wait: Option<Wait>,
    /// How many records its journal has.
    pub records: u64,
}

impl Summary {
    /// How it stands as far as its journal knows: a run that is neither ended nor put aside is `Running`, though the
    /// process that ran it may be gone.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        match (&self.end, &self.wait) {
            (Some(end), _) => end.status,
            (None, Some(_)) => RunStatus::Suspended,
            (None, None) => RunStatus::Running,
        }
    }
}

pub(super) async fn read(journal: &Journal, run: RunId) -> Result<Summary> {
    let first = journal.log.read(run, 0, 1).await?.pop();
    let (Some(first), Some(last)) = (first, journal.log.last(run).await?) else { return Err(unknown(run)) };
    let Record::Begun { at: began, name: workflow, labels, .. } = Record::decode(&first.body)? else {
        return Err(unknown(run));
    };
    let records = last.seq + 1;
    let (end, wait) = match Record::decode(&last.body)? {
        Record::Ended { at, status, error } => (Some(End { at, status, error: error.map(Into::into) }), None),
        Record::Parked { wait, .. } => (None, Some(wait)),
        _ => (None, None),
    };
    Ok(Summary { run, workflow, began, labels, end, wait, records })
}
