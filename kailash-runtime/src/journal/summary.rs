//! A run at a glance: what can be told without loading any of its values from blobs.

use kailash_core::{Result, RunId, Text, exec::Timestamp};

use super::{
    End, Journal, Record,
    records::{Records, unknown},
};

/// A run at a glance.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The run.
    pub run: RunId,
    /// The workflow's name.
    pub workflow: Text,
    /// When it began.
    pub began: Timestamp,
    /// How it ended, if it did.
    pub end: Option<End>,
    /// How many units have given their outputs or failed for good.
    pub answered: usize,
}

pub(super) async fn read(journal: &Journal, run: RunId) -> Result<Summary> {
    let (mut records, mut summary) = (Records::of(journal, run), None);
    while let Some(page) = records.page().await? {
        for (_, record) in page {
            match (record, &mut summary) {
                (Record::Begun { at, name, .. }, _) => {
                    summary = Some(Summary { run, workflow: name, began: at, end: None, answered: 0 });
                }
                (Record::Done { .. } | Record::Failed { .. }, Some(summary)) => summary.answered += 1,
                (Record::Ended { at, status, error }, Some(summary)) => {
                    summary.end = Some(End { at, status, error: error.map(Into::into) });
                }
                _ => {}
            }
        }
    }
    summary.ok_or_else(|| unknown(run))
}
