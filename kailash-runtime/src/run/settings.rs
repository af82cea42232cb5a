//! How a runtime runs workflows.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Error, Result,
    exec::{Clock, FailurePolicy, SystemClock},
};

use super::events::Hook;
use crate::journal::Journal;

/// Which outputs outlive their last reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Those of every node, for the results.
    #[default]
    All,
    /// Those of nodes that no connection leaves; others are dropped when the last node that needs them has them.
    Leaves,
}

/// How a runtime runs workflows. A workflow's own failure policy goes before these; of two time
/// limits the shorter counts.
#[derive(Clone)]
pub struct Settings {
    /// How many async nodes of one run may be under way at a time.
    pub max_concurrency: usize,
    /// The longest time for a run.
    pub timeout: Option<Duration>,
    /// What a failed node means for the rest of a run.
    pub on_failure: FailurePolicy,
    /// Which outputs outlive their last reader.
    pub keep: Keep,
    /// Batches that a stream connection holds before its producer waits.
    pub link_capacity: usize,
    /// Threads that may be stuck in compute nodes past their time limit before such nodes are refused.
    pub max_stuck: usize,
    /// Called with every event of every run.
    pub hooks: Vec<Hook>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where runs keep what they have done, so that they can be resumed after a crash; none keeps nothing.
    pub journal: Option<Journal>,
    /// Whether a run in which nothing is left to do but wait for time or a signal ends with
    /// [`RunError::Suspended`](crate::RunError::Suspended), to be resumed when it has come. Needs a journal. Without it
    /// such a run waits where it is.
    pub park: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrency: 64,
            timeout: None,
            on_failure: FailurePolicy::default(),
            keep: Keep::default(),
            link_capacity: 4,
            max_stuck: 8,
            hooks: Vec::new(),
            clock: Arc::new(SystemClock::default()),
            journal: None,
            park: false,
        }
    }
}

impl Settings {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Kind `Invalid` for a limit of zero.
    pub fn validate(&self) -> Result<()> {
        if self.max_concurrency == 0 || self.link_capacity == 0 {
            return Err(Error::invalid(
                "settings.zero",
                "max_concurrency and link_capacity must be at least 1",
            ));
        }
        if self.park && self.journal.is_none() {
            return Err(Error::invalid("settings.park", "a run without a journal cannot be put aside"));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(Error::invalid("settings.timeout", "a run cannot end in no time at all"));
        }
        Ok(())
    }
}
