//! How a body ended.

use super::Outputs;
use crate::{Text, exec::Timestamp};

/// How a body ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done; ports without a value are branches not taken.
    Done(Outputs),
    /// It waits for something outside and wants to be run again then; meanwhile it costs no task.
    Suspend(Wake),
}

impl From<Outputs> for Outcome {
    fn from(outputs: Outputs) -> Self {
        Self::Done(outputs)
    }
}

/// What wakes a suspended node.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// A point in time.
    At(Timestamp),
    /// A signal by this name, sent to the run.
    Signal(Text),
}
