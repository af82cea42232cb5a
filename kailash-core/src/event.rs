//! What happens in a run, told to whoever listens. Values are never part of an event.

use serde::{Deserialize, Serialize};

use crate::{ErrorKind, RunId, Text, exec::Timestamp};

/// The version of the event shape; readers ignore types and data they do not know.
pub const EVENT_VERSION: u32 = 1;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`EVENT_VERSION`].
    pub v: u32,
    /// The run.
    pub run: RunId,
    /// The position in the run, dense from 0, also behind a time in which the run was put aside. Where its process
    /// ended without a word, numbers are left out: none is used twice.
    pub seq: u64,
    /// The wall-clock time, RFC 3339 in JSON.
    pub at: Timestamp,
    /// The unit, as [`crate::UnitId`] prints; absent for events of the run itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<Text>,
    /// The attempt at the unit, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempt: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// The types of events. Types are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[non_exhaustive]
pub enum What {
    /// The run began.
    #[serde(rename = "run.started")]
    RunStarted {
        /// The workflow's name.
        workflow: Text,
        /// How many nodes it has.
        nodes: usize,
    },
    /// The run goes on, after it was put aside or its process ended.
    #[serde(rename = "run.resumed")]
    RunResumed {
        /// The workflow's name.
        workflow: Text,
        /// How many nodes it has.
        nodes: usize,
    },
    /// The run ended.
    #[serde(rename = "run.finished")]
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// Wall time in milliseconds since the run began, with every time in which it was put aside.
        duration_ms: f64,
    },
    /// Nothing is left to do but wait: the run was put aside until a time or a signal comes.
    #[serde(rename = "run.suspended")]
    RunSuspended {
        /// When it goes on at the latest.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
        /// The signals that it waits for.
        signals: Vec<Text>,
    },
    /// A node began an attempt.
    #[serde(rename = "node.started")]
    NodeStarted,
    /// A node gave its outputs.
    #[serde(rename = "node.finished")]
    NodeFinished {
        /// Wall time of the attempt in milliseconds.
        duration_ms: f64,
    },
    /// A node failed and nothing is left to try.
    #[serde(rename = "node.failed")]
    NodeFailed {
        /// The class of the failure.
        kind: ErrorKind,
        /// Its stable code.
        code: Text,
        /// Its message.
        message: String,
    },
    /// A node failed and will be tried again.
    #[serde(rename = "node.retrying")]
    NodeRetrying {
        /// The message of the failure.
        message: String,
        /// The wait before the next attempt, in milliseconds.
        delay_ms: f64,
    },
    /// A node was not run because no branch led to it or something before it failed.
    #[serde(rename = "node.skipped")]
    NodeSkipped,
    /// A node waits for time or a signal; it costs no task meanwhile.
    #[serde(rename = "node.suspended")]
    NodeSuspended {
        /// When it is woken at the latest.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
        /// The signal that wakes it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        signal: Option<Text>,
    },
    /// What a node waited for has come.
    #[serde(rename = "node.woken")]
    NodeWoken {
        /// Whether a signal came, and not the time.
        signal: bool,
    },
    /// A turn of a cycle ended.
    #[serde(rename = "cycle.turned")]
    CycleTurned {
        /// The turn, from 0.
        iteration: u32,
        /// Whether the convergence check held.
        converged: bool,
    },
    /// What a node says about its own progress.
    #[serde(rename = "node.progress")]
    NodeProgress {
        /// What is being done.
        message: String,
        /// How much is done.
        done: u64,
        /// How much there is, where known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        total: Option<u64>,
    },
    /// The listener was too slow and missed this many events.
    #[serde(rename = "lagged")]
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// How a run stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It has not begun: others are before it.
    Pending,
    /// Under way.
    Running,
    /// It waits for a time or a signal.
    Suspended,
    /// Every node that had to run did, and none failed.
    Completed,
    /// A node failed, a limit passed, or the run could not go on.
    Failed,
    /// Somebody asked it to stop.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
