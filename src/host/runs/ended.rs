//! How a run ended or stands still, as those who asked for it are told.

use kailash_core::{Error, RunId, RunStatus, Text, exec::Timestamp};
use kailash_runtime::{NodeError, Results, RunError, Wait};

/// A run that ended, or that was put aside.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The run.
    pub run: RunId,
    /// The workflow's name.
    pub workflow: Text,
    /// The version of the workflow; 0 for a document that came with the request.
    pub version: u32,
    /// `Completed`, `Failed`, `Cancelled` or `Suspended`.
    pub status: RunStatus,
    /// When it began.
    pub began: Timestamp,
    /// When it ended or was put aside.
    pub at: Timestamp,
    /// What its nodes gave; none of one that was put aside or lost.
    pub results: Option<Results>,
    /// Why it did not complete.
    pub error: Option<Error>,
    /// The nodes that failed.
    pub errors: Vec<NodeError>,
    /// What it waits for, if it was put aside.
    pub wait: Option<Wait>,
}

/// The parts of an outcome.
pub(super) struct Told {
    pub(super) status: RunStatus,
    pub(super) results: Option<Results>,
    pub(super) error: Option<Error>,
    pub(super) errors: Vec<NodeError>,
    pub(super) wait: Option<Wait>,
}

impl From<kailash_runtime::Outcome> for Told {
    fn from(outcome: kailash_runtime::Outcome) -> Self {
        let nothing =
            Self { status: RunStatus::Failed, results: None, error: None, errors: Vec::new(), wait: None };
        match outcome {
            Ok((results, _)) => Self { status: RunStatus::Completed, results: Some(results), ..nothing },
            Err(RunError::Unfinished(unfinished)) => Self {
                status: unfinished.status,
                results: Some(unfinished.results),
                error: Some(unfinished.error),
                errors: unfinished.errors,
                wait: None,
            },
            Err(RunError::Suspended { wait, .. }) => {
                Self { status: RunStatus::Suspended, wait: Some(wait), ..nothing }
            }
            Err(RunError::Lost { error, .. }) => Self { error: Some(error), ..nothing },
            Err(RunError::Refused(issues)) => Self { error: Some(issues.into()), ..nothing },
        }
    }
}
